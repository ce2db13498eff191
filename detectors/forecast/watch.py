"""Which loads are far off the forecast of the day before, and stay so."""

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.model import Judged
from detectors.kept import Kept
from protocols.model import Values

BEYOND = 4.0
"""The band holds 80 %; four times as far off is rare: with PERSIST it came 5 times a year and load, mostly holidays,
heat and what was switched, in 25 series of years that it was not chosen on."""
PERSIST_H = 3
"""A holiday's morning peak is over by then, and so is an outage of minutes."""
CALM, CALM_H = 0.5, 2
"""It is over when the load was for so long within so much of what began it."""
LEAST_SHARE = 0.02
"""A band is never narrower than so much of the usual load: what hardly ever errs has a band of nearly nothing."""
LIVELY_GAIN, LIVELY = 1 / 336, 0.25
"""A load of which three quarters of two weeks stood still has no band to leave."""


class Watch(Kept):
    """`active` bool[loads]: off the forecast now. What is not known ends nothing, and begins the count anew."""

    KEPT = ("active", "_off_steps", "_calm_steps", "_moves", "_last", "_known_steps")

    def __init__(self, loads: int, step_s: int, day: int) -> None:
        per_h = 3600 // step_s
        self._persist, self._calm, self._day = PERSIST_H * per_h, CALM_H * per_h, day
        self.active = np.zeros(loads, np.bool_)
        self._off_steps, self._calm_steps = np.zeros(loads, np.int32), np.zeros(loads, np.int32)
        self._known_steps = np.zeros(loads, np.int32)
        self._moves, self._last = np.zeros(loads, np.float32), np.full(loads, np.nan)

    def judge(
        self, judged: Judged, level: NDArray[np.float32], ready: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], Values]:
        """Return the loads that began or ceased to be off, and the score of all, 1 where it begins.

        `level` is the usual size of the load; those that are not `ready` have no band yet.
        """
        known = np.isfinite(judged.actual)
        score = _score(judged, level)
        off = (score >= 1) & ready & self._settled(judged.actual, known)
        self._off_steps = np.where(off, self._off_steps + 1, 0).astype(np.int32)
        self._calm_steps = np.where(score < CALM, self._calm_steps + 1, np.where(known, 0, self._calm_steps)).astype(
            np.int32
        )
        begins = ~self.active & (self._off_steps >= self._persist)
        ends = self.active & (self._calm_steps >= self._calm)
        self.active ^= begins | ends
        return np.flatnonzero(begins | ends), score

    def _settled(self, actual: Values, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether it has been measured for a day and more, and was not standing still."""
        moved = known & np.isfinite(self._last) & (actual != self._last)
        self._moves += np.where(known, LIVELY_GAIN * (moved - self._moves), 0.0).astype(np.float32)
        self._last = np.where(known, actual, self._last)
        self._known_steps = np.where(known, np.minimum(self._known_steps + 1, 2 * self._day), 0).astype(np.int32)
        return (self._moves >= LIVELY) & (self._known_steps > self._day)


def _score(judged: Judged, level: NDArray[np.float32]) -> Values:
    error = judged.actual - judged.expected
    room = BEYOND * np.maximum(np.where(error > 0, judged.high, judged.low), LEAST_SHARE * level)
    score: Values = np.where(room > 0, np.abs(error) / np.where(room > 0, room, 1.0), np.nan)
    return score
