"""What each equation learns of its own normal: the constant error of its instruments, and how far it strays from it.

Three stretches, each longer than both so many readings and so many hours. On the first, the offset is fitted along two
channels by least squares (a gain error; the losses a + b I^2). On the second, the spread around it. On the third, which
neither of them has seen, how long the tail is: the mean excess over TAIL spreads. The limit is where an exponential
tail with that mean leaves RATE of all readings; it is exact for exponential tails and on the safe side for normal ones.
Readings that the class of the instruments does not allow are no normal ones, and not learned.
"""

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

NS = 1_000_000_000
STRETCH_S = (28_800, 28_800, 28_800)
"""A day in all: loads of the night and of the day."""
STRETCH = (400, 400, 1_600)
"""Readings: a spread is then known within 4 %, and 70 are in the tail of a normal distribution."""
TAIL = 2.0
RATE = 1e-5
"""Share of readings at which one equation may be beyond its limit by chance."""
READY = 3

Mask = NDArray[np.bool_]


class Learning:
    """Fixed arrays, one entry an equation: `stage` 0 to 3 (ready), `gain` [2, n], `spread`, `limit` in spreads."""

    KEPT = ("stage", "count", "since_ns", "sums", "gain", "spread", "limit")

    def __init__(self, learns: Mask) -> None:
        size = len(learns)
        self.stage = np.where(learns, 0, -1).astype(np.int8)
        self.count = np.zeros(size, np.int32)
        self.since_ns = np.zeros(size, np.int64)
        self.sums = np.zeros((5, size))
        self.gain = np.zeros((2, size))
        self.spread = np.full(size, np.inf)
        self.limit = np.full(size, np.inf)
        self.recount()

    def recount(self) -> None:
        """Find out anew who learns and who is ready, after a stage moved or was restored."""
        self.ready: Mask = self.stage == READY
        self.learning: bool = bool(((self.stage >= 0) & ~self.ready).any())

    def learn(self, normal: Mask, scaled: tuple[Values, Values, Values], now_ns: int) -> None:
        """Take in one look: offset and both channels it is fitted along, all as a share of the equation's size."""
        normal = normal & (self.stage >= 0) & ~self.ready
        if not normal.any():
            return
        apart, along, beside = (np.where(normal, each, 0.0) for each in scaled)
        self.since_ns = np.where(normal & (self.count == 0), now_ns, np.minimum(self.since_ns, now_ns))
        self.count += normal
        fits = self.stage == 0
        if fits.any():
            parts = (along * along, along * beside, beside * beside, along * apart, beside * apart)
            self.sums += np.where(fits, np.stack(parts), 0.0)
        if not fits.all():
            strays = np.where(fits | ~normal, 0.0, np.abs(apart - self.gain[0] * along - self.gain[1] * beside))
            self._stray(strays)
        self._move(now_ns)

    def _stray(self, strays: Values) -> None:
        spreads, tail = self.stage == 1, self.stage == 2
        self.sums[0] += np.where(spreads, strays * strays, 0.0)
        with np.errstate(invalid="ignore"):
            beyond = np.where(tail, strays - TAIL * self.spread, 0.0)
        self.sums[1] += beyond > 0
        self.sums[2] += np.maximum(beyond, 0.0)

    def _move(self, now_ns: int) -> None:
        at = np.clip(self.stage, 0, READY - 1)
        long = now_ns - self.since_ns >= np.array(STRETCH_S, np.int64)[at] * NS
        due = np.flatnonzero((self.count >= np.array(STRETCH)[at]) & long & (self.stage >= 0) & ~self.ready)
        if not len(due):
            return
        for k in due.tolist():
            (self._fitted, self._spread, self._tailed)[int(self.stage[k])](k)
        self.stage[due] += 1
        self.count[due] = 0
        self.sums[:, due] = 0.0
        self.recount()

    def _fitted(self, k: int) -> None:
        aa, ab, bb, ay, by = self.sums[:, k].tolist()
        determinant = aa * bb - ab * ab
        if determinant > 1e-9 * aa * bb:  # the two can be told apart
            self.gain[:, k] = (ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant
        elif aa > 0:
            self.gain[:, k] = ay / aa, 0.0

    def _spread(self, k: int) -> None:
        self.spread[k] = np.sqrt(self.sums[0, k] / self.count[k])

    def _tailed(self, k: int) -> None:
        """Set the limit, in spreads; without a tail, as if it had one reading in it."""
        beyond = max(self.sums[1, k], 1.0)
        excess = self.sums[2, k] / beyond / self.spread[k] if self.spread[k] > 0 else 0.0
        self.limit[k] = TAIL + excess * max(np.log(beyond / self.count[k] / RATE), 0.0)
