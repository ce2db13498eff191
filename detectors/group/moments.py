"""How groups of values were on a stretch: sums from which the model is made, of one sample after another."""

from typing import ClassVar

import numpy as np

from detectors.calibration import Indices
from detectors.group.likeness import Likeness, Matrix, likeness
from detectors.kept import Kept
from protocols.model import Values

KEPT_BLOCKS = 30
"""Blocks whose sums are kept, 120 bytes a value."""
JOINED = 9
"""At least so many blocks are compared: nine of two when six tenths are fitted, ten of three of the whole."""


class Moments(Kept):
    """Sums of `groups` of up to `width` values; the whole stretch has `samples`, in blocks of equal length.

    `products` float64[groups, width, width], `blocks` float64[groups, KEPT_BLOCKS, width] the sum of each block.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("count", "origin", "total", "products", "blocks", "least", "most")

    def __init__(self, groups: int, width: int, samples: int) -> None:
        self.length = samples // KEPT_BLOCKS
        self.count = np.zeros(groups, np.int64)
        self._empty(groups, width)

    def forget_sums(self) -> None:
        """Give the memory of the sums back, when all models are made; the counts stay, and groups may begin anew."""
        self._empty(*self.total.shape)

    def _empty(self, groups: int, width: int) -> None:
        self.products = np.zeros((groups, width, width))
        self.blocks = np.zeros((groups, KEPT_BLOCKS, width), np.float32)  # of some hundred samples, from their origin
        self.origin, self.total, self.least, self.most = (np.zeros((groups, width)) for _ in range(4))

    def begin_anew(self, at: Indices) -> None:
        """Forget what `at` were."""
        for name in self.KEPT:
            getattr(self, name)[at] = 0

    def observe(self, at: Indices, values: Values) -> None:
        """Take the next sample, float64[len(at), width], of each of `at`; the first one is the origin of the sums."""
        first = at[self.count[at] == 0]
        self.origin[first] = values[self.count[at] == 0]
        of: slice | Indices = slice(None) if len(at) == len(self.count) else at  # of all, views
        x = values - self.origin[of]
        block = self.count[at] // self.length
        within = block < KEPT_BLOCKS  # what is left over at the end is in none
        self.blocks[at[within], block[within]] += x[within]
        self.count[of] += 1
        self.total[of] += x
        self.products[of] += x[:, :, None] * x[:, None, :]
        self.least[of], self.most[of] = np.minimum(self.least[of], x), np.maximum(self.most[of], x)

    def likeness(self, group: int, size: int) -> Likeness:
        """Return the model of the first `size` values of `group`, as far as its stretch has come."""
        count = int(self.count[group])
        mean = self.total[group, :size] / count
        covariance = self.products[group, :size, :size] / count - mean[:, None] * mean
        reach = self.most[group, :size] - self.least[group, :size]
        steps, length = self._steps(group, size)
        return likeness(count, mean + self.origin[group, :size], covariance, steps, reach, length=length)

    def _steps(self, group: int, size: int) -> tuple[Matrix, int]:
        """Return float64[size, size], the mean of d d', d the steps between the means of nine blocks or some more.

        And how many samples a block has.
        """
        whole = min(int(self.count[group]) // self.length, KEPT_BLOCKS)
        joined = max(whole // JOINED, 1)
        sums = self.blocks[group, : whole // joined * joined, :size].astype(np.float64)
        sums = sums.reshape(-1, joined, size).sum(axis=1)
        steps = np.diff(sums / (self.length * joined), axis=0)
        return steps.T @ steps / max(len(steps), 1), self.length * joined
