"""Somebody who takes over a device, or stands in front of it: what our own conversations show of that."""

from typing import ClassVar, Literal

from protocols.settings import Field, settings
from simulator.meter import INDEX
from simulator.steps.step import WRONG, Bay, Feeder, Stage, Step

PLAN: tuple[str, ...] = ("feeder1", "feeder3", "feeder5")
"""Feeders of both sections: no fault on one bus would open them all."""


@settings
class UnitStep(Step):
    """A step about the servers of one bay."""

    unit: Bay
    """The bay whose server it is."""

    @property
    def devices(self) -> tuple[str, ...]:
        """The bay."""
        return (self.unit,)


@settings
class WrongUnit(UnitStep):
    """Answers bear another unit than was asked: somebody else answers on the Modbus line."""

    FINDS: ClassVar[tuple[str, ...]] = ("wrong_unit_or_exception", "orphan_response", "comm_lost", "stale")

    do: Literal["wrong_unit"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} answers as another unit"

    def begin(self, stage: Stage) -> None:
        """Answer as the next one."""
        stage.conducts[self.unit].unit_off = 1

    def end(self, stage: Stage) -> None:
        """Answer as itself."""
        stage.conducts[self.unit].unit_off = 0


@settings
class StrangeExceptions(UnitStep):
    """Every request is refused with a Modbus exception that the device never used."""

    FINDS: ClassVar[tuple[str, ...]] = ("wrong_unit_or_exception", "bad_address", "stale")

    do: Literal["strange_exceptions"]
    code: Literal[4, 6] = 4
    """Exception code: 4 device failure, 6 busy."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} refuses with exception {self.code}"

    def begin(self, stage: Stage) -> None:
        """Refuse."""
        stage.conducts[self.unit].exception = self.code

    def end(self, stage: Stage) -> None:
        """Answer."""
        stage.conducts[self.unit].exception = 0


@settings
class ManInTheMiddle(UnitStep):
    """Somebody stands between and hands on what both sides say, a little later."""

    FINDS: ClassVar[tuple[str, ...]] = ("rtt_shift", "comm_lost")

    do: Literal["man_in_the_middle"]
    delay_s: float = Field(default=0.02, gt=0, le=1)
    """How much later each answer is, in real seconds."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} answers {self.delay_s * 1000:g} ms later than before"

    def begin(self, stage: Stage) -> None:
        """Step in between."""
        stage.conducts[self.unit].delay_s = self.delay_s

    def end(self, stage: Stage) -> None:
        """Go."""
        stage.conducts[self.unit].delay_s = 0.0


@settings
class OtherFirmware(UnitStep):
    """A device comes back with another firmware: Modbus tells it by 43/14."""

    FINDS: ClassVar[tuple[str, ...]] = ("identity_change", "comm_lost", "stale")

    do: Literal["other_firmware"]
    revision: str = Field(default="9.9", min_length=1, max_length=16)
    """The revision that it tells."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} runs firmware {self.revision}"

    def begin(self, stage: Stage) -> None:
        """Load it, and start."""
        conduct = stage.conducts[self.unit]
        conduct.revision, conduct.restarts = self.revision, conduct.restarts + 1

    def end(self, stage: Stage) -> None:
        """Load the old one, and start."""
        conduct = stage.conducts[self.unit]
        conduct.revision, conduct.restarts = type(conduct)().revision, conduct.restarts + 1


@settings
class DeviceRestart(UnitStep):
    """A device is restarted: it hangs up on everyone, and an outstation of DNP3 says so (IIN 1.7)."""

    FINDS: ClassVar[tuple[str, ...]] = ("device_restart", "comm_lost", "stale")

    do: Literal["restart_unit"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} is restarted"

    def begin(self, stage: Stage) -> None:
        """Restart."""
        stage.conducts[self.unit].restarts += 1

    def end(self, stage: Stage) -> None:
        """It runs long since."""


@settings
class ClockStep(UnitStep):
    """The clock of a device is set to another time, which its DNP3 events bear."""

    FINDS: ClassVar[tuple[str, ...]] = ("clock_jump", "replay_frozen")

    do: Literal["clock_step"]
    by_s: float = Field(ge=-86_400, le=86_400)
    """How far ahead it is set, in seconds."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"clock of {self.unit} {self.by_s:+g} s"

    def begin(self, stage: Stage) -> None:
        """Set it."""
        stage.conducts[self.unit].clock_s = self.by_s

    def end(self, stage: Stage) -> None:
        """Set it right."""
        stage.conducts[self.unit].clock_s = 0.0


