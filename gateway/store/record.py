"""What the store keeps: a message as bytes that need no configuration to be read again, and the gaps it had to make."""

from dataclasses import dataclass
from enum import StrEnum


class Stream(StrEnum):
    """A class of messages with sequence numbers of its own, without holes."""

    TELEMETRY = "telemetry"
    CHANGE = "change"
    ALARM = "alarm"


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
    """A stored message. `seq` counts from 1 per stream, without holes, across restarts."""

    seq: int
    record: Record


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
    """A hole that the gateway made: of the numbers `from_seq` to `to_seq`, `lost` (at most, if corrupt) never leave."""

    stream: Stream
    from_seq: int
    to_seq: int
    start_ns: int
    end_ns: int
    reason: GapReason
    lost: int
