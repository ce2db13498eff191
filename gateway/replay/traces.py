"""The values of a few points over a stretch of a recording, in a bounded number of bins: least and greatest of each."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gateway.recording.source import Told
from protocols.model import Batch, usable

BINS = 600
"""Columns of the picture that can be told apart."""


class Traces:
    """`least`, `greatest` float64[rows, BINS], NaN where there is no reading."""

    def __init__(self, rows: Sequence[int], from_ns: int, to_ns: int) -> None:
        self.rows, self.from_ns, self.to_ns = list(rows), from_ns, max(to_ns, from_ns + 1)
        self.least = np.full((len(rows), BINS), np.inf)
        self.greatest = np.full((len(rows), BINS), -np.inf)

    def take(self, told: Iterable[Told]) -> "Traces":
        """Take the readings of the stretch; return itself."""
        index = {row: k for k, row in enumerate(self.rows)}
        for each in told:
            if isinstance(each, Batch):
                self._take(each, index)
        empty = ~np.isfinite(self.least)
        self.least[empty] = self.greatest[empty] = np.nan
        return self

    def times_ns(self) -> NDArray[np.float64]:
        """Return float64[BINS]: the middle of each bin."""
        times: NDArray[np.float64] = np.linspace(self.from_ns, self.to_ns, 2 * BINS + 1, dtype=np.float64)[1::2]
        return times

    def _take(self, batch: Batch, index: dict[int, int]) -> None:
        at = min(int((batch.arrival_ns - self.from_ns) * BINS // (self.to_ns - self.from_ns)), BINS - 1)
        good = usable(batch.quality) & np.isfinite(batch.values)
        for row, value in zip(batch.rows[good].tolist(), batch.values[good].tolist(), strict=True):
            if row in index and at >= 0:
                k = index[row]
                self.least[k, at] = min(self.least[k, at], value)
                self.greatest[k, at] = max(self.greatest[k, at], value)
