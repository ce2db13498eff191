"""What goes next: alarms, then live changes, reports and telemetry, then the backlog, oldest first and rate-capped.

Everything stored before the connection came up is backlog, marked historical, also as part of a merged window. Live
rows never wait for it: they are asked first each time, and the backlog may fill only half of the in-flight window and a
fixed rate, from its time on.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.store import numbers
from gateway.store.record import Row, Stream

OTHERS = (Stream.CHANGE, Stream.REPORT, Stream.TELEMETRY)
"""The streams behind the alarms, in their order."""
READ_ROWS = 64
"""Rows read ahead of each stream: 2 MiB where a device has 1,000 points, and enough to make one query cheap."""


class Rows(Protocol):
    """What is needed of the store to read it."""

    async def read(self, stream: Stream, *, after: int, upto: int | None, limit: int) -> Sequence[Row] | None:
        """Return rows with after < seq <= upto, ascending; None while the disk refuses."""

    def last(self, stream: Stream) -> int:
        """Return the last committed seq, 0 for none."""


class Cursor:
    """Reads one stream once, ascending, from after `after` to `upto`, or for ever."""

    def __init__(self, rows: Rows, stream: Stream, *, after: int = 0, upto: int | None = None) -> None:
        self._rows = rows
        self._stream = stream
        self._position = after
        self._upto = upto
        self._ahead: deque[Row] = deque()

    async def head(self) -> Row | None:
        """Return the next row without taking it; none while the disk refuses, of which nothing is passed over."""
        if not self._ahead:
            end = self._rows.last(self._stream) if self._upto is None else self._upto
            if end > self._position:
                found = await self._rows.read(self._stream, after=self._position, upto=end, limit=READ_ROWS)
                if found is None:
                    return None
                self._ahead.extend(found)
                self._position = found[-1].seq if found else end
        return self._ahead[0] if self._ahead else None

    def take(self) -> Row:
        """Take the row that `head` showed."""
        return self._ahead.popleft()


class TokenBucket:
    """At most `rate_per_s` in the long run and one second's worth at once."""

    def __init__(self, rate_per_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._capacity = max(1.0, rate_per_s)
        self._tokens = self._capacity
        self._at_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Return how long until one may go; 0 for now."""
        elapsed_s = max(0.0, now_s - self._at_s)
        self._tokens = min(self._capacity, self._tokens + elapsed_s * self._rate_per_s)
        self._at_s = now_s
        return max(0.0, (1 - self._tokens) / self._rate_per_s)

    def take(self) -> None:
        """Let one go."""
        self._tokens -= 1


@dataclass(frozen=True, slots=True)
class Due:
    """A row whose turn it is."""

    row: Row
    historical: bool
    backlog: bool


class Schedule:
    """The order of one connection's rows. `wait_s` says when the backlog may go on, None when there is none waiting."""

    def __init__(self, rows: Rows, *, backlog_rate_per_s: float, backlog_from_s: float = 0.0) -> None:
        marks = {stream: rows.last(stream) for stream in Stream}
        self._marks = marks
        self._live = [Cursor(rows, Stream.ALARM)]
        self._live += [Cursor(rows, stream, after=marks[stream]) for stream in OTHERS]
        self._backlog = [Cursor(rows, stream, upto=marks[stream]) for stream in OTHERS]
        self._bucket = TokenBucket(backlog_rate_per_s)
        self._backlog_from_s = backlog_from_s
        self.wait_s: float | None = None

    async def next(self, now_s: float, *, backlog: bool) -> Due | None:
        """Take the row that goes next; from the backlog only when `backlog` says that there is room for it."""
        self.wait_s = None
        for cursor in self._live:
            row = await cursor.head()
            if row is not None:
                oldest, _ = numbers.bounds(row.numbers)
                return Due(cursor.take(), historical=oldest <= self._marks[row.record.stream], backlog=False)
        return await self._next_of_backlog(now_s) if backlog else None

    async def _next_of_backlog(self, now_s: float) -> Due | None:
        heads = [(row.record.start_ns, n) for n, cursor in enumerate(self._backlog) if (row := await cursor.head())]
        if not heads:
            return None
        self.wait_s = max(self._bucket.wait_s(now_s), self._backlog_from_s - now_s)
        if self.wait_s > 0:
            return None
        self._bucket.take()
        return Due(self._backlog[min(heads)[1]].take(), historical=True, backlog=True)
