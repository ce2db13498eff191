"""The forecast of all loads at once: one step of learning for each mean, and the path ahead."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.errors import MODEL, NAIVE, USED, Errors
from detectors.forecast.horizon import Horizon
from detectors.forecast.past import Past
from detectors.forecast.seasons import Seasons
from detectors.forecast.weights import Weights
from detectors.kept import Kept, State
from protocols.model import Values

OLD_WEEKS = 2
"""History that the model needs: before, the same hour of the day before is as good a guess."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What was measured beside what was forecast for it a day before; float64[loads] each, NaN is not known.

    `low` and `high` are how far the band reached below and above `expected`, none negative.
    """

    actual: Values
    expected: Values
    low: Values
    high: Values


class Model(Kept):
    """Seasons, past, weights and errors of all loads; knows nothing of points and time, only numbers of steps."""

    def __init__(self, loads: int, step_s: int) -> None:
        self.horizon = Horizon.of(step_s)
        self.loads = loads
        self.seasons = Seasons(loads, self.horizon)
        self.past = Past(loads, self.horizon)
        self.weights = Weights(loads, self.horizon, step_s)
        self.errors = Errors(loads, self.horizon)

    def state(self) -> State:
        """Return the arrays of its parts."""
        parts = {"seasons": self.seasons, "past": self.past, "weights": self.weights, "errors": self.errors}
        return {f"{part}.{name}": array for part, kept in parts.items() for name, array in kept.state().items()}

    @property
    def old(self) -> NDArray[np.bool_]:
        """Return bool[loads]: whether there is history enough for more than the same hour of the day before."""
        old: NDArray[np.bool_] = self.seasons.seen >= OLD_WEEKS * self.horizon.week
        return old

    @property
    def share(self) -> Values:
        """Return float64[loads]: how much of that history there is."""
        share: Values = np.minimum(1.0, self.seasons.seen / (OLD_WEEKS * self.horizon.week))
        return share

    def pause(self, first: int, last: int) -> None:
        """Nothing was measured from step `first` to `last`."""
        if last - first >= self.horizon.ahead:
            self.past.forget()
            return
        for slot in range(first, last + 1):
            self.learn(slot, np.full(self.loads, np.nan))

    def learn(self, slot: int, values: Values) -> Judged:
        """Take in the means of step `slot`, float64[loads], NaN is not known; return how they were forecast."""
        near, far = self.seasons.meet(slot, values)
        usual = np.where((self.horizon.lag == self.horizon.day)[:, np.newaxis], near, far)
        inputs, target = self.past.behind(slot, usual), values - usual
        used = (self.weights.used * inputs).sum(0)
        errors = np.stack([target - (self.weights.learned * inputs).sum(0), target - inputs[2], target - used])
        judged = self._judged(values, (usual + used)[self.horizon.day_ahead])
        self.weights.learn(
            inputs, np.where(np.isfinite(errors[MODEL]), target, np.nan), self.errors.weight(errors[MODEL])
        )
        self.errors.learn(errors, values)
        k = slot % len(self.horizon.knots)
        self.weights.solve(k, self.errors.usual[MODEL, k], self.errors.usual[NAIVE, k], self.old)
        left = self.seasons.learn(slot, values, values - near)
        self.past.learn(slot, values, usual=near, left=left)
        return judged

    def path(self, slot: int) -> Values:
        """Return float64[3, ahead, loads]: p10, p50 and p90 of the steps after `slot`, NaN where nothing is known."""
        usual = self.seasons.at(slot + 1 + np.arange(self.horizon.ahead))
        weights = np.einsum("hk,fkn->fhn", self.horizon.spread, self.weights.used)
        middle = usual + (weights * self.past.ahead(slot, usual)).sum(0)
        low, high = np.einsum("hk,bkn->bhn", self.horizon.spread, self.errors.band)
        return np.stack([middle + np.minimum(low, 0.0), middle, middle + np.maximum(high, 0.0)])

    def errors_ahead(self) -> tuple[Values, Values]:
        """Return float64[2, loads] each, one step and one day ahead: mean error in per cent of the mean, and MASE.

        MASE is the mean error over that of the naive forecast: the same hour of the day before.
        """
        picked = [0, self.horizon.day_ahead]
        used, naive = self.errors.usual[USED, picked], self.errors.usual[NAIVE, picked]
        return 100 * Errors.ratio(used, self.errors.level), Errors.ratio(used, naive)

    def _judged(self, actual: Values, expected: Values) -> Judged:
        low, high = self.errors.band[:, self.horizon.day_ahead].astype(np.float64)
        return Judged(actual, expected, np.maximum(-low, 0.0), np.maximum(high, 0.0))
