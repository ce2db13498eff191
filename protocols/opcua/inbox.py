"""What the server has sent and nobody has taken yet: a bounded queue between the connection and the drain scan."""

from collections import deque
from collections.abc import Iterator
from typing import Final

import numpy as np

from protocols.model import Batch, Qualities, Rows, Times, Values

MOST_READINGS: Final = 65_536
"""Readings that may wait: 22 bytes each, so 1.4 MiB; a second of a server that sends without a pause."""
FULL: Final = 0.5
"""Share of them from which on the server is asked for no more: what it was asked for before still finds room."""


class Inbox:
    """Readings in the order they came. `lost` counts those that fell out."""

    def __init__(self, most: int = MOST_READINGS) -> None:
        self.lost = 0
        self._most = most
        self._waiting: deque[Batch] = deque()
        self._readings = 0

    @property
    def full(self) -> bool:
        """Whether no more should be asked for."""
        return self._readings > self._most * FULL

    def put(self, batches: Iterator[Batch]) -> None:
        """Take `batches`; the oldest fall out where there are too many."""
        for batch in batches:
            self._waiting.append(batch)
            self._readings += len(batch)
        while self._readings > self._most and len(self._waiting) > 1:
            self._lose(self._waiting.popleft())

    def take(self) -> list[Batch]:
        """Return and forget what waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._readings = 0
        return taken

    def _lose(self, batch: Batch) -> None:
        self._readings -= len(batch)
        self.lost += len(batch)


def batches(rows: Times, values: Values, quality: Qualities, time_ns: Times, arrival_ns: int) -> Iterator[Batch]:
    """Yield readings in any order as batches: rows ascend, and the second reading of a row is in the second batch."""
    if not len(rows):
        return
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    if first.all():
        yield _batch(order, rows, values, quality, time_ns, arrival_ns)
        return
    places = np.arange(len(rows))
    turn = places - np.maximum.accumulate(np.where(first, places, 0))
    for nth in range(int(turn.max()) + 1):
        yield _batch(order[turn == nth], rows, values, quality, time_ns, arrival_ns)


def _batch(picked: Times, rows: Times, values: Values, quality: Qualities, time_ns: Times, arrival_ns: int) -> Batch:
    narrow: Rows = rows[picked].astype(np.int32)
    return Batch(narrow, values[picked], quality[picked], time_ns[picked], arrival_ns)
