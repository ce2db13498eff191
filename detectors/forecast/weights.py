"""How much of what is left lasts, and how much yesterday pulls: a regression that forgets, for every load and knot."""

import numpy as np
from numpy.typing import NDArray

from detectors.forecast.horizon import Horizon
from detectors.kept import Kept
from protocols.model import Values

MEMORY_H = 720
"""A month: long enough for three weights, short enough for the seasons."""
RIDGE = 0.001
"""Pull towards the weights of the start, as a share of the inputs: it only matters where they say nothing."""
PERSISTENCE, PULL = 0.97, 0.1
"""The weights of the start: what is left fades by 3 % an hour, and yesterday pulls a little."""
SHARPNESS = 16
"""Where the same hour of yesterday was as good, it has half of the say; where it was a tenth worse, a sixth."""
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
FULL = np.array([[0, 1, 2], [1, 3, 4], [2, 4, 5]])
"""Which of PAIRS stands where in the symmetric matrix."""


class Weights(Kept):
    """`learned` float32[3, knots, loads] is what the regression says, `used` the same with the say of yesterday."""

    KEPT = ("learned", "used", "_squares", "_products")

    def __init__(self, loads: int, horizon: Horizon, step_s: int) -> None:
        knots = horizon.knots
        self._gain = step_s / (3600 * MEMORY_H)
        self._start = np.stack(
            [PERSISTENCE ** (knots * step_s / 3600), np.zeros(len(knots)), np.full(len(knots), PULL)]
        )
        self.learned = np.repeat(self._start[:, :, np.newaxis], loads, 2).astype(np.float32)
        self.used = np.zeros((3, len(knots), loads), np.float32)
        self.used[2] = 1.0
        self._squares = np.zeros((len(PAIRS), len(knots), loads), np.float32)
        self._products = np.zeros((3, len(knots), loads), np.float32)

    def learn(self, inputs: Values, target: Values, weight: Values) -> None:
        """Take in float64[3, knots, loads] `inputs`, and what they should have given; NaN is not known.

        `weight` is what it counts, float64[knots, loads]: less, the further off the forecast was.
        """
        gain = np.where(np.isfinite(target), self._gain, 0.0)
        inputs, target = np.nan_to_num(inputs), np.nan_to_num(target)
        weighted = inputs * weight
        squares = np.stack([weighted[i] * inputs[j] for i, j in PAIRS])
        self._squares += (gain * (squares - self._squares)).astype(np.float32)
        self._products += (gain * (weighted * target - self._products)).astype(np.float32)

    def solve(self, k: int, model_error: Values, naive_error: Values, old: NDArray[np.bool_]) -> None:
        """Solve the regression of knot `k` anew, and give yesterday its say by the usual errors, float64[loads].

        All of it where the history is not `old` enough.
        """
        squares = self._squares[FULL, k].transpose(2, 0, 1).astype(np.float64)
        ridge = RIDGE * (squares[:, 0, 0] + squares[:, 2, 2]) / 2 + np.finfo(float).tiny
        squares += ridge[:, np.newaxis, np.newaxis] * np.eye(3)
        products = self._products[:, k].T + ridge[:, np.newaxis] * self._start[:, k]
        self.learned[:, k] = np.linalg.solve(squares, products[:, :, np.newaxis])[:, :, 0].T
        say = np.where(old, _say(model_error, naive_error), 1.0)
        self.used[:, k] = (1 - say) * self.learned[:, k]
        self.used[2, k] += say.astype(np.float32)


def _say(model_error: Values, naive_error: Values) -> Values:
    """Return the share of yesterday: 0 where the model errs far less, 1 where it errs far more."""
    best = np.minimum(model_error, naive_error)
    model, naive = ((best / np.where(error > 0, error, 1.0)) ** SHARPNESS for error in (model_error, naive_error))
    naive = np.where(naive_error > 0, naive, 1.0)
    return naive / (np.where(model_error > 0, model, 1.0) + naive)
