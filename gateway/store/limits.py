"""How the bytes of the budget are divided: pages of the database, journal, one transaction, alarms, the rest.

    max_bytes
    ├── side file and lock                 SIDE_BYTES
    ├── journal (WAL)                      1/8 of it, 1 to 16 MiB
    │   ├── emptied before a commit when over 1/4 of the journal
    │   └── the frames of one transaction: 6 times its records at worst, so its records are an eighth of the journal
    └── database                           the rest, enforced by SQLite itself (max_page_count)
        ├── alarms                         alarm_share
        └── telemetry, changes, reports    the rest

The 6: records are inserted (1), may push out as much for want of pages (1) and as much again for want of budget (1),
as many are deleted because they were acknowledged (1), and rows of mixed sizes leave a third of their pages empty.
No shared memory file: the connection locks exclusively, so no reader can hold the journal back from being emptied.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.config.model import MIB, StoreBudget
from gateway.store.record import Record

PAGE_BYTES = 4096
"""Measured on records of 100 bytes to 16 KiB: 1 KiB takes a sixth more CPU, 8 and 16 KiB write up to twice as much."""
SIDE_BYTES = 16 * 1024
ROW_BYTES = 48
"""What a row takes beside its body: device, times, number, cell. Longer device names are met by counting pages."""
SPARE_PAGES = 16
"""Kept free for the small tables and inner pages that a transaction may touch."""
OVERFLOW_BYTES = PAGE_BYTES - 4
LOCAL_MAX_BYTES, LOCAL_MIN_BYTES = PAGE_BYTES - 35, (PAGE_BYTES - 12) * 32 // 255 - 23
PENDING_BYTES = 4 * MIB
"""`room` waits beyond it: ten seconds of 1,000 devices, and a disk that hangs for a moment stops nobody."""
RAM_BYTES = 8 * MIB
"""Beyond it the oldest telemetry in RAM is dropped: the disk has refused for long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one store, in bytes and pages."""

    pages: int
    journal_bytes: int
    checkpoint_bytes: int
    transaction_bytes: int
    alarm_bytes: int
    other_bytes: int

    @classmethod
    def of(cls, budget: StoreBudget) -> "Limits":
        """Divide `budget`."""
        journal = min(max(budget.max_bytes // 8, MIB), 16 * MIB)
        pages = (budget.max_bytes - journal - SIDE_BYTES) // PAGE_BYTES
        usable = (pages - SPARE_PAGES) * PAGE_BYTES
        alarms = int(usable * budget.alarm_share)
        return cls(pages, journal, journal // 4, journal // 8, alarms, usable - alarms)


def cost(length: int) -> int:
    """Return the bytes on disk of a row whose body has `length`, with what stays empty beside it.

    The file format of SQLite, section 1.6: a payload of up to 4061 bytes shares a page; of a larger one the rest of a
    division into overflow pages stays in the row, at least 489 bytes.
    """
    payload = length + ROW_BYTES
    if payload <= LOCAL_MAX_BYTES:
        return PAGE_BYTES // (PAGE_BYTES // payload)
    local = LOCAL_MIN_BYTES + (payload - LOCAL_MIN_BYTES) % OVERFLOW_BYTES
    if local > LOCAL_MAX_BYTES:
        local = LOCAL_MIN_BYTES
    overflow_pages = -((local - payload) // OVERFLOW_BYTES)
    return overflow_pages * PAGE_BYTES + PAGE_BYTES // (PAGE_BYTES // local)


def record_cost(record: Record) -> int:
    """Return the bytes that `record` is accounted with, in RAM and on disk."""
    return cost(len(record.body))


def states_cost(states: Mapping[str, bytes | None]) -> int:
    """Return the bytes that `states` are accounted with."""
    return sum(cost(len(key) + len(value or b"")) for key, value in states.items())
