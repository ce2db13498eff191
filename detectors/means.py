"""Means of what frames show, over each step of the calendar."""

import numpy as np

from detectors.kept import Kept
from protocols.model import BELIEVABLE_, Frame, Rows, Values

BACK = 2
"""The clock may be set back by so many steps and the open one goes on; beyond that another begins."""
KNOWN_SHARE = 0.5
"""A mean counts where the value was known in half of the frames."""
PART, WHOLE = np.array([1, 0]), np.array([1, 1])


class Means(Kept):
    """The open step of all rows: it begins at a whole multiple of its length, counted from 1970 in UTC.

    `slot` is its number, -1 before the first frame. While everything is known, a frame costs three passes.
    """

    KEPT = ("_slot", "_frames", "_sum", "_known", "_fresh")

    def __init__(self, rows: int, step_ns: int) -> None:
        self._step_ns = step_ns
        self._slot = np.full((), -1, np.int64)
        self._frames = np.zeros(2, np.int64)
        """Of the open step: all, and those of them in which everything was known."""
        self._sum, self._known = np.zeros(rows), np.zeros(rows, np.int32)
        self._fresh = np.zeros(rows, np.bool_)
        self._all_fresh = False  # found out again after a restart

    @property
    def slot(self) -> int:
        """The number of the open step."""
        return int(self._slot)

    def turn(self, utc_ns: int) -> tuple[int, Values] | None:
        """Return number and means of the step that `utc_ns` ends, NaN where too little is known; open the next one."""
        slot, open_ = utc_ns // self._step_ns, int(self._slot)
        if open_ - BACK <= slot <= open_:
            return None
        closed = (open_, self._mean()) if 0 <= open_ < slot else None
        self._slot[...] = slot
        for array in (self._frames, self._sum, self._known, self._fresh):
            array.fill(0)
        self._all_fresh = False
        return closed

    def add(self, frame: Frame, rows: Rows) -> None:
        """Count `rows` of `frame` into the open step, as many as there are sums."""
        self.count(frame.values.take(rows), known=frame.complete)
        self.touch(frame, rows)

    def touch(self, frame: Frame, rows: Rows) -> None:
        """Note which of `rows` were read."""
        if self._all_fresh:
            return
        self._fresh |= frame.fresh.take(rows)
        self._all_fresh = np.count_nonzero(self._fresh) == len(self._fresh)

    def count(self, values: Values, *, known: bool) -> None:
        """Count float64[rows] `values` into the open step; unless all are `known`, some may be NaN or absurd."""
        believable = None if known else np.abs(values) < BELIEVABLE_
        if believable is None or np.count_nonzero(believable) == len(values):
            self._frames += WHOLE
            self._sum += values
            return
        self._frames += PART
        np.add(self._sum, values, out=self._sum, where=believable)
        self._known += believable

    def _mean(self) -> Values:
        """A value that was held is known as long as its device is; a step in which nothing was read tells nothing."""
        known = self._known + int(self._frames[1])
        enough = self._fresh & (known > 0) & (known >= KNOWN_SHARE * int(self._frames[0]))
        mean: Values = np.where(enough, self._sum / np.maximum(known, 1), np.nan)
        return mean
