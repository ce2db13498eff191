"""The last two days of every load: what a forecast starts from, and what an earlier one started from."""

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.horizon import Horizon
from detectors.kept import Kept
from protocols.model import Values

FADE = 0.9
"""What is left runs out by so much with each step that is not known."""


class Past(Kept):
    """`left` float32[ahead + 2, loads], what day and week left; `value` float32[2 days, loads], NaN if none."""

    KEPT = ("left", "value")

    def __init__(self, loads: int, horizon: Horizon) -> None:
        self._horizon = horizon
        self.left = np.zeros((horizon.ahead + 2, loads), np.float32)
        self.value = np.full((2 * horizon.day, loads), np.nan, np.float32)

    def learn(self, slot: int, values: Values, *, usual: Values, left: Values) -> None:
        """Keep `values` and what is `left` of them; where they are not known, `usual` stands in."""
        known = np.isfinite(values)
        before = FADE * self._left(slot - 1)
        self.left[slot % len(self.left)] = np.where(known, left, before)
        self.value[slot % len(self.value)] = np.where(known, values, usual)

    def forget(self) -> None:
        """The calendar jumped: nothing of before is two days old."""
        self.left.fill(0.0)
        self.value.fill(np.nan)

    def behind(self, slot: int, usual: Values) -> Values:
        """Return float64[3, knots, loads]: what forecasts for `slot` could start from, each a knot before.

        What was left, what was left one step earlier, and how far the same hour of a measured day lay off `usual`.
        """
        origins = slot - self._horizon.knots
        pull = self.value[(slot - self._horizon.lag) % len(self.value)] - usual
        return np.stack([self._left(origins), self._left(origins - 1), pull])

    def ahead(self, slot: int, usual: Values) -> Values:
        """Return float64[3, ahead, loads]: the same for every step after `slot`; 0 where nothing pulls."""
        steps = slot + 1 + np.arange(self._horizon.ahead)
        pull = self.value[(steps - self._horizon.lags()) % len(self.value)] - usual
        left, before = (np.broadcast_to(self._left(slot - back), pull.shape) for back in (0, 1))
        return np.stack([left, before, np.where(np.isnan(pull) & ~np.isnan(usual), 0.0, pull)])

    def _left(self, slots: int | NDArray[np.int64]) -> Values:
        left: Values = self.left[slots % len(self.left)].astype(np.float64)
        return left
