"""Means of what frames show, over each step of the calendar."""

import numpy as np

from detectors.kept import Kept
from protocols.model import Frame, Rows, Values

BACK = 2
"""The clock may be set back by so many steps and the open one goes on; beyond that another begins."""
KNOWN_SHARE = 0.5
"""A mean counts where the value was known in half of the frames."""
BELIEVABLE = 1e15
"""Nothing that is measured is larger in any unit; its square still fits a float32."""


class Means(Kept):
    """The open step of all rows: it begins at a whole multiple of its length, counted from 1970 in UTC.

    `slot` is its number, -1 before the first frame. While everything is known, a frame costs three passes.
    """

    KEPT = ("_slot", "_frames", "_whole", "_sum", "_known", "_fresh", "_all_fresh")

    def __init__(self, rows: int, step_ns: int) -> None:
        self._step_ns = step_ns
        self._slot, self._frames = np.full((), -1, np.int64), np.zeros((), np.int64)
        self._whole = np.zeros((), np.int64)
        self._sum, self._known = np.zeros(rows), np.zeros(rows, np.int32)
        self._fresh, self._all_fresh = np.zeros(rows, np.bool_), np.zeros((), np.bool_)

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
        for array in (self._frames, self._whole, self._sum, self._known, self._fresh, self._all_fresh):
            array.fill(0)
        return closed

    def add(self, frame: Frame, rows: Rows) -> None:
        """Count `rows` of `frame` into the open step, as many as there are sums."""
        self.count(frame.values.take(rows))
        self.touch(frame, rows)

    def touch(self, frame: Frame, rows: Rows) -> None:
        """Note which of `rows` were read."""
        if not self._all_fresh:
            self._fresh |= frame.fresh.take(rows)
            self._all_fresh[...] = self._fresh.all()

    def count(self, values: Values) -> None:
        """Count float64[rows] `values`, NaN where nothing is known, into the open step."""
        self._frames += 1
        if len(values) and np.abs(values).max() < BELIEVABLE:
            self._whole += 1
            self._sum += values
            return
        known = np.abs(values) < BELIEVABLE
        np.add(self._sum, values, out=self._sum, where=known)
        self._known += known

    def _mean(self) -> Values:
        """A value that was held is known as long as its device is; a step in which nothing was read tells nothing."""
        known = self._known + int(self._whole)
        enough = self._fresh & (known > 0) & (known >= KNOWN_SHARE * int(self._frames))
        mean: Values = np.where(enough, self._sum / np.maximum(known, 1), np.nan)
        return mean
