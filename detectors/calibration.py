"""Calibration: the limit of a score, from what it was on a normal stretch that its model had not seen.

For few scores, each of a model that is made once, and any rate of false alarms: some hundred samples must do. Limits of
thousands of tags, which go on to follow the season, are those of `detectors/maxima.py`.

A textbook quantile is wrong by an order of magnitude where values follow one another, are not normal, or where the
model was made of few of them. So the limit comes from the scores themselves, by two ways of which the higher counts:

    body   a gamma distribution with their variance and, by one standard error, more than their mean (Box 1954), its
           quantile by Wilson and Hilferty (1931)
    tail   peaks over threshold (Pickands 1975) with an exponential tail: u + b (1 + 1/sqrt(k)) log(k / (n f)),
           where the k largest of n scores exceed u by b on average, and f is the rate of false alarms that is asked for

The body is what few scores can tell. The tail counts where they are so many that one at least was to be beyond the
limit (n f >= 1); then the rate on their stretch is about f at most. 1/sqrt(k) is the standard error of b.
"""

from statistics import NormalDist
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept
from protocols.model import Values

TOP = 32
"""Largest scores that are kept: their average has a standard error of a sixth."""
TAIL = 0.1
"""At most this share of the scores is tail."""
TINY = 1e-12
"""Below any score that says something; keeps a score that never moves from dividing by zero."""

Indices = NDArray[np.int64]


class Calibration(Kept):
    """Sums and the `TOP` largest of `size` scores; nothing grows.

    `independent` is the share of the scores that tell anything new: those of running means tell less.
    """

    KEPT: ClassVar[tuple[str, ...]] = ("count", "total", "squares", "top")

    def __init__(self, size: int, independent: float = 1.0) -> None:
        self._independent = independent
        self.count = np.zeros(size)
        self.total = np.zeros(size)
        self.squares = np.zeros(size)
        self.top = np.zeros((size, TOP))

    def observe(self, at: Indices, scores: Values) -> None:
        """Take the next score, not negative, of each of `at`."""
        self.count[at] += 1
        self.total[at] += scores
        self.squares[at] += scores**2
        least = self.top[at].argmin(axis=1)
        self.top[at, least] = np.maximum(self.top[at, least], scores)

    def begin_anew(self, at: Indices) -> None:
        """Forget the scores of `at`."""
        for array in (self.count, self.total, self.squares, self.top):
            array[at] = 0

    def limit(self, at: Indices, false_alarms: float) -> Values:
        """Return float64[len(at)]: what the score is above at a rate of `false_alarms`, were all as it was."""
        return np.maximum(self._body(at, false_alarms), self._tail(at, false_alarms))

    def _body(self, at: Indices, false_alarms: float) -> Values:
        count = np.maximum(self.count[at], 1)
        mean = np.maximum(self.total[at] / count, TINY)
        variance = np.maximum(self.squares[at] / count - mean**2, TINY * mean**2)
        mean += np.sqrt(variance / np.maximum(count * self._independent, 1))
        width = variance / (9 * mean**2)
        root = 1 - width + NormalDist().inv_cdf(1 - false_alarms) * np.sqrt(width)
        body: Values = mean * np.maximum(root, 0) ** 3
        return body

    def _tail(self, at: Indices, false_alarms: float) -> Values:
        size = np.clip(np.floor(self.count[at] * TAIL), 2, TOP).astype(np.int64)
        largest = -np.sort(-self.top[at], axis=1)
        threshold = largest[np.arange(len(size)), size - 1]
        within = np.arange(TOP) < size[:, None]
        beyond = np.where(within, largest - threshold[:, None], 0.0).sum(axis=1) / (size - 1)
        steps = np.log(size / np.maximum(self.count[at] * false_alarms, TINY))
        tail = threshold + beyond * (1 + 1 / np.sqrt(size)) * np.maximum(steps, 0)
        return np.where(self.count[at] * false_alarms >= 1, tail, 0.0)
