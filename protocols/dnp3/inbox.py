"""What an outstation has said and nobody has fetched yet: events in their order, and the state of all its points.

Events are kept by the fragment, in their order, and behind each fragment the receipt that is asked for it. With no room
left a fragment is not taken and not confirmed, so the outstation keeps its events and sends them again.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.dnp3.config import Dnp3Point
from protocols.dnp3.decode import Readings
from protocols.dnp3.objects import STATIC_GROUP
from protocols.model import Batch, Qualities, Quality, Receipt, Rows, Times, Values
from protocols.scaling import Scaling

_Events: TypeAlias = tuple[Rows, Values, Qualities, Times, int]
"""Rows, values, quality and times of the events of a fragment, and when it arrived."""

MOST_FRAGMENTS_WAITING: Final = 512
"""Fragments with events that wait to be fetched: 3.5 MB. Only those that ask for no confirm can be more than one."""
MOST_BATCHES: Final = 1024
"""Batches handed out at once; the rest follows 50 ms later."""

MISSING: Final = Quality.INVALID | Quality.BAD_REFERENCE


class Index:
    """Where the points of one outstation lie: `rows` of a kind and index; `first` is the lowest row."""

    def __init__(self, rows: range, points: Sequence[Dnp3Point]) -> None:
        self.rows: Rows = np.arange(rows.start, rows.stop, dtype=np.int32)
        self.first = rows.start
        self.kinds = tuple(point.place[0] for point in points)
        self._scaling = Scaling(points)
        self._of: dict[str, Rows] = {}
        for kind in set(self.kinds):
            given = [(point.place[1], row) for row, point in zip(rows, points, strict=True) if point.place[0] == kind]
            table = np.full(max(index for index, _ in given) + 1, -1, np.int32)
            for index, row in given:
                table[index] = row
            self._of[kind] = table

    def lookup(self, kind: str, index: NDArray[np.int64]) -> tuple[Rows, NDArray[np.intp]]:
        """Return the rows of those points that are configured, and their positions in `index`."""
        table = self._of.get(kind)
        if table is None:
            return np.empty(0, np.int32), np.empty(0, np.intp)
        rows = table[np.minimum(index, len(table) - 1)]
        kept = np.flatnonzero((index < len(table)) & (rows >= 0))
        return rows[kept], kept

    def scaled(self, rows: Rows, values: Values) -> Values:
        """Return `values` of `rows` in the units of their points."""
        return self._scaling.scaled(rows - self.first, values)


class Inbox:
    """The readings of one outstation. `points` is where its points lie."""

    def __init__(self, points: Index) -> None:
        self.points = points
        self._waiting: deque[_Events | Batch | Receipt] = deque()
        self._ready: deque[Batch | Receipt] = deque()
        self._open = False
        self._begin()

    @property
    def room(self) -> bool:
        """Whether another fragment can be taken."""
        return len(self._waiting) < MOST_FRAGMENTS_WAITING

    @property
    def waiting(self) -> bool:
        """Whether there is something to fetch."""
        return bool(self._waiting or self._ready)

    def take(self, readings: Sequence[Readings], arrival_ns: int, *, known: bool = False) -> bool:
        """Keep what a fragment held, without its events if they are `known`; return whether events were kept."""
        events = []
        for each in readings:
            rows, kept = self.points.lookup(each.group.kind, each.index)
            if not len(rows):
                continue
            found = rows, self.points.scaled(rows, each.values[kept]), each.quality[kept], each.time_ns[kept]
            if each.group.event and not known:
                events.append(found)
            if self._open:
                self._put(*found)
        if events:
            rows, values, quality, time_ns = (np.concatenate(column) for column in zip(*events, strict=True))
            self._waiting.append((rows, values, quality, time_ns, arrival_ns))
        return bool(events)

    def follow(self, receipt: Receipt) -> None:
        """Let `receipt` go behind everything that was taken."""
        self._waiting.append(receipt)

    def fetch(self) -> list[Batch | Receipt]:
        """Hand out in order what was taken, each point once in a batch."""
        while self._waiting and len(self._ready) < MOST_BATCHES:
            first = self._waiting.popleft()
            self._ready.extend(_cut(*first) if isinstance(first, tuple) else (first,))
        return [self._ready.popleft() for _ in range(min(len(self._ready), MOST_BATCHES))]

    def begin_integrity(self) -> None:
        """Forget the state: everything is about to be told. An event that overtakes the poll is newer and stays."""
        self._begin()
        self._open = True

    def missing(self) -> Rows:
        """Return the rows that were not told since the poll began."""
        found: Rows = self.points.rows[~self._seen]
        return found

    def missing_groups(self) -> list[int]:
        """Return the object groups in which something is missing."""
        kinds = {self.points.kinds[int(row) - self.points.first] for row in self.missing()}
        return sorted(STATIC_GROUP[kind] for kind in kinds)

    def end_integrity(self, arrival_ns: int) -> None:
        """Take the state of all points; what was not told is missing."""
        self._open = False
        self._waiting.append(Batch(self.points.rows, self._values, self._quality, self._time_ns, arrival_ns))

    def _begin(self) -> None:
        size = len(self.points.rows)
        self._values: Values = np.full(size, np.nan)
        self._quality: Qualities = np.full(size, MISSING, np.uint16)
        self._time_ns: Times = np.zeros(size, np.int64)
        self._seen = np.zeros(size, np.bool_)

    def _put(self, rows: Rows, values: Values, quality: Qualities, time_ns: Times) -> None:
        at = rows - self.points.first
        self._values[at], self._quality[at], self._time_ns[at], self._seen[at] = values, quality, time_ns, True


def _cut(rows: Rows, values: Values, quality: Qualities, time_ns: Times, arrival_ns: int) -> Iterator[Batch]:
    """Yield batches in which each row stands once, ascending; a batch ends where a row comes again."""
    for start, stop in _runs(rows):
        order = start + np.argsort(rows[start:stop])
        yield Batch(rows[order], values[order], quality[order], time_ns[order], arrival_ns)


def _runs(rows: Rows) -> Iterator[tuple[int, int]]:
    """Yield the longest stretches without a repeated row."""
    start, seen = 0, set[int]()
    for position, row in enumerate(rows.tolist()):
        if row in seen:
            yield start, position
            start = position
            seen.clear()
        seen.add(row)
    yield start, len(rows)
