"""What each equation learns of its own normal: the constant error of its instruments, and how far it strays from it.

Four stretches, each longer than both so many readings and so many hours. On the first, the offset is fitted along two
channels by least squares (a gain error; the losses a + b I^2). On the second, the spread around it. On the third, which
neither of them has seen, how long the tail is: the mean excess over TAIL spreads. The limit is where an exponential
tail with that mean leaves RATE of all readings; it is exact for exponential tails and on the safe side for normal ones.
On the fourth, how far the running mean strays. Readings that the class of the instruments does not allow are no normal
ones, and not learned.
"""

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

NS = 1_000_000_000
STRETCH_S = np.array([28_800, 28_800, 28_800, 86_400])
"""Two days in all. What is fitted by night errs by day, steadily; only a whole day tells how far the mean strays."""
STRETCH = np.array([400, 400, 1_600, 800])
"""Readings: a spread is then known within 4 %, and 70 are in the tail of a normal distribution."""
TAIL = 2.0
RATE = 1e-4
"""Share of readings at which one equation may be beyond its limit by chance; it takes two in a row to be said."""
LEAST_MEAN = 0.5
"""The mean may stray by half a limit, however little it did: loads and seasons move what is constant by hours."""
NEVER_NS = 2**62
SHARP, READY = 3, 4
"""From stage SHARP on the limit is known, at READY that of the mean as well."""

Mask = NDArray[np.bool_]


class Learning:
    """Fixed arrays, one entry an equation.

    `stage` 0 to 4 (-1 learns nothing), `gain` [2, n], `spread` as a share of the equation's size, `limit` in spreads,
    `mean_limit` of the running mean in limits.
    """

    KEPT = ("stage", "count", "since_ns", "sums", "gain", "spread", "limit", "mean_limit")

    def __init__(self, learns: Mask) -> None:
        size = len(learns)
        self.stage = np.where(learns, 0, -1).astype(np.int8)
        self.count = np.zeros(size, np.int32)
        self.since_ns = np.zeros(size, np.int64)
        self.sums = np.zeros((5, size))
        self.gain = np.zeros((2, size))
        self.spread = np.zeros(size)
        self.limit = np.zeros(size)
        self.mean_limit = np.ones(size)
        self._parts = np.zeros((5, size))
        self._latest_ns, self._soonest_ns = 0, 0
        self.recount()

    def recount(self) -> None:
        """Find out anew who learns and whose limit is known, after a stage moved or was restored."""
        self.sharp: Mask = self.stage >= SHARP
        self._learns: Mask = (self.stage >= 0) & (self.stage < READY)
        self.learning = bool(self._learns.any())
        at = np.clip(self.stage, 0, READY - 1)
        self._enough, self._lasts_ns = STRETCH[at], STRETCH_S[at] * NS
        self._in = tuple(self.stage == stage for stage in range(READY))
        self._any = tuple(bool(each.any()) for each in self._in)
        self._soonest_ns = 0
        self._alone = self._any == (True, False, False, False)

    def learn(self, normal: Mask, shares: Values, mean: Values, now_ns: int) -> bool:
        """Take in one look; return whether a stage moved.

        `shares` float64[3, n] are the offset and both channels it is fitted along, as shares of the equation's size;
        what is not `normal` is made 0 in them. `mean` is the running mean of the offset, in limits.
        """
        normal = normal & self._learns
        if not np.count_nonzero(normal):
            return False
        shares[:, ~normal] = 0.0
        self._count(normal, now_ns)
        fits, spreads, tail, means = self._in
        if self._any[0]:
            self._sum_up(shares, fits)
        if self._any[1] or self._any[2]:
            apart, along, beside = shares
            strays = np.abs(apart - self.gain[0] * along - self.gain[1] * beside)
            self.sums[0] += np.where(spreads, strays * strays, 0.0)
            beyond = np.where(tail & normal, strays - TAIL * self.spread, 0.0)
            self.sums[1] += beyond > 0
            self.sums[2] += np.maximum(beyond, 0.0)
        if self._any[3]:
            self.sums[0] += np.where(means & normal, mean * mean, 0.0)
        return self._move(now_ns)

    def _count(self, normal: Mask, now_ns: int) -> None:
        """Count the readings of each stretch; it began with the first of them."""
        if now_ns < self._latest_ns:  # the clock was set back
            np.minimum(self.since_ns, now_ns, out=self.since_ns)
            self._soonest_ns = 0
        first = normal & (self.count == 0)
        if np.count_nonzero(first):
            self.since_ns[first] = now_ns
            self._soonest_ns = min(self._soonest_ns, now_ns + int(self._lasts_ns[first].min()))
        self.count += normal
        self._latest_ns = now_ns

    def _sum_up(self, shares: Values, fits: Mask) -> None:
        """Add up what the least squares along two channels need."""
        _, along, beside = shares
        np.multiply(along, shares, out=self._parts[:3])
        np.multiply(beside, shares[::2], out=self._parts[3:])
        self.sums += self._parts if self._alone else np.where(fits, self._parts, 0.0)

    def share(self, k: int) -> float:
        """Return how much of its learning equation `k` has done, 0 to 1."""
        stage = int(self.stage[k])
        now = 0.0 if stage >= READY else min(float(self.count[k] / STRETCH[stage]), 1.0)
        return min((stage + now) / READY, 1.0)

    def _move(self, now_ns: int) -> bool:
        if now_ns < self._soonest_ns:
            return False
        enough = self.count >= self._enough
        due = np.flatnonzero(enough & (now_ns - self.since_ns >= self._lasts_ns) & self._learns)
        for k in due.tolist():
            (self._fit, self._spread, self._tail, self._mean)[int(self.stage[k])](k)
        self.stage[due] += 1
        self.count[due] = 0
        self.sums[:, due] = 0.0
        if len(due):
            self.recount()
        self._soonest_ns = self._soonest()
        return len(due) > 0

    def _soonest(self) -> int:
        """Return before when no stretch can be long enough."""
        begun = self._learns & (self.count > 0)
        return int((self.since_ns + self._lasts_ns)[begun].min()) if begun.any() else NEVER_NS

    def _fit(self, k: int) -> None:
        ay, aa, ab, by, bb = self.sums[:, k].tolist()
        determinant = aa * bb - ab * ab
        if determinant > 1e-9 * aa * bb:  # the two can be told apart
            self.gain[:, k] = (ay * bb - by * ab) / determinant, (by * aa - ay * ab) / determinant
        elif aa > 0:
            self.gain[:, k] = ay / aa, 0.0

    def _spread(self, k: int) -> None:
        self.spread[k] = np.sqrt(self.sums[0, k] / self.count[k])

    def _tail(self, k: int) -> None:
        """Set the limit, in spreads; without a tail, as if it had one reading in it."""
        beyond = max(float(self.sums[1, k]), 1.0)
        excess = self.sums[2, k] / beyond / self.spread[k] if self.spread[k] > 0 else 0.0
        self.limit[k] = TAIL + excess * max(np.log(beyond / self.count[k] / RATE), 0.0)

    def _mean(self, k: int) -> None:
        """Set the limit of the mean so many of its own spreads away as the limit of a reading, and a third more."""
        strays = np.sqrt(self.sums[0, k] / self.count[k])
        self.mean_limit[k] = min(max(1.33 * self.limit[k] * strays, LEAST_MEAN), 1.0)
