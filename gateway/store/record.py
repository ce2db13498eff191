"""What the store keeps: a message as bytes that need no configuration to be read again."""

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
