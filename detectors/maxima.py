"""Limits of a score that are learned for each tag: fitted on one stretch, checked on the next, then said to be ready.

For thousands of tags that go on to be followed: 24 bytes each, and any distribution will do. Where there is one score
of a whole model and some hundred samples of it, `detectors/calibration.py` gives the limit.

The score's highest value in each block of readings follows, whatever the score's own distribution, nearly the Gumbel
distribution (Fisher and Tippett; Coles, An Introduction to Statistical Modeling of Extreme Values, section 3.1). Mean
and deviation of a few dozen such maxima give the limit that one block in so and so many exceeds:

    limit = mean + deviation * sqrt(6) / pi * (ln(blocks per false alarm) - Euler's constant)

    | settle: nothing is taken | fit: mean, deviation -> limit | check: is it exceeded? | ready |
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept, put
from protocols.model import Rows, Values

Scores: TypeAlias = NDArray[np.floating[Any]]

ONE = np.array(1, np.uint16)
GUMBEL = np.sqrt(6) / np.pi
EULER = 0.5772156649015329
MEMORY = 1 / 500
"""Weight of a block once ready: what is normal may change with the season."""
RARE = 0.5
"""A mean maximum below it is that of a tag that stands still and jumps at times: the jumps are its normal life."""
MARGIN = 1.5
"""Where the check exceeds the fitted limit, the tail is longer than Gumbel's: so far beyond the worst that was seen."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a limit is learned: `block` in readings; `settle`, `fit`, `check` and `false_alarm` in blocks.

    One block in `false_alarm` may exceed the limit while all is normal; the limit is never below `floor`.
    """

    block: int
    settle: int
    fit: int
    check: int
    false_alarm: float
    floor: float

    @property
    def blocks(self) -> int:
        """How many blocks of a tag it takes until its limit is ready."""
        return self.settle + self.fit + self.check


class Maxima(Kept):
    """The limits of `n` tags. `limit` float32[n] is infinite until a tag's is ready, and where there is none to be."""

    KEPT = ("_count", "_blocks", "_peak", "_mean", "_square", "_worst", "limit")

    def __init__(self, n: int, plan: Plan) -> None:
        self._plan, self._whole = plan, np.array(plan.block, np.uint16)
        self._count, self._blocks = np.zeros(n, np.uint16), np.zeros(n, np.uint16)
        self._peak, self._mean, self._square, self._worst = (np.zeros(n, np.float32) for _ in range(4))
        self.limit = np.full(n, np.inf, np.float32)

    @property
    def ready(self) -> NDArray[np.bool_]:
        """bool[n]: where learning is over."""
        done: NDArray[np.bool_] = self._blocks >= self._plan.blocks
        return done

    @property
    def share(self) -> Values:
        """float64[n]: how much of it is done, 0 to 1."""
        return np.minimum((self._blocks + self._count / self._plan.block) / self._plan.blocks, 1.0)

    def learn(self, at: slice | Rows, score: Scores) -> None:
        """Take the scores of the rows `at`, each of its next reading."""
        peak, count = self._peak[at], self._count[at]
        np.maximum(peak, score, out=peak, casting="same_kind")
        count += ONE
        put(self._peak, at, peak)
        put(self._count, at, count)
        if np.count_nonzero(full := count >= self._whole):
            self._close(np.arange(len(self._count), dtype=np.int32)[at][full])

    def _close(self, rows: Rows) -> None:
        """End the block of `rows`."""
        plan, peak = self._plan, self._peak[rows]
        self._blocks[rows] = np.minimum(self._blocks[rows] + 1, plan.blocks + 1)
        block = self._blocks[rows].astype(np.int32) - plan.settle
        self._fit(rows[(block > 0) & (block <= plan.fit)])
        checking = (block > plan.fit) & (block <= plan.fit + plan.check)
        self._worst[rows] = np.where(checking, np.maximum(self._worst[rows], peak), self._worst[rows])
        self._judge(rows[block == plan.fit + plan.check])
        self._follow(rows[block > plan.fit + plan.check])
        self._peak[rows], self._count[rows] = 0.0, 0

    def _fit(self, rows: Rows) -> None:
        weight = 1 / (self._blocks[rows] - float(self._plan.settle))
        self._average(rows, self._peak[rows], weight)

    def _follow(self, rows: Rows) -> None:
        """Go on with what is normal, the limit at most: what exceeds it is not."""
        self._average(rows, np.minimum(self._peak[rows], self.limit[rows]), MEMORY)
        self._judge(rows)

    def _judge(self, rows: Rows) -> None:
        deviations = GUMBEL * (np.log(self._plan.false_alarm) - EULER)
        limit = np.maximum(self._mean[rows] + deviations * np.sqrt(self._square[rows]), self._plan.floor)
        limit = np.where(self._worst[rows] > limit, MARGIN * self._worst[rows], limit)
        self.limit[rows] = np.where(self._mean[rows] < RARE, np.inf, limit)

    def _average(self, rows: Rows, peak: Scores, weight: Values | float) -> None:
        off = peak - self._mean[rows]
        self._mean[rows] += weight * off
        self._square[rows] = (1 - weight) * (self._square[rows] + weight * off * off)
