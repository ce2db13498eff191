"""How the measured top oil of a transformer differs from its model, learned: an offset and a share of the rise.

A thermometer and the sun make an offset a; a wrong rating, cooling class or table make a share c of the oil's rise r
over the ambient: measured = model + a + c r. Both are the mean of a Bayesian regression with a prior of 0 +- `OFFSET_K`
and 0 +- `SHARE`, from the errors of the last days, forgotten with `FORGET_H`. Errors of neighbouring hours are alike:
`ALIKE_H` hours count as one observation of +- `NOISE_K`.
"""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]

FORGET_H = 7 * 24.0
OFFSET_K, SHARE = 5.0, 0.5
NOISE_K, ALIKE_H = 3.0, 3.0
MOST_K = 15.0
"""The oil may be found so much warmer than its model, no more: that is no tolerance, but a fault or a wrong rating."""
LEAST_K = -10.0
"""The oil is never expected to be colder than so far below the air, which may be warmed by the sun before it."""
LEFT_K = 5.0
"""What is left of an error counts up to so much in its scatter: a failure that begins must not widen its own margin."""
SIGMAS = 6.0
"""What the error scatters by, times this, is normal: over four months of a real transformer (benchmarks/detection) no
error went beyond 5.1. Errors of the weather have no normal distribution, so less would not do."""


class OilError:
    """Sums of all transformers [5, n]: hours, r, r^2, e, e r; and [2, n]: hours, and squares of what was left."""

    def __init__(self, n: int) -> None:
        self.sums, self.scatter = np.zeros((5, n)), np.zeros((2, n))
        self.offset, self.share = np.zeros(n), np.zeros(n)

    def of(self, rise: Reals, only: slice = slice(None)) -> Reals:
        """Return by how much the oil is warmer than a model that rises by `rise` over the ambient, K."""
        error = np.minimum(self.offset[only] + self.share[only] * rise, MOST_K)
        found: Reals = np.maximum(error, LEAST_K - rise)
        return found

    @property
    def sigma(self) -> Reals:
        """What is left of the error, as a standard deviation, K; 0 while nothing was seen."""
        left: Reals = np.sqrt(self.scatter[1] / np.maximum(self.scatter[0], 1e-9))
        return left

    def learn(self, error: Reals, rise: Reals, hours: Reals) -> None:
        """Learn that the error was `error` K over `hours` (0: nothing to learn of this one)."""
        kept = np.exp(-hours / FORGET_H)
        e = np.where(hours > 0, error, 0.0)
        left = np.minimum(np.maximum(e - self.of(rise), -LEFT_K), LEFT_K)
        self.scatter *= kept
        self.scatter += hours * np.stack([np.ones(len(e)), left * left])
        self.sums *= kept
        self.sums += hours * np.stack([np.ones(len(e)), rise, rise * rise, e, e * rise])
        self.fit()

    def fit(self) -> None:
        """Solve the two normal equations of each transformer."""
        hours, r, rr, e, er = self.sums
        weight = NOISE_K**2 * ALIKE_H
        a11, a22 = hours + weight / OFFSET_K**2, rr + weight / SHARE**2
        det = a11 * a22 - r * r
        self.offset[...] = (a22 * e - r * er) / det
        self.share[...] = (a11 * er - r * e) / det
