"""Day and week of every load, as exponential means that no single odd day can bend."""

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.horizon import Horizon
from detectors.kept import Kept
from protocols.model import Values

DAY_GAIN, WEEK_GAIN = 0.1, 0.07
"""How much of what is left goes into day and week: the error hardly depends on it, from half of it to twice of it."""
CLIP = 3.0
"""What is left counts up to so many times its usual size: so a holiday does not become the rule."""
CLIP_SHARE = 0.05
"""And up to so much of the value, whatever is usual: a load that stood still for weeks may wake up."""
SCALE_GAIN = 0.003
"""The usual size of what is left is that of two weeks."""
FIRST_WEEK_GAIN = 3.0
"""Of the first week a third counts, of the second a quarter: the day must settle before the week takes its part."""


class Seasons(Kept):
    """`day` float32[day, loads], NaN where no such hour was seen, and as it was a day ago; `week` float32[week, loads].

    `seen` int32[loads] is how many steps were known so far; `scale` is the usual size of what is left.
    """

    KEPT = ("day", "day_before", "week", "scale", "seen")

    def __init__(self, loads: int, horizon: Horizon) -> None:
        self._per_day, self._per_week = horizon.day, horizon.week
        self.day = np.full((horizon.day, loads), np.nan, np.float32)
        self.day_before = self.day.copy()
        self.week = np.zeros((horizon.week, loads), np.float32)
        self.scale = np.zeros(loads, np.float32)
        self.seen = np.zeros(loads, np.int32)

    def at(self, slots: NDArray[np.int64]) -> Values:
        """Return float64[slots, loads]: day and week of each of `slots`, as they are known now."""
        return self.day[slots % self._per_day].astype(np.float64) + self.week[slots % self._per_week]

    def meet(self, slot: int, values: Values) -> tuple[Values, Values]:
        """Return day and week of `slot` as known now, and as known a day before; float64[loads] each.

        An hour that was never seen begins with its value.
        """
        i = slot % self._per_day
        for day in (self.day, self.day_before):
            np.copyto(day[i], values, where=np.isnan(day[i]), casting="same_kind")
        week = self.week[slot % self._per_week].astype(np.float64)
        return self.day[i] + week, self.day_before[i] + week

    def learn(self, slot: int, values: Values, left: Values) -> Values:
        """Move towards `values`, float64[loads], NaN where not known; `left` of them is more than day and week.

        Return what is left after that, 0 where it is not known.
        """
        known = np.isfinite(left)
        values, left = np.where(known, values, 0.0), np.where(known, left, 0.0)
        most = np.maximum(CLIP * self.scale, CLIP_SHARE * np.abs(values))
        self._size(np.abs(left), most, known)
        most = np.maximum(CLIP * self.scale, most)
        moved = np.clip(left, -most, most)
        day = np.maximum(DAY_GAIN, 1 / (1 + self.seen // self._per_day)) * moved
        week = np.maximum(WEEK_GAIN, 1 / (FIRST_WEEK_GAIN + self.seen // self._per_week)) * moved
        week[self.seen < self._per_day] = 0.0
        i = slot % self._per_day
        self.day_before[i] = self.day[i]
        self.day[i] += day.astype(np.float32)
        self.week[slot % self._per_week] += week.astype(np.float32)
        self.seen += known & (self.seen < np.iinfo(np.int32).max)
        after: Values = left - day - week
        return after

    def _size(self, size: Values, most: Values, known: NDArray[np.bool_]) -> None:
        """Take `size` in, up to `most`; in the first days there is nothing to tell that by."""
        young = self.seen < 2 * self._per_day
        size = np.where(young, size, np.minimum(size, most))
        young_gain = 1 / (1 + np.maximum(self.seen - self._per_day, 0))
        gain = np.where(known, np.maximum(SCALE_GAIN, young_gain), 0.0)
        self.scale += (gain * (size - self.scale)).astype(np.float32)