@settings
class UnaskedReports(UnitStep):
    """An outstation sends DNP3 events unsolicited although the gateway has switched that off."""

    FINDS: ClassVar[tuple[str, ...]] = ("unexpected_unsolicited",)

    do: Literal["unasked_reports"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} reports unasked"

    def begin(self, stage: Stage) -> None:
        """Send."""
        stage.conducts[self.unit].insists = True

    def end(self, stage: Stage) -> None:
        """Wait until it is asked."""
        stage.conducts[self.unit].insists = False


@settings
class ForgedTrip(Step):
    """A breaker is told open that is closed: currents flow on, and nothing was the reason for it to trip."""

    FINDS: ClassVar[tuple[str, ...]] = ("trip_without_cause", *WRONG)

    do: Literal["forged_trip"]
    feeder: Feeder
    """The feeder."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"breaker of {self.feeder} told open"

    @property
    def points(self) -> tuple[str, ...]:
        """The breaker."""
        return (f"{self.feeder}.cb52",)

    def begin(self, stage: Stage) -> None:
        """Tell it open."""
        stage.grid.instruments.gain[INDEX[self.points[0]]] = 0.0

    def end(self, stage: Stage) -> None:
        """Tell the truth."""
        stage.grid.instruments.gain[INDEX[self.points[0]]] = 1.0


@settings
class StolenCoil(Step):
    """Somebody writes the coil of the bus coupler, which is no master of it."""

    FINDS: ClassVar[tuple[str, ...]] = ("change_not_ours", "trip_without_cause")

    do: Literal["stolen_coil"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return "coil of the coupler written by a stranger"

    @property
    def points(self) -> tuple[str, ...]:
        """The coupler, on both sections."""
        return ("bus1.coupler", "bus2.coupler")

    def begin(self, stage: Stage) -> None:
        """Write it."""
        stage.grid.network.coupler = not stage.grid.network.coupler

    def end(self, stage: Stage) -> None:
        """Write it back."""
        stage.grid.network.coupler = not stage.grid.network.coupler


@settings
class CoordinatedTrip(Step):
    """Breakers of three feeders on both sections are opened at once, and nothing was wrong with any."""

    FINDS: ClassVar[tuple[str, ...]] = ("coordinated_change", "trip_without_cause")

    do: Literal["coordinated_trip"]

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"breakers of {', '.join(PLAN)} opened together"

    @property
    def points(self) -> tuple[str, ...]:
        """The breakers."""
        return tuple(f"{feeder}.cb52" for feeder in PLAN)

    def begin(self, stage: Stage) -> None:
        """Open them."""
        for feeder in PLAN:
            stage.grid.switch(feeder, closed=False)

    def end(self, stage: Stage) -> None:
        """Close them."""
        for feeder in PLAN:
            stage.grid.switch(feeder, closed=True)


@settings
class FrozenCounter(Step):
    """The energy of a feeder is served as it was, while all else is true."""

    FINDS: ClassVar[tuple[str, ...]] = ("replay_frozen", "stuck", *WRONG)

    do: Literal["frozen_counter"]
    feeder: Feeder
    """The feeder."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"energy of {self.feeder} frozen"

    @property
    def points(self) -> tuple[str, ...]:
        """The counter."""
        return (f"{self.feeder}.e",)

    def begin(self, stage: Stage) -> None:
        """Freeze it."""
        stage.grid.hold(self.points[0], held=True)

    def end(self, stage: Stage) -> None:
        """Let it count."""
        stage.grid.hold(self.points[0], held=False)
