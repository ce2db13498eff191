"""Hour-of-day profile: what a tag's mean is in each hour of the day, learned from hour to hour."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept, put
from protocols.model import Rows, Values

HOURS = 24
HOUR_NS = 3600 * 1_000_000_000
DAYS = 5
"""The profile forgets within about a working week: a season moves it, one odd day hardly does."""


class Profile(Kept):
    """Means by hour, float32[24, n], of which the first visit counts whole and later ones for a fifth.

    A fifth is much more than the step of a float32, so that they do not stall; values must be below 1e38.
    """

    KEPT = ("_means", "_visits", "_hour", "_sum", "_count")

    def __init__(self, n: int) -> None:
        self._means = np.zeros((HOURS, n), np.float32)
        self._visits = np.zeros((HOURS, n), np.uint8)
        self._hour = np.full(n, -1, np.int8)
        self._sum = np.zeros(n)
        self._count = np.zeros(n, np.int32)

    def learn(self, at: slice | Rows, values: Values, hour: int, most: Callable[[Rows], Values]) -> None:
        """Take the values of rows `at` in `hour`; an hour that is over moves its mean by `most` at most."""
        over = self._hour[at] != hour
        if np.count_nonzero(over):
            self._end(np.arange(len(self._hour), dtype=np.int32)[at][over], hour, most)
        total, count = self._sum[at], self._count[at]
        total += values
        count += 1
        put(self._sum, at, total)
        put(self._count, at, count)

    def known(self, at: slice | Rows, hour: int) -> NDArray[np.bool_]:
        """Return where the hour was seen before, bool[rows]."""
        seen: NDArray[np.bool_] = self._visits[hour, at] > 0
        return seen

    def expected(self, at: slice | Rows, hour: int) -> Values:
        """Return the means of `hour`, float64[rows]."""
        return self._means[hour, at].astype(np.float64)

    def _end(self, rows: Rows, hour: int, most: Callable[[Rows], Values]) -> None:
        """Take the means of the hours that are over."""
        done = rows[self._count[rows] > 0]
        hours = self._hour[done]
        visits = np.minimum(self._visits[hours, done] + 1, DAYS)
        off = self._sum[done] / self._count[done] - self._means[hours, done]
        bound = np.where(visits > 1, most(done), np.inf)
        off = np.clip(off, -bound, bound)
        self._means[hours, done] += off / visits
        self._visits[hours, done] = visits
        self._hour[rows], self._sum[rows], self._count[rows] = hour, 0.0, 0
