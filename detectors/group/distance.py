"""How far groups of values are from what is normal of them: now, in the mean, and in their scatter."""

from typing import ClassVar

import numpy as np

from detectors.calibration import Indices
from detectors.group.likeness import HORIZON, Likeness, Matrix
from detectors.kept import Kept
from protocols.model import Values

SHARE = 0.2
"""Weight of the newest sample in the means. A change of a standard deviation is found after some ten samples; measured
on the Tennessee Eastman process and on SKAB, where 0.1 finds more and is later to let go."""
NOISE = SHARE / (2 - SHARE)
"""Variance of such a mean of independent samples (Lowry, Woodall, Champ and Rigdon 1992)."""
CLIP = 1e6
"""Standard deviations beyond which it is no matter how far a value is; its square is still a number."""
ENOUGH = 3.0
"""Limits that one sample may count for at most, so that the means are back soon after it."""


class Distance(Kept):
    """Models and running means of `groups` of up to `width` values; letters as in `detectors/group/likeness.py`."""

    KEPT: ClassVar[tuple[str, ...]] = ("mean", "scale", "turn", "drift", "level", "scatter", "most")

    def __init__(self, groups: int, width: int) -> None:
        self.mean, self.drift, self.level = (np.zeros((groups, width)) for _ in range(3))
        self.scale = np.full((groups, width), np.inf)
        self.turn = np.zeros((groups, width, width), np.float32)  # nothing is summed up in it
        self.scatter = np.zeros(groups)
        self.most = np.full(groups, np.inf)

    def take(self, group: int, model: Likeness, most: float) -> None:
        """Measure `group` by `model` from now on; one sample counts for at most `most`."""
        size = len(model.mean)
        self.mean[group, :size], self.scale[group, :size], self.drift[group, :size] = (
            model.mean,
            model.scale,
            model.drift,
        )
        self.turn[group, :size, :size] = model.turn
        self.level[group], self.scatter[group], self.most[group] = 0.0, 0.0, most

    def observe(self, at: Indices, values: Values) -> Matrix:
        """Take the next sample, float64[len(at), width], of each of `at`.

        Return float64[3, len(at)], squared distances: of the sample; of the running mean of samples (MEWMA); and how
        far samples are from that mean, in the running mean, which tells a wider scatter. So what only moved is far by
        the second alone, which knows best how much of a move is drift.
        """
        z = self.standard(at, values)
        turn = self.turn if len(at) == len(self.turn) else self.turn[at]
        y = np.matmul(turn, z[:, :, None])[:, :, 0]
        drift = HORIZON * self.drift[at]
        now = (y**2 / (1 + drift)).sum(axis=1)
        counted = np.minimum(now, self.most[at])
        apart = ((y - self.level[at]) ** 2 / (1 + drift)).sum(axis=1) / (1 + NOISE)
        y *= np.sqrt(counted / np.maximum(now, 1e-300))[:, None]
        self.level[at] += SHARE * (y - self.level[at])
        self.scatter[at] += SHARE * (np.minimum(apart, self.most[at]) - self.scatter[at])
        return np.stack([now, (self.level[at] ** 2 / (NOISE + drift)).sum(axis=1), self.scatter[at]])

    def noise(self, group: int) -> Values:
        """Return float64[3]: what the three distances are on average where there is nothing but noise."""
        drift = HORIZON * self.drift[group, np.isfinite(self.scale[group])]
        now, level = float((1 / (1 + drift)).sum()), float((NOISE / (NOISE + drift)).sum())
        return np.maximum([now, level, now], 1e-300)

    def standard(self, at: Indices, values: Values) -> Values:
        """Return z, float64[len(at), width]; what is not known (NaN) is what the others make likeliest."""
        with np.errstate(over="ignore", invalid="ignore"):
            z: Values = np.clip((values - self.mean[at]) / self.scale[at], -CLIP, CLIP)
        for k in np.flatnonzero(np.isnan(z).any(axis=1)):
            known = ~np.isnan(z[k])
            inverse = self.inverse(int(at[k]))[~known]
            z[k, ~known] = 0.0
            z[k, ~known] = -np.linalg.lstsq(inverse[:, ~known], inverse @ z[k], rcond=None)[0]
        return z

    def suspicion(self, group: int, values: Values, size: int) -> tuple[Values, Values]:
        """Return float64[size], twice: each value's share of the distance, and what the others make of it.

        The share is by how much the distance falls when the value is left out, (Pe)_i^2 / P_ii; of the running mean, or
        of this sample where that is further away.
        """
        z = self.standard(np.array([group]), values[None, :])[0]
        inverse, turn, drift = self.inverse(group), self.turn[group], HORIZON * self.drift[group]
        now, diagonal = inverse @ z, np.maximum(np.diagonal(inverse), 1e-300)
        level = turn.T @ (self.level[group] / (NOISE + drift))
        own = np.maximum(np.diagonal(turn.T @ (turn / (NOISE + drift)[:, None])), 1e-300)
        falls = np.maximum(now**2 / diagonal, level**2 / own)[:size]
        falls = np.where(np.isfinite(self.scale[group, :size]), falls, 0.0)
        scale = np.where(np.isfinite(self.scale[group]), self.scale[group], 0.0)
        expected = self.mean[group] + scale * (z - now / diagonal)
        return falls / max(float(falls.sum()), 1e-300), expected[:size]

    def inverse(self, group: int) -> Matrix:
        """Return float64[width, width]: the matrix P of the distance z'Pz of one sample."""
        turn = self.turn[group]
        inverse: Matrix = turn.T @ (turn / (1 + HORIZON * self.drift[group])[:, None])
        return inverse
