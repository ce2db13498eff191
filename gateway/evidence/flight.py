"""The flight recorder: every reading of the last seconds, at full rate, in arrays of a fixed size.

It is sized from the configuration: what is polled within the time that is kept around an alarm, twice over, for points
that tell their changes; at most READINGS_MAX. The oldest readings are overwritten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.model import Batch, Qualities, Quality, Rows, Times, Values
from protocols.points import Points

READINGS_MIN: Final = 1024
"""Of a few slow points: 30 kB."""
READINGS_MAX: Final = 65_536
"""2 MB; beyond it what is kept before an alarm is shorter than configured."""
SPARE: Final = 2
"""Times what is polled, for points that are told when they change."""
HEADER: Final = "time,point,value,quality,device_time\n"
ROWS_AT_ONCE: Final = 4096
"""Lines that are made at once, so that the thread that makes them lets others work."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings in the order in which they came. `arrival_ns` and `time_ns` int64[n]: ours, and the device's own."""

    rows: Rows
    values: Values
    quality: Qualities
    time_ns: Times
    arrival_ns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def joined(cls, parts: Sequence["Readings"]) -> "Readings":
        """Return all of `parts`, of which there is one at least, in the order of their arrival."""
        order = np.argsort(np.concatenate([part.arrival_ns for part in parts]), kind="stable")
        return cls(*(np.concatenate([getattr(part, name) for part in parts])[order] for name in cls.__slots__))


def capacity(points: Points, seconds: float) -> int:
    """Return how many readings are remembered of so many seconds."""
    polled = float(np.sum(seconds / np.maximum(points.every_s, 1e-3))) if len(points) else 0.0
    return int(min(max(SPARE * polled, READINGS_MIN), READINGS_MAX))


class Flight:
    """The ring of `capacity` readings. `total` were taken so far, which numbers them."""

    def __init__(self, points: Points, seconds: float) -> None:
        self.capacity = size = capacity(points, seconds)
        self.total = 0
        self._size, self._at, self._count = size, 0, 0
        self._ring = Readings(
            np.zeros(size, np.int32),
            np.zeros(size),
            np.zeros(size, np.uint16),
            np.zeros(size, np.int64),
            np.zeros(size, np.int64),
        )

    def __len__(self) -> int:
        return self._count

    def observe(self, batch: Batch) -> None:
        """Take the readings of `batch`, of a very large one the last."""
        count = min(len(batch), self._size)
        split = min(count, self._size - self._at)
        first = len(batch) - count
        self._put(self._at, batch, first, first + split)
        self._put(0, batch, first + split, len(batch))
        self._at = (self._at + count) % self._size
        self._count = min(self._count + count, self._size)
        self.total += count

    def since(self, number: int, from_ns: int) -> Readings:
        """Return a copy of those from `number` on that arrived from `from_ns` on."""
        ring, count = self._ring, min(self._count, max(self.total - number, 0))
        order = (np.arange(count) + self._at - count) % self._size
        at = order[ring.arrival_ns[order] >= from_ns]
        return Readings(ring.rows[at], ring.values[at], ring.quality[at], ring.time_ns[at], ring.arrival_ns[at])

    def _put(self, at: int, batch: Batch, first: int, last: int) -> None:
        ring, to = self._ring, slice(at, at + last - first)
        ring.rows[to], ring.values[to] = batch.rows[first:last], batch.values[first:last]
        ring.quality[to], ring.time_ns[to] = batch.quality[first:last], batch.time_ns[first:last]
        ring.arrival_ns[to] = batch.arrival_ns


def table(points: Points, readings: Readings) -> Iterator[str]:
    """Yield `readings` as CSV in pieces: a table that `gridsentinel replay` reads. Times are UTC."""
    yield HEADER
    words: dict[int, str] = {}
    for at in range(0, len(readings), ROWS_AT_ONCE):
        yield "".join(_lines(points, readings, slice(at, at + ROWS_AT_ONCE), words))


def _lines(points: Points, part: Readings, at: slice, words: dict[int, str]) -> Iterator[str]:
    arrived, own = _utc(part.arrival_ns[at]), _utc(part.time_ns[at])
    columns = zip(part.rows[at].tolist(), part.values[at].tolist(), part.quality[at].tolist(), strict=True)
    for (row, value, quality), came, told in zip(columns, arrived, own, strict=True):
        word = words.get(quality) or words.setdefault(quality, _word(quality))
        yield f'{came},"{points.label(row)}",{value!r},{word},{told}\n'


def _utc(times: NDArray[np.int64]) -> list[str]:
    return [f"{time}Z" for time in np.datetime_as_string(times.astype("datetime64[ns]"), unit="us").tolist()]


def _word(quality: int) -> str:
    return "|".join((flag.name or "").lower() for flag in Quality(quality)) or "good"
