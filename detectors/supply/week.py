"""How many intervals of the last seven days lay outside of two bands."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept
from detectors.supply.bands import Pair
from protocols.model import Values

DAY_NS = 86_400_000_000_000
WEEK_DAYS = 7


class Week(Kept):
    """Counts day by day, in UTC; `most` int64[2, rows] may lie outside of a whole week."""

    KEPT = ("_outside", "_counted", "_day")

    def __init__(self, bands: Sequence[Pair], interval_s: int) -> None:
        rows = len(bands)
        self._low, self._high, share = (
            np.array([[getattr(band, key) for band in pair] for pair in bands], np.float64).reshape(rows, 2).T
            for key in ("low", "high", "share")
        )
        self.most = np.floor(share * WEEK_DAYS * 86_400 / interval_s).astype(np.int64)
        self._outside = np.zeros((WEEK_DAYS, 2, rows), np.int32)
        self._counted = np.zeros((WEEK_DAYS, rows), np.int32)
        self._day = np.full((), -1, np.int64)

    def count(self, ratio: Values, utc_ns: int) -> None:
        """Count float64[rows] `ratio`, 1 is nominal, NaN is not known."""
        day = utc_ns // DAY_NS
        if day != self._day:
            self._turn(day)
        self._outside[day % WEEK_DAYS] += (ratio < self._low) | (ratio > self._high)
        self._counted[day % WEEK_DAYS] += np.isfinite(ratio)

    @property
    def outside(self) -> NDArray[np.int64]:
        """Return int64[2, rows]: intervals outside each band."""
        outside: NDArray[np.int64] = self._outside.sum(0, dtype=np.int64)
        return outside

    @property
    def counted(self) -> NDArray[np.int64]:
        """Return int64[rows]: intervals that were known."""
        counted: NDArray[np.int64] = self._counted.sum(0, dtype=np.int64)
        return counted

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Return bool[2, rows]: more lie outside than may."""
        return self.outside > self.most

    @property
    def lost_any(self) -> NDArray[np.bool_]:
        """Return bool[rows]: one of the two is lost."""
        found: NDArray[np.bool_] = np.logical_or(*self.lost)
        return found

    def _turn(self, day: int) -> None:
        """Let go of the days that are a week old; a clock that was set back goes on counting into its day."""
        known = self._day >= 0 and abs(day - int(self._day)) < WEEK_DAYS
        for each in range(int(self._day) + 1 if known else day - WEEK_DAYS + 1, day + 1):
            self._outside[each % WEEK_DAYS] = 0
            self._counted[each % WEEK_DAYS] = 0
        self._day[...] = day
