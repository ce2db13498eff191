"""What happens in a grid: ordinary days have load steps, taps and switching, bad ones voltages and frequencies."""

from typing import ClassVar, Literal

from protocols.settings import Field, settings
from simulator.bays import bays_of
from simulator.grid import feeder_index
from simulator.meter import BAYS
from simulator.steps.step import AMPERES, BEYOND, ODD, POWERS, VOLTS, Bus, Feeder, Stage, Step, Transformer, of_bay

RAMP_S = 5.0
"""How long a frequency takes to where it goes: a large power station lost is 0.2 Hz/s or so."""


@settings
class OverVoltage(Step):
    """A bus section is driven to another voltage; its regulator is blocked, as when it fails."""

    FINDS: ClassVar[tuple[str, ...]] = (*BEYOND, "rate_of_change", *ODD)

    do: Literal["over_voltage"]
    bus: Bus
    """The bus section."""
    per_unit: float = Field(ge=0.1, le=1.5)
    """Its voltage, per unit of nominal."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"voltage of {self.bus} at {self.per_unit:g} per unit"

    @property
    def points(self) -> tuple[str, ...]:
        """The voltages of the bus section, then everybody's on it."""
        return tuple(point for bay in bays_of(self.bus) for point in of_bay(bay, *VOLTS))

    def begin(self, stage: Stage) -> None:
        """Force the voltage."""
        stage.grid.force(self.bus, self.per_unit)

    def end(self, stage: Stage) -> None:
        """Let the regulator have it back."""
        stage.grid.force(self.bus, None)


@settings
class FeederStep(Step):
    """A step about one feeder."""

    feeder: Feeder
    """The feeder."""

    @property
    def points(self) -> tuple[str, ...]:
        """Its currents and powers."""
        return of_bay(self.feeder, *POWERS[:3], *AMPERES)


@settings
class FeederTrip(FeederStep):
    """A feeder's breaker opens, and recloses at the end: switching, of which a gateway tells the breaker alone."""

    do: Literal["feeder_trip"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"breaker of {self.feeder} open"

    def begin(self, stage: Stage) -> None:
        """Trip."""
        stage.grid.switch(self.feeder, closed=False)

    def end(self, stage: Stage) -> None:
        """Reclose."""
        stage.grid.switch(self.feeder, closed=True)


@settings
class LoadStep(FeederStep):
    """A large customer of a feeder switches on, and off at the end."""

    do: Literal["load_step"]
    factor: float = Field(ge=0, le=1.5)
    """How many times its load the feeder has; what is more than that is an `overload`."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"load of {self.feeder} at {self.factor:g} times"

    def begin(self, stage: Stage) -> None:
        """Switch on."""
        stage.grid.loads.factor[feeder_index(self.feeder)] = self.factor

    def end(self, stage: Stage) -> None:
        """Switch off."""
        stage.grid.loads.factor[feeder_index(self.feeder)] = 1.0


@settings
class TapChange(Step):
    """Somebody moves a tap changer by hand; its regulator has it back afterwards."""

    do: Literal["tap_change"]
    transformer: Transformer
    """The transformer."""
    by: Literal[-1, 1]
    """One position down or up."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"tap of {self.transformer} moved by {self.by:+d}"

    @property
    def points(self) -> tuple[str, ...]:
        """The position."""
        return (f"{self.transformer}.tap",)

    def begin(self, stage: Stage) -> None:
        """Move."""
        stage.grid.taps.nudge(int(self.transformer[1]) - 1, self.by)

    def end(self, stage: Stage) -> None:
        """Leave the rest to the regulator."""


@settings
class Coupler(Step):
    """The coupler between the bus sections closes, and opens at the end."""

    do: Literal["coupler"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return "coupler closed"

    @property
    def points(self) -> tuple[str, ...]:
        """Its position, as each bus section tells it."""
        return ("bus1.coupler", "bus2.coupler")

    def begin(self, stage: Stage) -> None:
        """Close."""
        stage.grid.network.coupler = True

    def end(self, stage: Stage) -> None:
        """Open."""
        stage.grid.network.coupler = False


@settings
class VoltageUnbalance(Step):
    """One phase of the transmission grid sags: everything below it is unbalanced."""

    FINDS: ClassVar[tuple[str, ...]] = ("unbalance", *BEYOND, *ODD)

    do: Literal["voltage_unbalance"]
    percent: float = Field(gt=0, le=50)
    """How far phase a sags; the negative sequence is about a third of it."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"phase a of the transmission grid {self.percent:g} % low"

    @property
    def points(self) -> tuple[str, ...]:
        """All voltages."""
        return tuple(point for bay in reversed(BAYS) for point in of_bay(bay, *VOLTS, "hva", "hvb", "hvc"))

    def begin(self, stage: Stage) -> None:
        """Sag."""
        stage.grid.source[0] = 1 - self.percent / 100

    def end(self, stage: Stage) -> None:
        """Recover."""
        stage.grid.source[0] = 1.0


@settings
class FrequencyExcursion(Step):
    """The frequency of the whole grid is off; it goes there and comes back within `RAMP_S`."""

    FINDS: ClassVar[tuple[str, ...]] = (*BEYOND, "rate_of_change", *ODD)

    do: Literal["frequency_excursion"]
    offset_hz: float = Field(ge=-5, le=5)
    """How far."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"frequency off by {self.offset_hz:+g} Hz"

    @property
    def points(self) -> tuple[str, ...]:
        """The frequency, wherever it is measured."""
        return tuple(point for bay in reversed(BAYS) for point in of_bay(bay, "f"))

    def begin(self, stage: Stage) -> None:
        """Nothing to be seen yet: the inertia of a grid holds it for a moment."""

    def go_on(self, stage: Stage, since_s: float) -> None:
        """Fall, or rise, and stay."""
        stage.grid.offset_hz = self.offset_hz * min(since_s / RAMP_S, 1.0)

    def end(self, stage: Stage) -> None:
        """Recover."""
        stage.grid.offset_hz = 0.0
