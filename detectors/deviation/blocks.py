"""Means of blocks of readings: what range a tag lives in, and whether it creeps away from its level.

The range is that of all block means so far; it forgets within about a week. What lies outside by three times its width
(and by half of its magnitude, unless the quantity is regulated) was never seen.

A single tag tells drift from process only where the process holds it: bus voltage and frequency. There, each mean is
set against mean and deviation of those it learned from, and summed up where it is off by more than one (CUSUM, Page
1954). How far the sum goes while all is normal is learned on the next stretch. Load and temperature follow the day and
the season, and no sum of one of them says whether it is the instrument: that takes another measurement.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept, put
from protocols.model import Rows, Values

BLOCK = 300
"""Readings in a block: five minutes at one a second."""
ONE, WHOLE = np.array(1, np.uint16), np.array(BLOCK, np.uint16)
RANGE = 12
"""Blocks until the range is known: an hour."""
LOADED = 0.1
"""Part of its usual magnitude below which a tag is idle."""
FORGET = 1 / 2000
"""How fast the range closes with a block: about a week."""
WIDTHS = 3.0
MAGNITUDES = 0.5
NOISES = 20.0
"""Usual moves that lie between the outermost mean and a reading that means something."""
FIT, CHECK = 288, 288
"""Blocks from which a level is learned, and on which it is tried how far the sums go: a day each, at one a second."""
SLACK = 1.0
"""Deviations that are no drift."""
SUM = 12.0
"""Least limit of the sum: an hour at two deviations."""
MARGIN = 2.0
"""The limit is so many times the highest sum of the check."""


class Blocks(Kept):
    """Of `n` tags; `regulated` bool[n] says which the process holds at a level."""

    KEPT = (
        "_sum",
        "_count",
        "_blocks",
        "low",
        "high",
        "floor",
        "ceiling",
        "level",
        "_square",
        "_up",
        "_down",
        "_worst",
    )

    def __init__(self, n: int, regulated: NDArray[np.bool_]) -> None:
        self._regulated = regulated
        self._sum, self._count, self._blocks = np.zeros(n), np.zeros(n, np.uint16), np.zeros(n, np.uint16)
        self.low, self.high = np.full(n, np.inf, np.float32), np.full(n, -np.inf, np.float32)
        self.floor, self.ceiling = np.full(n, -np.inf, np.float32), np.full(n, np.inf, np.float32)
        self.level, self._square, self._up, self._down, self._worst = (np.zeros(n, np.float32) for _ in range(5))

    def step(
        self, at: slice | Rows, values: Values, usual: NDArray[np.float32], odd: NDArray[np.bool_], *, learn: bool
    ) -> Rows:
        """Take the readings of the rows `at`; return the rows whose block is full now.

        `usual` float32[n] is the usual move of each; `odd` bool[n] where, even if `learn`, nothing normal is learned.
        """
        total, count = self._sum[at], self._count[at]
        total += values
        count += ONE
        put(self._sum, at, total)
        put(self._count, at, count)
        if not np.count_nonzero(full := count >= WHOLE):
            return np.empty(0, np.int32)
        rows = np.arange(len(self._sum), dtype=np.int32)[at][full]
        mean = self._sum[rows] / BLOCK
        self._sum[rows], self._count[rows] = 0.0, 0
        taught = ~odd[rows] & learn
        self._learn(rows[taught], mean[taught], usual[rows[taught]])
        self._creep(rows, mean, taught)
        return rows

    def outside(self, at: slice | Rows, values: Values) -> NDArray[np.bool_]:
        """Return where a reading of the rows `at` lies outside all that was seen."""
        single = values.astype(np.float32)
        found: NDArray[np.bool_] = single > self.ceiling[at]
        found |= single < self.floor[at]
        return found

    def creeping(self, rows: Rows) -> NDArray[np.int8]:
        """Return 1 for the `rows` that have crept up, -1 for those down, 0 for the others: int8[rows]."""
        limit = self._limit(rows)
        up, down = self._up[rows] > limit, self._down[rows] > limit
        return np.where(self._ready(rows), up.astype(np.int8) - down, 0).astype(np.int8)

    def leaning(self, way: int) -> NDArray[np.bool_]:
        """Return bool[n]: which are on their way to creep as `way` does, 1 up or -1 down: half of the limit."""
        rows = np.arange(len(self.level), dtype=np.int32)
        sums = self._up if way > 0 else self._down
        return self._ready(rows) & (sums > self._limit(rows) / 2)

    def loaded(self, values: Values) -> NDArray[np.bool_]:
        """Return bool[n]: whose value is a tenth of its usual magnitude at least; an idle meter shows no noise."""
        with np.errstate(invalid="ignore"):
            most = np.maximum(np.abs(self.low), np.abs(self.high))
            enough: NDArray[np.bool_] = np.abs(values) >= LOADED * np.where(np.isfinite(most), most, 0.0)
        return enough

    def beyond(self, row: int, value: float) -> float:
        """Return how far `value` of `row` lies outside its range, in the distance of the nearest bound."""
        low, high = float(self.low[row]), float(self.high[row])
        if value > high:
            return (value - high) / max(float(self.ceiling[row]) - high, 1e-12)
        return (low - value) / max(low - float(self.floor[row]), 1e-12)

    def sum(self, row: int) -> float:
        """Return the sum of `row` in limits."""
        return float(max(self._up[row], self._down[row]) / self._limit(np.array([row], np.int32))[0])

    @property
    def learned(self) -> NDArray[np.float64]:
        """float64[n]: how much of its learning is done; that of the range where nothing else is to be learned."""
        return np.minimum(self._blocks / np.where(self._regulated, FIT + CHECK, RANGE), 1.0)

    def _ready(self, rows: Rows) -> NDArray[np.bool_]:
        done: NDArray[np.bool_] = self._regulated[rows] & (self._blocks[rows] >= FIT + CHECK)
        return done

    def _limit(self, rows: Rows) -> NDArray[np.float32]:
        limit: NDArray[np.float32] = np.maximum(np.float32(MARGIN) * self._worst[rows], np.float32(SUM))
        return limit

    def _learn(self, rows: Rows, mean: Values, usual: NDArray[np.float32]) -> None:
        blocks = np.minimum(self._blocks[rows] + 1, FIT + CHECK)
        self._blocks[rows] = blocks
        low, high = np.minimum(self.low[rows], mean), np.maximum(self.high[rows], mean)
        self.low[rows], self.high[rows] = low + FORGET * (mean - low), high - FORGET * (high - mean)
        most = np.maximum(np.abs(low), np.abs(high))
        beyond = WIDTHS * (high - low) + NOISES * usual + np.where(self._regulated[rows], 0.0, MAGNITUDES * most)
        known = (blocks >= RANGE) & (most > NOISES * usual)  # an idle channel has no range
        self.ceiling[rows] = np.where(known, high + beyond, np.inf)
        self.floor[rows] = np.where(known, low - beyond, -np.inf)
        fitting = blocks <= FIT
        weight = np.where(fitting, 1 / np.minimum(blocks, FIT), 0.0)
        off = mean - self.level[rows]
        self.level[rows] += np.where(fitting, weight, FORGET) * off
        self._square[rows] = (1 - weight) * (self._square[rows] + weight * off * off)

    def _creep(self, rows: Rows, mean: Values, learn: NDArray[np.bool_]) -> None:
        """Sum up how far the means are off, once there is a level to be off from."""
        known = self._blocks[rows] > FIT
        rows, mean, learn = rows[known], mean[known], learn[known]
        deviation = np.sqrt(self._square[rows]) + 1e-5 * np.abs(self.level[rows]) + 1e-12
        off = np.clip((mean - self.level[rows]) / deviation, -10, 10)
        most = 2 * self._limit(rows)
        self._up[rows] = np.clip(self._up[rows] + off - SLACK, 0, most)
        self._down[rows] = np.clip(self._down[rows] - off - SLACK, 0, most)
        checking = rows[learn & (self._blocks[rows] < FIT + CHECK)]
        self._worst[checking] = np.maximum(self._worst[checking], np.maximum(self._up[checking], self._down[checking]))
