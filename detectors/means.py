"""Means of what frames show, over each step of the calendar."""

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept
from protocols.model import Values

BACK = 2
"""The clock may be set back by so many steps and the open one goes on; beyond that another begins."""
KNOWN_SHARE = 0.5
"""A mean counts where the value was known in half of the frames."""
BELIEVABLE = 1e15
"""Nothing that is measured is larger in any unit; its square still fits a float32."""


class Means(Kept):
    """The open step of all rows: it begins at a whole multiple of its length, counted from 1970 in UTC.

    `slot` is its number, -1 before the first frame.
    """

    KEPT = ("_slot", "_frames", "_sum", "_known", "_fresh")

    def __init__(self, rows: int, step_ns: int) -> None:
        self._step_ns = step_ns
        self._slot, self._frames = np.full((), -1, np.int64), np.zeros((), np.int64)
        self._sum, self._known = np.zeros(rows), np.zeros(rows, np.int32)
        self._fresh = np.zeros(rows, np.bool_)

    @property
    def slot(self) -> int:
        """The number of the open step."""
        return int(self._slot)

    def turn(self, utc_ns: int) -> tuple[int, Values] | None:
        """Return number and means of the step that `utc_ns` ends, NaN where too little is known; open the next one."""
        slot = utc_ns // self._step_ns
        if self._slot - BACK <= slot <= self._slot:
            return None
        closed = (self.slot, self._mean()) if 0 <= self._slot < slot else None
        self._slot[...] = slot
        self._frames[...] = 0
        for array in (self._sum, self._known, self._fresh):
            array.fill(0)
        return closed

    def add(self, values: Values, fresh: NDArray[np.bool_]) -> None:
        """Count float64[rows] `values`, NaN where nothing is known, into the open step."""
        known = np.abs(values) < BELIEVABLE
        self._frames += 1
        np.add(self._sum, values, out=self._sum, where=known)
        self._known += known
        self._fresh |= fresh

    def _mean(self) -> Values:
        """A value that was held is known as long as its device is; a step in which nothing was read tells nothing."""
        enough = self._fresh & (self._known > 0) & (self._known >= KNOWN_SHARE * self._frames)
        mean: Values = np.where(enough, self._sum / np.maximum(self._known, 1), np.nan)
        return mean
