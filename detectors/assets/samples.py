"""Analyses of the oil as they come: from a monitor every few minutes, or from a laboratory twice a year."""

import numpy as np

from detectors.assets.gases import GASES, Reals
from detectors.assets.theil_sen import theil_sen

SLOTS = 32
"""Analyses that are kept of a transformer: a month of a monitor's, years of a laboratory's."""
DAY_NS = 86_400 * 1_000_000_000
SAME_D = 60
"""A value that stands for so long counts as analysed again, so that a rise that is over stops counting as one."""
YEAR_H = 8766.0
DETECTED = np.array([5.0, 1.0, 1.0, 1.0, 1.0, 25.0, 25.0])
"""ppm of each of `GASES` that a laboratory detects in service (IEC 60567:2011 table 6)."""
TWO_D = 30
"""Two analyses tell a rise when they are so far apart; closer ones must be three."""
REPEATABLE = 0.10
"""What two analyses of one sample differ by, as a share of the value (IEC 60567)."""


class Samples:
    """The last analyses of each transformer, at most one a day, and how fast its gases rise, ppm a year.

    `rate` and `surely` float64[n, gas]: the median rise, and what it is at least, NaN while nothing is known.
    """

    MODEL = ("_when", "_what", "rate", "surely")

    def __init__(self, n: int) -> None:
        self._when = np.zeros((n, SLOTS), np.int64)
        self._what = np.full((n, SLOTS, len(GASES)), np.nan)
        self.rate, self.surely = np.full((n, len(GASES)), np.nan), np.full((n, len(GASES)), np.nan)

    def add(self, values: Reals, now_ns: int) -> None:
        """Take `values` [n, gas] as analysed at `now_ns`, where they differ from the last ones or stood for long."""
        days = (now_ns - self._when[:, -1]) / DAY_NS
        known = ~np.isnan(values)
        with np.errstate(invalid="ignore"):
            differs = (values != self._what[:, -1]) & known
        new = (((days >= 1) | (days < 0)) & differs.any(axis=1)) | ((days >= SAME_D) & known.any(axis=1))
        for n in np.flatnonzero(new).tolist():
            self._keep(n, values[n], now_ns)

    def _keep(self, n: int, values: Reals, now_ns: int) -> None:
        if self._when[n, -1] > now_ns:
            self._when[n], self._what[n] = 0, np.nan
        self._when[n, :-1], self._what[n, :-1] = self._when[n, 1:].copy(), self._what[n, 1:].copy()
        self._when[n, -1], self._what[n, -1] = now_ns, values
        used = np.flatnonzero(self._when[n])
        hours = (self._when[n, used] - now_ns) / (DAY_NS / 24)
        for gas in range(len(GASES)):
            self.rate[n, gas], self.surely[n, gas] = _rise(hours, self._what[n, used, gas], float(DETECTED[gas]))


def _rise(hours: Reals, values: Reals, detected: float) -> tuple[float, float]:
    """Return the rise in ppm a year, and the least that repeatability and scatter leave of it."""
    known = ~np.isnan(values)
    t, v = hours[known], values[known]
    if len(v) < 2 or (len(v) == 2 and t[1] - t[0] < TWO_D * 24):
        return np.nan, np.nan
    span, error = float(t[-1] - t[0]), REPEATABLE * float(v.max()) + detected
    slope, low, _ = theil_sen(t, v)
    surely = min(slope - error / span, low if len(v) > 3 else np.inf)
    return slope * YEAR_H, surely * YEAR_H
