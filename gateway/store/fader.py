"""Makes room in the telemetry table: the oldest windows of a device are merged before anything is dropped."""

import sqlite3
from dataclasses import dataclass, field

from gateway.store import fading, numbers
from gateway.store.handed import Handed
from gateway.store.levels import ANY, LEVELS_MAX, TOP, Levels
from gateway.store.limits import Limits
from gateway.store.packing import BadRecord, summary_of, to_record
from gateway.store.record import Row, Stream
from gateway.store.rows import columns_of, row_cost, row_of
from gateway.store.schema import STATEMENTS
from gateway.store.words import whole
from gateway.store.work import Ledger

CHUNK = 256
"""Rows that are looked at, deleted and written again together: so their pages are emptied, not left half full."""
SCANNED_MAX = 16 * CHUNK
"""Rows of one transaction that are looked at; most of them have no partner only where configurations changed often."""
PARTNERS_MAX = 10_000
"""Windows that wait for their partner, one per device and level; beyond it the one that waits longest stays so."""
LOOK_BACK = 2_000
"""Rows before each mark among which partners are found again after a restart."""
STATEMENT = STATEMENTS[Stream.TELEMETRY]
SCAN = "SELECT seq, device, level FROM telemetry WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
BACK = "SELECT seq, device, level FROM telemetry WHERE seq <= ? ORDER BY seq DESC LIMIT ?"


@dataclass(slots=True)
class Merge:
    """What one transaction does: rows that go, rows that come instead with their levels, bytes freed and written."""

    gone: set[int] = field(default_factory=set)
    come: dict[int, tuple[Row, int]] = field(default_factory=dict)
    merged: int = 0
    freed: int = 0
    written: int = 0

    def replace(self, older: Row, newer: Row, row: Row, level: int) -> None:
        """Let `row` stand for both."""
        self.gone |= {older.seq, newer.seq}
        self.come.pop(older.seq, None)
        self.come[row.seq] = (row, level)
        self.merged += 1
        self.freed += row_cost(older) + row_cost(newer) - row_cost(row)
        self.written += row_cost(row)

    def write(self, db: sqlite3.Connection) -> None:
        """Delete first, then insert in order: so pages are emptied, and filled again."""
        db.executemany("DELETE FROM telemetry WHERE seq = ?", [(seq,) for seq in sorted(self.gone)])
        db.executemany(STATEMENT.insert, [columns_of(*self.come[seq]) for seq in sorted(self.come)])
        self.gone, self.come = set(), {}


class Fader:
    """Merges within a transaction. What it remembers between two is on disk too, or found again."""

    def __init__(self, limits: Limits) -> None:
        self.faded = 0
        self.handed = Handed()
        self._unit_bytes = limits.transaction_bytes
        self._levels: Levels | None = None
        self._partners: dict[tuple[int, str], tuple[int, int]] = {}

    def forget(self) -> None:
        """Look at the disk again: the transaction was undone, or the database is another."""
        self._levels = None

    def merged_upto(self, db: sqlite3.Connection) -> int:
        """Return the number above which no window is merged."""
        levels = self._loaded(db)
        return max(levels.mark(0), levels.mark(ANY))

    def fade(self, db: sqlite3.Connection, ledger: Ledger, wanted: int) -> bool:
        """Free `wanted` bytes, or what one transaction may; return False when there is nothing left to merge."""
        levels = self._loaded(db)
        merge, scanned = Merge(), 0
        while scanned < SCANNED_MAX and self._goes_on(merge, wanted):
            level = levels.next(ledger.last)
            if level is None:
                break
            scanned += self._chunk(db, merge, level, wanted=wanted, upto=levels.upto(level, ledger.last))
            merge.write(db)
        db.executemany("INSERT OR REPLACE INTO fading VALUES (?, ?)", levels.rows())
        ledger.rows -= merge.merged
        ledger.bytes -= merge.freed
        self.faded += merge.merged
        return scanned > 0

    def _goes_on(self, merge: Merge, wanted: int) -> bool:
        return merge.freed < wanted and merge.written < self._unit_bytes // 2

    def _chunk(self, db: sqlite3.Connection, merge: Merge, level: int, *, wanted: int, upto: int) -> int:
        """Look at the next rows of `level`, move its mark, and return how many there were, one at least."""
        levels = self._loaded(db)
        mark = levels.mark(level)
        rows = db.execute(SCAN, (mark, upto, CHUNK)).fetchall()
        for seq, device, own in rows:
            if not self._goes_on(merge, wanted):
                break
            if level in (own, ANY):
                self._consider(db, merge, level, (seq, device, own))
            mark = seq
        else:
            mark = mark if len(rows) == CHUNK else upto
        levels.marks[level] = mark
        return max(1, len(rows))

    def _consider(self, db: sqlite3.Connection, merge: Merge, level: int, scanned: tuple[int, str, int]) -> None:
        """Merge a row with the one of its device that waits, or let it wait itself."""
        seq, device, own = scanned
        partner = self._partners.pop((level, device), None)
        if partner and (found := self._pair(db, merge, partner[0], seq)):
            older, newer, row = found
            own = min(max(own, partner[1]) + 1, LEVELS_MAX - 1)
            merge.replace(older, newer, row, own)
            self._loaded(db).made(own)
            if level != ANY:
                return
        self._partners[level, device] = seq, own
        if len(self._partners) > PARTNERS_MAX:
            del self._partners[next(iter(self._partners))]

    def _pair(self, db: sqlite3.Connection, merge: Merge, first: int, second: int) -> tuple[Row, Row, Row] | None:
        """Return two rows and what they become; None if they stay: handed out, gone, damaged, different, large."""
        if first in self.handed or second in self.handed:
            return None
        older, newer = (self._row(db, merge, seq) for seq in (first, second))
        if older is None or newer is None:
            return None
        try:
            windows = summary_of(older.record), summary_of(newer.record)
        except BadRecord:
            return None
        merged = numbers.union(older.numbers, newer.numbers)
        if len(merged) > numbers.STRIDES_MAX or not fading.mergeable(*windows):
            return None
        row = Row(newer.seq, to_record(fading.merged(*windows)), merged)
        return (older, newer, row) if row_cost(row) <= self._unit_bytes else None

    def _row(self, db: sqlite3.Connection, merge: Merge, seq: int) -> Row | None:
        if seq in merge.come:
            return merge.come[seq][0]
        columns = db.execute(STATEMENT.read, (seq - 1, seq, 1)).fetchone()
        return row_of(Stream.TELEMETRY, columns) if columns else None

    def _loaded(self, db: sqlite3.Connection) -> Levels:
        if self._levels is None:
            marks = {whole(level): whole(seq) for level, seq in db.execute("SELECT level, seq FROM fading")}
            self._partners = {}
            for level, mark in marks.items() - {(TOP, marks.get(TOP))}:
                for seq, device, own in db.execute(BACK, (mark, LOOK_BACK)):
                    if level in (own, ANY):
                        self._partners.setdefault((level, device), (seq, own))
            self._levels = Levels(marks)
        return self._levels
