"""The errors that forecasts had, by their horizon: how large, beside those of a naive forecast, and the band."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.horizon import Horizon
from detectors.kept import Kept
from protocols.model import Values

GAIN = 1 / 336
"""Usual errors are those of two weeks."""
SHARES = np.array([0.1, 0.9])
"""The band is between these quantiles of the errors."""
BAND_GAIN, BAND_FIRST = 0.02, 30
"""A quantile moves by so much of the usual error with each error, faster by so many over their number at the start."""
NORMAL = np.array([-1.6, 1.6])
"""Those quantiles of a normal distribution, over its mean absolute error."""
MODEL, NAIVE, USED = range(3)


class Errors(Kept):
    """Usual errors and their band.

    `usual` float32[3, knots, loads]: mean absolute errors of the regression, of the same hour a day or two before, and
    of what was used. `shape` float32[2, knots, loads]: the 10 % and 90 % quantiles of the last, over its mean.
    `level` and `covered` float32[loads]: mean absolute value, and the share within the band a day ahead.
    """

    KEPT = ("usual", "shape", "level", "covered", "_count")

    def __init__(self, loads: int, horizon: Horizon) -> None:
        self._day_ahead = horizon.day_ahead
        knots = len(horizon.knots)
        self.usual = np.zeros((3, knots, loads), np.float32)
        self.shape = np.repeat(NORMAL[:, np.newaxis, np.newaxis] * np.ones((knots, 1)), loads, 2).astype(np.float32)
        self.level, self.covered = np.zeros(loads, np.float32), np.full(loads, SHARES[1] - SHARES[0], np.float32)
        self._count = np.zeros((knots, loads), np.int32)

    def learn(self, errors: Values, values: Values) -> None:
        """Take in float64[3, knots, loads] `errors`, what was measured less what was forecast; NaN is not known."""
        known = np.isfinite(errors[USED])
        errors = np.where(known, errors, 0.0)
        gain = np.where(known, np.maximum(GAIN, 1 / (1 + self._count)), 0.0)
        self._move_band(errors[USED], np.where(known, np.maximum(1.0, BAND_FIRST / (1 + self._count)), 0.0))
        self.usual += (gain * (np.abs(errors) - self.usual)).astype(np.float32)
        self._count += known & (self._count < np.iinfo(np.int32).max)
        gain = np.where(np.isfinite(values), np.maximum(GAIN, 1 / (1 + self._count[0])), 0.0)
        self.level += (gain * (np.abs(np.nan_to_num(values)) - self.level)).astype(np.float32)

    def _move_band(self, error: Values, pace: Values) -> None:
        """Move each quantile so that its share of the errors comes to lie below it."""
        below = error < self.band
        inside = (below[1] & ~below[0])[self._day_ahead]
        day_pace = np.minimum(pace[self._day_ahead], 1.0)
        self.covered += (GAIN * day_pace * (inside - self.covered)).astype(np.float32)
        self.shape += (BAND_GAIN * pace * (SHARES[:, np.newaxis, np.newaxis] - below)).astype(np.float32)

    @property
    def band(self) -> Values:
        """Return float64[2, knots, loads]: the 10 % and 90 % quantiles of the error."""
        band: Values = self.shape.astype(np.float64) * self.usual[USED]
        return band

    def weight(self, errors: Values) -> Values:
        """Return float64[knots, loads]: what an error counts, less the further it is beyond the usual one."""
        size = np.abs(errors)
        weight: Values = np.minimum(1.0, self.usual[MODEL] / np.where(size > 0, size, 1.0))
        return np.where(size > 0, weight, 1.0)

    @staticmethod
    def ratio(part: NDArray[np.floating[Any]], whole: NDArray[np.floating[Any]]) -> Values:
        """Return `part / whole`, NaN where there is no whole."""
        share: Values = np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), np.nan).astype(np.float64)
        return share
