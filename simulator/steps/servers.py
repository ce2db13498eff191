"""Servers that misbehave: silence, refusals, garbage, late answers, unknown addresses."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from protocols.settings import Field, settings
from simulator.steps.step import Bay, Point, Stage, Step

ANSWERS: Mapping[str, Literal["silent", "closed", "cut", "garbage"]] = {
    "dead_unit": "silent",
    "closed_unit": "closed",
    "cut_frame": "cut",
    "garbage": "garbage",
}


@settings
class BadAnswers(Step):
    """A server does not answer, refuses connections, hangs up in mid-frame, or sends garbage."""

    FINDS: ClassVar[tuple[str, ...]] = ("comm_lost", "stale")

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

    @property
    def devices(self) -> tuple[str, ...]:
        """The bay."""
        return (self.unit,)

    def begin(self, stage: Stage) -> None:
        """Misbehave."""
        stage.conducts[self.unit].answers = ANSWERS[self.do]

    def end(self, stage: Stage) -> None:
        """Behave."""
        stage.conducts[self.unit].answers = "well"


@settings
class SlowUnit(Step):
    """A server answers late; only one that is later than it may take is lost."""

    FINDS: ClassVar[tuple[str, ...]] = ("comm_lost", "stale")

    do: Literal["slow_unit"]
    unit: Bay
    """The bay whose server it is."""
    delay_s: float = Field(gt=0, le=60)
    """How late each answer is, in real seconds."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.unit} answers {self.delay_s:g} s late"

    @property
    def devices(self) -> tuple[str, ...]:
        """The bay."""
        return (self.unit,)

    def begin(self, stage: Stage) -> None:
        """Become slow."""
        stage.conducts[self.unit].delay_s = self.delay_s

    def end(self, stage: Stage) -> None:
        """Become quick."""
        stage.conducts[self.unit].delay_s = 0.0


@settings
class IllegalAddress(Step):
    """A register is refused with exception 2, illegal data address."""

    FINDS: ClassVar[tuple[str, ...]] = ("bad_address", "stale")

    do: Literal["illegal_address"]
    point: Point
    """The measurement: BAY.QUANTITY."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"{self.point} refused"

    @property
    def points(self) -> tuple[str, ...]:
        """The point."""
        return (self.point,)

    def begin(self, stage: Stage) -> None:
        """Refuse."""
        stage.conducts[self._bay].refused.add(self.point)

    def end(self, stage: Stage) -> None:
        """Allow."""
        stage.conducts[self._bay].refused.discard(self.point)

    @property
    def _bay(self) -> str:
        return self.point.partition(".")[0]
