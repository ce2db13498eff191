"""Makes a database of one that is bad, or was taken away: every row, gap and state that can be read, with its numbers.

It is complete before it takes the place of the bad one, so a power cut on the way costs nothing but time. What cannot
be read is a gap with the reason `corrupt`: exact where nothing had been acknowledged in between, else at most so large.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gateway.store import files, gaps, numbers
from gateway.store.files import Taken
from gateway.store.levels import ANY, TOP
from gateway.store.limits import Limits
from gateway.store.numbers import Run
from gateway.store.record import Damaged, Gap, GapReason, Row, Stream
from gateway.store.rows import row_cost
from gateway.store.salvage import Salvage
from gateway.store.schema import migrate, prepare
from gateway.store.transaction import Transaction
from gateway.store.words import content, whole, word
from gateway.store.work import Ledger

T = TypeVar("T")

SPAN_MAX = 1 << 25
"""Numbers from the oldest to the last of a stream, a byte each while it is recovered; if more, holes are not exact."""
LOST, KEPT = 1, 2


def rebuild(
    directory: Path, source: sqlite3.Connection | None, limits: Limits, taken: Mapping[Stream, Taken]
) -> "Recovery":
    """Write what `source` has into the file that `files.put_in_place` takes, and say how much it was."""
    part = files.part(directory)
    db = sqlite3.connect(part, isolation_level=None)
    try:
        prepare(db, {})
        db.execute(f"PRAGMA max_page_count = {limits.pages}")
        recovery = Recovery(source, db, limits)
        recovery.run(taken)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        db.close()
    files.complete(part)
    return recovery


def read_bad(path: Path) -> sqlite3.Connection | None:
    """Open a database to read what it still has; None if there is none."""
    db = sqlite3.connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)
    try:
        for setting in ("locking_mode = EXCLUSIVE", "cell_size_check = ON", "wal_autocheckpoint = 0"):
            db.execute(f"PRAGMA {setting}")
        migrate(db)
    except sqlite3.OperationalError:
        db.close()
        return None
    except sqlite3.DatabaseError:
        return db
    return db


class Recovery:
    """Reads `source`, if there is any, into `target`, whose tables are made and empty."""

    def __init__(self, source: sqlite3.Connection | None, target: sqlite3.Connection, limits: Limits) -> None:
        self.rows = self.lost = 0
        self._source, self._target, self._limits = source, target, limits
        self._ledgers = {stream: Ledger() for stream in Stream}
        self._top = 0

    def run(self, taken: Mapping[Stream, Taken]) -> None:
        """Recover all. Numbers that are `taken` are never given again."""
        states, _ = self._all("SELECT key, value FROM states", lambda row: (word(row[0]), content(row[1])))
        marks, whole_marks = self._all("SELECT level, seq FROM fading", lambda row: (whole(row[0]), whole(row[1])))
        sums, _ = self._all(
            "SELECT stream, last, rows, bytes, dropped FROM streams",
            lambda row: (Stream(row[0]), Ledger(*map(whole, row[1:]))),
        )
        known = {table: self._all(gaps.SELECT.format(table=table), gaps.of_columns)[0] for table in gaps.TABLES}
        with self._transaction():
            self._target.executemany("INSERT OR REPLACE INTO states VALUES (?, ?)", states)
            for table, found in known.items():
                for gap in found:
                    gaps.put(self._target, table, gap)
        merged = max((seq for level, seq in marks if level in (0, ANY)), default=0) if whole_marks else numbers.LARGEST
        for stream in Stream:
            lost = [gap for gap in known["losses"] if gap.stream is stream]
            self._stream(stream, taken.get(stream, Taken()), dict(sums).get(stream), lost=lost, merged=merged)
        with self._transaction():
            self._target.execute("INSERT OR REPLACE INTO fading VALUES (?, ?)", (TOP, self._top))

    def _all(self, statement: str, read: Callable[[Sequence[Any]], T]) -> tuple[list[T], bool]:
        """Return the rows of a small table as far as they can be read, and whether that is all."""
        found: list[T] = []
        if self._source is None:
            return found, False
        bad = 0
        try:
            for columns in self._source.execute(statement):
                try:
                    found.append(read(columns))
                except (ValueError, TypeError, Damaged):
                    bad += 1
        except sqlite3.DatabaseError:
            bad += 1
        return found, not bad

    def _stream(self, stream: Stream, taken: Taken, sums: Ledger | None, *, lost: Iterable[Gap], merged: int) -> None:
        last = max(sums.last, taken.least) if sums else taken.most
        span = Span(min(taken.first, last + 1), last)
        everything = [(taken.first, last)]
        for gap in lost:
            span.keep(gap.numbers or ((gap.from_seq, gap.to_seq, 1),))
        holes: Sequence[Run] = everything
        before, highest = self.rows, 0
        if self._source is not None:
            salvage = Salvage(self._source, stream, (taken.first, last))
            for rows in _batches(salvage.rows(), self._limits.transaction_bytes // 2):
                with self._transaction() as transaction:
                    transaction.restore(stream, rows)
                self.rows += len(rows)
                highest = rows[-1][0].seq
                self._top = max(self._top, *(level for _, level in rows))
                for row, _ in rows:
                    span.keep(row.numbers)
            tail = max(sums.last if sums else highest, taken.first - 1) + 1
            holes = _widened([*salvage.holes, (tail, last)], taken.first, merged if stream is Stream.TELEMETRY else 0)
        missing = span.lost(holes)
        if sums is None or _size(missing) < sums.rows - (self.rows - before):
            missing = span.lost(everything)  # rows have vanished, or may have, without a word from SQLite
        self._finish(stream, last, sums.dropped if sums else 0, missing)

    def _finish(self, stream: Stream, last: int, dropped: int, lost: Sequence[Run]) -> None:
        with self._transaction() as transaction:
            ledger = transaction.ledgers[stream]
            ledger.last, ledger.dropped = last, ledger.dropped + dropped
            if lost:
                gap = Gap.of(stream, numbers.of_runs(lost), (0, 0), GapReason.CORRUPT)
                gaps.add(self._target, gap)
                ledger.dropped += gap.lost
                self.lost += gap.lost

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        self._target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._target.execute("BEGIN IMMEDIATE")
        transaction = Transaction(self._target, self._limits, self._ledgers)
        yield transaction
        transaction.save()
        self._target.execute("COMMIT")
        self._ledgers = transaction.ledgers


class Span:
    """The numbers of a stream that may wait, and which of them are accounted for."""

    def __init__(self, first: int, last: int) -> None:
        self._first = first
        self._known = np.zeros(last - first + 1, np.uint8) if last - first < SPAN_MAX else None

    def keep(self, kept: numbers.Numbers) -> None:
        """Note numbers that are not lost."""
        if self._known is not None:
            for first, last, step in kept:
                begin = first if first >= self._first else first + -(-(self._first - first) // step) * step
                self._known[begin - self._first : max(last + 1 - self._first, 0) : step] = KEPT

    def lost(self, holes: Iterable[Run]) -> Sequence[Run]:
        """Return what is not accounted for within `holes`, as ascending runs."""
        if self._known is None:
            return numbers.runs(tuple((first, last, 1) for first, last in holes if first <= last))
        for first, last in holes:
            part = self._known[first - self._first : max(last + 1 - self._first, 0)]
            part[part == 0] = LOST
        edges = np.flatnonzero(np.diff(self._known == LOST, prepend=False, append=False)) + self._first
        return [(int(begin), int(end) - 1) for begin, end in edges.reshape(-1, 2)]


def _size(runs: Iterable[Run]) -> int:
    return sum(last - first + 1 for first, last in runs)


def _widened(holes: Sequence[Run], first: int, merged: int) -> Sequence[Run]:
    """Return the holes; one in which merged windows may have stood reaches back to the oldest number that may wait."""
    return [(first if begin <= min(merged, end) else begin, end) for begin, end in holes]


def _batches(rows: Iterator[tuple[Row, int]], most: int) -> Iterator[Sequence[tuple[Row, int]]]:
    batch, size = [], 0
    for row in rows:
        batch.append(row)
        size += row_cost(row[0])
        if size >= most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
