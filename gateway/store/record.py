"""What the store keeps: a message as bytes that need no configuration to be read again, and the gaps it had to make."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.store import numbers
from gateway.store.numbers import Numbers


class Damaged(Exception):
    """The database holds what was never written to it: set it aside."""


class Stream(StrEnum):
    """A class of messages with sequence numbers of its own, without holes."""

    TELEMETRY = "telemetry"
    CHANGE = "change"
    ALARM = "alarm"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Record:
    """A message before it has its number: `body` as `packing` writes it, `start_ns` to `end_ns` what it covers."""

    stream: Stream
    device: str
    start_ns: int
    end_ns: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """A stored message. `seq` counts from 1 per stream, without holes, across restarts.

    `merged` are the numbers of the windows that one window was made of, its own the last; empty if it is as it was.
    """

    seq: int
    record: Record
    merged: Numbers = ()

    @property
    def numbers(self) -> Numbers:
        """Return every number that this row stands for."""
        return self.merged or numbers.one(self.seq)

    def gap(self, reason: "GapReason") -> "Gap":
        """Return the hole that is left when this row cannot be sent."""
        return Gap.of(self.record.stream, self.numbers, (self.record.start_ns, self.record.end_ns), reason)


class GapReason(StrEnum):
    """Why messages were lost in the gateway itself."""

    BUDGET = "budget"
    """The oldest made room for the newest."""
    CORRUPT = "corrupt"
    """The database, or one message in it, could not be read any more."""
    MEMORY = "memory"
    """The disk refused for so long that the oldest fell out of RAM."""
    SIZE = "size"
    """One message was larger than a transaction may be."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole that the gateway made: of the numbers `from_seq` to `to_seq`, `lost` (at most, if corrupt) never leave.

    `numbers` tells which, where not all between the bounds are lost; empty also where that would take too long a list.
    """

    stream: Stream
    from_seq: int
    to_seq: int
    start_ns: int
    end_ns: int
    reason: GapReason
    lost: int
    numbers: Numbers = ()

    @classmethod
    def of(cls, stream: Stream, lost: Numbers, times: tuple[int, int], reason: GapReason) -> "Gap":
        """Return the hole that `lost` leave; `times` are start and end of what they covered."""
        listed = () if numbers.dense(lost) or len(lost) > numbers.STRIDES_MAX else lost
        return cls(stream, *numbers.bounds(lost), *times, reason, numbers.count(lost), listed)

    @property
    def is_dense(self) -> bool:
        """Return whether every number between the bounds is lost."""
        return self.lost == self.to_seq - self.from_seq + 1
