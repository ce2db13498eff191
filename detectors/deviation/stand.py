"""Stand-still: a tag that normally shows noise digits, and stops.

A run is the number of readings in a row that are equal to the digit. A tag is judged only where it moved with at least
every third reading before: counters, set points, steps, slow temperatures and readings of coarse digits are never. Its
run must be ten times as long as its longest one, and so long that chance does not make it once in 10^13.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.deviation.moves import Singles
from detectors.kept import Kept, put
from protocols.model import Rows

MEMORY, ONE = np.array(1 / 256, np.float32), np.array(1.0, np.float32)
"""Weight of a reading in the share of readings that moved."""
LIVELY = 1 / 3
"""Share of its readings with which a tag moves that shows noise."""
LEARN = 3600
"""Readings until the longest run is known: an hour at one a second."""
READING, ENOUGH = np.array(1, np.uint16), np.array(LEARN, np.uint16)
TIMES = 10.0
"""So many times the longest run,"""
READINGS = 60
"""so many readings,"""
UNLIKELY = 30.0
"""and so unlikely by chance, as -ln: 10^-13."""


class Stand(Kept):
    """Of `n` tags: the run under way, the longest one that ended, and how often each moves."""

    KEPT = ("run", "longest", "_share", "_count", "moved_ns")

    def __init__(self, n: int) -> None:
        self.run, self.longest = np.zeros(n, np.float32), np.zeros(n, np.float32)
        self._share = np.zeros(n, np.float32)
        self._count = np.zeros(n, np.uint16)
        self.moved_ns = np.zeros(n, np.int64)
        self._known = False  # found out again after a restart

    def step(self, at: slice | Rows, moved: NDArray[np.bool_], now_ns: int, *, learn: bool) -> None:
        """Take whether each of the rows `at` moved with its reading."""
        run, all_ = self.run[at], np.count_nonzero(moved) == len(moved)
        mask = ONE if all_ else moved.astype(np.float32)
        if learn:
            self._learn(at, run, mask)
        run += ONE
        run *= ONE - mask
        put(self.run, at, run)
        if all_:
            self.moved_ns[at] = now_ns
        else:
            moved_ns = self.moved_ns[at]
            np.copyto(moved_ns, now_ns, where=moved)
            put(self.moved_ns, at, moved_ns)

    def _learn(self, at: slice | Rows, run: Singles, moved: Singles) -> None:
        """Take the runs that have ended, where `moved` is 1, and how often that is."""
        longest, share = self.longest[at], self._share[at]
        np.maximum(longest, run * moved, out=longest)
        change = moved - share
        change *= MEMORY
        share += change
        put(self.longest, at, longest)
        put(self._share, at, share)
        if not self._known:
            count = self._count[at] + READING
            self._count[at] = np.minimum(count, ENOUGH, out=count)
            self._known = np.count_nonzero(self._count >= ENOUGH) == len(self._count)

    def still(self) -> NDArray[np.bool_]:
        """Return bool[n]: which stand still for longer than they ever may."""
        long: NDArray[np.bool_] = self.run >= np.maximum(TIMES * self.longest, READINGS)
        long &= self._count >= LEARN
        if long.any():
            run = self.run[long]
            share = np.minimum(self._share[long] * np.exp(np.minimum(run, 1000) * MEMORY), 0.99)  # as the run began
            long[long] = (share >= LIVELY) & (-run * np.log1p(-share) >= UNLIKELY)
        return long

    def times(self, tag: int) -> float:
        """Return how many times as long as it may the run of `tag` is."""
        return float(self.run[tag] / max(TIMES * self.longest[tag], READINGS))

    @property
    def learned(self) -> NDArray[np.float64]:
        """float64[n]: how much of its learning is done."""
        return self._count / LEARN
