"""Somebody between the instruments and the gateway who lies: old values once more, or new ones that fit together."""

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from protocols.settings import Field, settings
from simulator.bays import transformer_of
from simulator.grid import feeder_index
from simulator.meter import BAYS, INDEX, NAMES
from simulator.steps.step import AMPERES, HIGH, POWERS, WRONG, Bay, Feeder, Stage, Step, of_bay
from simulator.tape import LONGEST_S, Tape


@settings
class Replay(Step):
    """What one bay showed before, or all of them, is served once more, over and over."""

    FINDS: ClassVar[tuple[str, ...]] = ("replay", *WRONG)

    do: Literal["replay"]
    unit: Bay | Literal["all"]
    """The bay, or all."""
    record_s: float = Field(ge=1, le=LONGEST_S)
    """How many seconds, the last ones before it begins."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        whose = "every bay" if self.unit == "all" else self.unit
        return f"replay of the last {self.record_s:g} s of {whose}"

    @property
    def points(self) -> tuple[str, ...]:
        """All of the bay, or of all."""
        return NAMES if self.unit == "all" else of_bay(self.unit, *BAYS[self.unit])

    def prepare(self, stage: Stage) -> None:
        """Record."""
        tape = stage.grid.tape
        stage.grid.tape = Tape(max(self.record_s, tape.length_s if tape else 0.0))

    def begin(self, stage: Stage) -> None:
        """Play."""
        assert stage.grid.tape is not None
        stage.grid.tape.play(self._rows, stage.grid.time_s, self.record_s)

    def end(self, stage: Stage) -> None:
        """Stop."""
        assert stage.grid.tape is not None
        stage.grid.tape.stop(self._rows)

    @property
    def _rows(self) -> NDArray[np.int64]:
        return np.array([INDEX[point] for point in self.points])


@settings
class SlowInjection(Step):
    """A load that is not there grows slowly in all values it would change: of the feeder, and of its transformer.

    What is told is the solution of the same network for another load, so every balance and every equation holds. Only
    the oil knows better: temperatures follow the true load.
    """

    FINDS: ClassVar[tuple[str, ...]] = ("pattern_break", "forecast_exceeded", "drift", "outlier", "thermal", "overload")

    do: Literal["slow_injection"]
    feeder: Feeder
    """The feeder."""
    factor: float = Field(ge=0, le=3)
    """How many times its load it is told to have at the end; it grows steadily all the time."""

    @property
    def text(self) -> str:
        """What it does, for people."""
        return f"load of {self.feeder} told as {self.factor:g} times, slowly"

    @property
    def points(self) -> tuple[str, ...]:
        """Of the feeder, then of the transformer."""
        transformer = transformer_of(self.feeder)
        own = of_bay(self.feeder, *POWERS, *AMPERES, "e")
        return own + of_bay(transformer, *POWERS, *AMPERES, *HIGH, "oil", "winding")

    def begin(self, stage: Stage) -> None:
        """Nothing to be seen yet."""

    def go_on(self, stage: Stage, since_s: float) -> None:
        """Grow."""
        share = min(since_s / self.for_s, 1.0)
        stage.grid.told[feeder_index(self.feeder)] = 1 + (self.factor - 1) * share

    def end(self, stage: Stage) -> None:
        """Tell the truth."""
        stage.grid.told[feeder_index(self.feeder)] = 1.0
