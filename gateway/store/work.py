"""What is handed to the disk at once, and what it says when that is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.store.numbers import Run
from gateway.store.record import Gap, GapReason, Record, Stream


@dataclass(frozen=True, slots=True)
class Lost:
    """Records that fell out before they had a number: how many, and what they covered."""

    count: int
    start_ns: int
    end_ns: int

    def __add__(self, other: "Lost") -> "Lost":
        return Lost(self.count + other.count, min(self.start_ns, other.start_ns), max(self.end_ns, other.end_ns))


@dataclass(frozen=True, slots=True)
class Work:
    """One group commit: records and states in one transaction, deletions in as many as they need."""

    records: Sequence[Record] = ()
    states: Mapping[str, bytes | None] = field(default_factory=dict)
    bytes: int = 0
    lost: Mapping[tuple[Stream, GapReason], Lost] = field(default_factory=dict)
    acknowledged: Mapping[Stream, Sequence[Run]] = field(default_factory=dict)
    unreadable: Mapping[Stream, Sequence[Run]] = field(default_factory=dict)
    reported: Sequence[Gap] = ()
    noted: Sequence[Gap] = ()


@dataclass(slots=True)
class Ledger:
    """The sums of one stream, kept on disk in the same transaction as its rows."""

    last: int = 0
    rows: int = 0
    bytes: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Every number of the store.

    `faded` windows were merged into others since the start; `oldest_ns` names only streams that have rows;
    `pending_bytes` wait in RAM.
    """

    rows: Mapping[Stream, int] = field(default_factory=dict)
    bytes: Mapping[Stream, int] = field(default_factory=dict)
    dropped: Mapping[Stream, int] = field(default_factory=dict)
    last: Mapping[Stream, int] = field(default_factory=dict)
    oldest_ns: Mapping[Stream, int] = field(default_factory=dict)
    faded: int = 0
    db_bytes: int = 0
    used_bytes: int = 0
    wal_bytes: int = 0
    pending_bytes: int = 0
    commits: int = 0
    commit_s: float = 0.0
    acks_forgotten: int = 0
    faults: int = 0
    fault: str | None = None
