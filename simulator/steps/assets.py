"""What wears out and ages: transformers, tap changers, breakers."""

from typing import ClassVar, Literal

from protocols.settings import Field, settings
from simulator.bays import bus_of, feeders_of, transformer_of
from simulator.gas import GASES, MIXTURES
from simulator.grid import feeder_index
from simulator.steps.events import FeederStep
from simulator.steps.step import AMPERES, HIGH, ODD, POWERS, Feeder, Stage, Step, Transformer, of_bay


def transformer_index(transformer: str) -> int:
    """Return the place of `transformer` in arrays of transformers."""
    return int(transformer[1]) - 1


@settings
class Overload(Step):
    """The load of a feeder, or of all feeders of a transformer, grows beyond what they carry for ever."""

    FINDS: ClassVar[tuple[str, ...]] = (
        "overload", "thermal_overload", "hot_spot", "limit_high", "limit_high_high", "forecast_exceeded", "thermal",
        "ageing", *ODD,
    )  # fmt: skip

    do: Literal["overload"]
    of: Feeder | Transformer
    """What is overloaded."""
    factor: float = Field(gt=1, le=4)
    """How many times the usual load there is."""
    ramp_s: float = Field(default=0.0, ge=0, le=86_400)
    """How long it takes to grow."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"load of {self.of} grows to {self.factor:g} times"

    @property
    def points(self) -> tuple[str, ...]:
        """Currents and powers of what is overloaded, then of what feeds it."""
        own = of_bay(self.of, "s", "p", "ia", "ib", "ic", "q", "in", "winding", "oil", *HIGH)
        others = (transformer_of(self.of),) if self.of not in ("t1", "t2") else self._feeders
        return own + tuple(point for bay in others for point in of_bay(bay, *POWERS[:3], *AMPERES, "winding", "oil"))

    @property
    def _feeders(self) -> tuple[str, ...]:
        return feeders_of(bus_of(self.of)) if self.of in ("t1", "t2") else (self.of,)

    def begin(self, stage: Stage) -> None:
        """Grow at once, where it does not take its time."""
        self.go_on(stage, 0.0)

    def go_on(self, stage: Stage, since_s: float) -> None:
        """Grow."""
        share = min(since_s / self.ramp_s, 1.0) if self.ramp_s else 1.0
        for feeder in self._feeders:
            stage.grid.loads.factor[feeder_index(feeder)] = 1 + (self.factor - 1) * share

    def end(self, stage: Stage) -> None:
        """Be as usual."""
        for feeder in self._feeders:
            stage.grid.loads.factor[feeder_index(feeder)] = 1.0


@settings
class TransformerStep(Step):
    """A step about one transformer."""

    transformer: Transformer
    """The transformer."""

    @property
    def _index(self) -> int:
        return transformer_index(self.transformer)


@settings
class CoolingFailure(TransformerStep):
    """Fans and pumps of a transformer stand still: its oil becomes hotter than its load explains."""

    FINDS: ClassVar[tuple[str, ...]] = (
        "thermal", "hot_spot", "thermal_overload", "ageing", "limit_high", "limit_high_high", *ODD,
    )  # fmt: skip

    do: Literal["cooling_failure"]
    rise: float = Field(default=2.0, gt=1, le=4)
    """How many times the normal rise over the air the oil ends at."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"coolers of {self.transformer} stand still"

    @property
    def points(self) -> tuple[str, ...]:
        """Its temperatures."""
        return of_bay(self.transformer, "oil", "winding")

    def begin(self, stage: Stage) -> None:
        """Stop."""
        stage.grid.thermal.hindered[self._index] = self.rise

    def end(self, stage: Stage) -> None:
        """Cool."""
        stage.grid.thermal.hindered[self._index] = 1.0


@settings
class TapHunting(TransformerStep):
    """A tap changer goes up and down without need: its regulator is too nervous."""

    FINDS: ClassVar[tuple[str, ...]] = ("tap_hunting", "pattern_break")

    do: Literal["tap_hunting"]
    period_s: float = Field(default=60.0, ge=2, le=3600)
    """How long once up and down takes."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"tap changer of {self.transformer} hunts"

    @property
    def points(self) -> tuple[str, ...]:
        """Its position."""
        return of_bay(self.transformer, "tap")

    def begin(self, stage: Stage) -> None:
        """Hunt."""
        stage.grid.taps.hunting_s[self._index] = self.period_s

    def end(self, stage: Stage) -> None:
        """Calm down."""
        stage.grid.taps.hunting_s[self._index] = float("nan")


@settings
class IncipientGas(TransformerStep):
    """A fault inside a transformer makes gas, which stays in the oil when the fault is over."""

    FINDS: ClassVar[tuple[str, ...]] = ("dissolved_gas", "gassing", *ODD)

    do: Literal["incipient_gas"]
    fault: Literal["PD", "D1", "D2", "T1", "T2", "T3"]
    """Partial discharge, discharges of low or high energy, thermal below 300, up to 700, above 700 degC."""
    ppm_per_h: float = Field(gt=0, le=100_000)
    """How fast the foremost gas of the fault grows; real faults take weeks, 1 ppm/h is a bad one."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"gas of fault {self.fault} in {self.transformer}, {self.ppm_per_h:g} ppm/h"

    @property
    def points(self) -> tuple[str, ...]:
        """Its gases, those that grow most first."""
        growing = sorted(zip(MIXTURES[self.fault], GASES, strict=True), reverse=True)
        return of_bay(self.transformer, *(gas for _, gas in growing))

    def begin(self, stage: Stage) -> None:
        """Make gas."""
        mixture = MIXTURES[self.fault]
        stage.grid.gases.rate[self._index] = self.ppm_per_h * mixture / mixture[:5].max()

    def end(self, stage: Stage) -> None:
        """Make no more."""
        stage.grid.gases.rate[self._index] = 0.0


@settings
class BreakerWear(FeederStep):
    """A breaker opens and closes under load, again and again."""

    FINDS: ClassVar[tuple[str, ...]] = ("breaker_pumping", "breaker_wear", "pattern_break")

    do: Literal["breaker_wear"]
    period_s: float = Field(default=60.0, ge=2, le=3600)
    """How long once open and closed takes."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"breaker of {self.feeder} opens every {self.period_s:g} s"

    @property
    def points(self) -> tuple[str, ...]:
        """Its position, then what it interrupts."""
        return of_bay(self.feeder, "cb52", *POWERS[:3], *AMPERES)

    def begin(self, stage: Stage) -> None:
        """Open."""
        stage.grid.switch(self.feeder, closed=False)

    def go_on(self, stage: Stage, since_s: float) -> None:
        """Close for the second half of each period."""
        stage.grid.switch(self.feeder, closed=since_s % self.period_s >= self.period_s / 2)

    def end(self, stage: Stage) -> None:
        """Stay closed."""
        stage.grid.switch(self.feeder, closed=True)
