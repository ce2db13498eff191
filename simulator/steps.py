"""What can happen in a scenario: one class a kind of step, each knows how it begins and how it ends."""

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol, TypeAlias

from protocols.settings import AfterValidator, Field, settings
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.meter import BAYS, INDEX


class Stage(Protocol):
    """What steps act on."""

    @property
    def grid(self) -> Grid:
        """The physics."""

    @property
    def conducts(self) -> Mapping[str, Conduct]:
        """How each bay's servers behave."""


def _bay(name: str) -> str:
    if name not in BAYS:
        raise ValueError(f"'{name}' is no bay; there are {', '.join(BAYS)}")
    return name


def _point(name: str) -> str:
    bay, _, quantity = name.partition(".")
    if name not in INDEX:
        of_bay = ", ".join(BAYS[_bay(bay)])
        raise ValueError(f"'{quantity}' is not measured in {bay}; there are {of_bay}")
    return name


Bay = Annotated[str, AfterValidator(_bay)]
Point = Annotated[str, AfterValidator(_point)]
"""BAY.QUANTITY."""
Feeder = Literal["feeder1", "feeder2", "feeder3", "feeder4", "feeder5", "feeder6"]


@settings
class Step:
    """Keys of every step."""

    at_s: float = Field(ge=0, le=86_400)
    """When it begins, in simulated seconds from the start."""
    for_s: float = Field(gt=0, le=86_400)
    """How long it lasts, in simulated seconds."""

    @property
    def end_s(self) -> float:
        """When it ends."""
        return self.at_s + self.for_s

    @property
    def text(self) -> str:
        """What it does, for people."""
        raise NotImplementedError

    def begin(self, stage: Stage) -> None:
        """Make it happen."""
        raise NotImplementedError

    def end(self, stage: Stage) -> None:
        """Make it over."""
        raise NotImplementedError


@settings
class OverVoltage(Step):
    """A bus section is driven to another voltage; its regulator is blocked, as when it fails."""

    do: Literal["over_voltage"]
    bus: Literal["bb1", "bb2"]
    """The bus section."""
    per_unit: float = Field(ge=0.1, le=1.5)
    """Its voltage, per unit of nominal."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"voltage of {self.bus} at {self.per_unit:g} per unit"

    def begin(self, stage: Stage) -> None:
        """Force the voltage."""
        stage.grid.force(self.bus, self.per_unit)

    def end(self, stage: Stage) -> None:
        """Let the regulator have it back."""
        stage.grid.force(self.bus, None)


@settings
class FeederTrip(Step):
    """A feeder's breaker opens, and recloses at the end."""

    do: Literal["feeder_trip"]
    feeder: Feeder
    """The feeder."""

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
class StuckSensor(Step):
    """A measurement keeps its value."""

    do: Literal["stuck_sensor"]
    point: Point
    """The measurement: BAY.QUANTITY."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} stuck"

    def begin(self, stage: Stage) -> None:
        """Stick."""
        stage.grid.hold(self.point, held=True)

    def end(self, stage: Stage) -> None:
        """Measure again."""
        stage.grid.hold(self.point, held=False)


@settings
class BadAnswers(Step):
    """A server does not answer, refuses connections, hangs up in mid-frame, or sends garbage."""

    do: Literal["dead_unit", "closed_unit", "cut_frame", "garbage"]
    unit: Bay
    """The bay whose server it is."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        told = {
            "dead_unit": "does not answer",
            "closed_unit": "refuses connections",
            "cut_frame": "hangs up in mid-frame",
            "garbage": "answers with garbage",
        }
        return f"{self.unit} {told[self.do]}"

    def begin(self, stage: Stage) -> None:
        """Misbehave."""
        stage.conducts[self.unit].answers = ANSWERS[self.do]

    def end(self, stage: Stage) -> None:
        """Behave."""
        stage.conducts[self.unit].answers = "well"


@settings
class SlowUnit(Step):
    """A server answers late."""

    do: Literal["slow_unit"]
    unit: Bay
    """The bay whose server it is."""
    delay_s: float = Field(gt=0, le=60)
    """How late each answer is, in real seconds."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} answers {self.delay_s:g} s late"

    def begin(self, stage: Stage) -> None:
        """Become slow."""
        stage.conducts[self.unit].delay_s = self.delay_s

    def end(self, stage: Stage) -> None:
        """Become quick."""
        stage.conducts[self.unit].delay_s = 0.0


@settings
class IllegalAddress(Step):
    """A register is refused with exception 2, illegal data address."""

    do: Literal["illegal_address"]
    point: Point
    """The measurement: BAY.QUANTITY."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} refused"

    def begin(self, stage: Stage) -> None:
        """Refuse."""
        stage.conducts[self._bay].refused.add(self.point)

    def end(self, stage: Stage) -> None:
        """Allow."""
        stage.conducts[self._bay].refused.discard(self.point)

    @property
    def _bay(self) -> str:
        return self.point.partition(".")[0]


ANSWERS: Mapping[str, Literal["silent", "closed", "cut", "garbage"]] = {
    "dead_unit": "silent",
    "closed_unit": "closed",
    "cut_frame": "cut",
    "garbage": "garbage",
}
STEPS: Mapping[str, type[Step]] = {
    "over_voltage": OverVoltage,
    "feeder_trip": FeederTrip,
    "stuck_sensor": StuckSensor,
    **dict.fromkeys(ANSWERS, BadAnswers),
    "slow_unit": SlowUnit,
    "illegal_address": IllegalAddress,
}
AnyStep: TypeAlias = Annotated[
    OverVoltage | FeederTrip | StuckSensor | BadAnswers | SlowUnit | IllegalAddress, Field(discriminator="do")
]
