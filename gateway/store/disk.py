"""The store's own thread works here: one connection, group commits, reads, and what to do when the disk says no."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from errno import EIO
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from gateway.store import files, gaps
from gateway.store.database import Database
from gateway.store.fader import Fader
from gateway.store.files import Taken
from gateway.store.limits import PAGE_BYTES, Limits
from gateway.store.record import Damaged, Gap, GapReason, Row, Stream
from gateway.store.rows import row_of
from gateway.store.schema import STATEMENTS, prepare
from gateway.store.transaction import Transaction
from gateway.store.words import whole
from gateway.store.work import Ledger, Lost, StoreStats, Work

T = TypeVar("T")

READ_BYTES = 1024 * 1024
"""Most bytes of one read, so that a commit never waits long behind it; one row at least."""
FADES_AT_START = 32
"""Transactions in which a store that is larger than its budget is merged at a start; then the oldest goes at once."""
FADE_AHEAD = 4
"""So much of a transaction's bytes is made free in advance: fewer commits have to, and pages are emptied whole."""
NOTHING = Work()
FAULTS = frozenset(
    (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY,
     sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_PROTOCOL),
)  # fmt: skip
DAMAGES = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))


def is_fault(error: BaseException) -> bool:
    """Return whether `error` is the disk's and may pass: full, read-only, unreachable, failing."""
    if isinstance(error, sqlite3.Error):
        return _code(error) in FAULTS
    return isinstance(error, OSError)


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


class Disk:
    """The database of one directory. Every method runs in the one thread that owns the connection."""

    def __init__(self, directory: Path, limits: Limits) -> None:
        self.stats = StoreStats()
        self._directory, self._limits = directory, limits
        self._database = Database(directory, limits, start=self._start, taken=self._taken)
        self._fader = Fader(limits)
        self._ledgers: Mapping[Stream, Ledger] = {}
        self._reserved: Mapping[Stream, tuple[int, int]] = {}

    @property
    def notes(self) -> Sequence[str]:
        """What the operator should know of the database."""
        return self._database.notes

    def open(self) -> None:
        """Open the database, or a fresh one when it is bad; afterwards all is within its limits."""
        self._guarded(lambda _: None)

    def commit(self, work: Work) -> None:
        """Do `work`; it is on disk when this returns, and nothing of its records is when this raises."""
        begin = perf_counter()
        self._guarded(lambda db: self._commit(db, work))
        self.stats = replace(self.stats, commits=self.stats.commits + 1, commit_s=perf_counter() - begin)

    def read(self, stream: Stream, after: int, upto: int, limit: int) -> Sequence[Row]:
        """Return the rows with after < seq <= upto, ascending, at most `limit` and about READ_BYTES."""

        def read(db: sqlite3.Connection) -> Sequence[Row]:
            rows, size = [], 0
            for columns in db.execute(STATEMENTS[stream].read, (after, upto, limit)):
                rows.append(row_of(stream, columns))
                size += len(rows[-1].record.body)
                if size >= READ_BYTES:
                    break
            if rows and stream is Stream.TELEMETRY:
                self._fader.handed.add(after + 1, rows[-1].seq)
            return rows

        return self._guarded(read)

    def gaps(self, stream: Stream | None) -> Sequence[Gap]:
        """Return the gaps that are not reported yet."""
        return self._guarded(lambda db: gaps.waiting(db, stream))

    def losses(self, stream: Stream | None) -> Sequence[Gap]:
        """Return every gap that ever was, reported or not."""
        return self._guarded(lambda db: gaps.ever(db, stream))

    def states(self, prefix: str) -> Mapping[str, bytes]:
        """Return the states whose key begins with `prefix`."""
        statement = "SELECT key, value FROM states WHERE key >= ? AND substr(key, 1, ?) = ?"
        return self._guarded(lambda db: dict(db.execute(statement, (prefix, len(prefix), prefix)).fetchall()))

    def close(self) -> None:
        """Close the database and give the lock back."""
        self._database.close()

    def _guarded(self, act: Callable[[sqlite3.Connection], T]) -> T:
        """Do it; once more with a database that was made anew if it is found bad, and that is bad too: a fault."""
        for _ in range(2):
            try:
                return act(self._database.opened())
            except (sqlite3.DatabaseError, Damaged) as error:
                if not self._is_damage(error):
                    raise
                self._database.is_bad(str(error))
        raise OSError(EIO, "the disk damages what is written to it")

    def _is_damage(self, error: sqlite3.DatabaseError | Damaged) -> bool:
        if isinstance(error, Damaged):
            return True
        if _code(error) == sqlite3.SQLITE_IOERR:
            self._database.disconnect()
        undecodable = str(error).startswith("Could not decode")  # a text that is none; the module gives it no code
        return not is_fault(error) and (undecodable or _code(error) in DAMAGES or not self._database.is_open)

    def _start(self, db: sqlite3.Connection) -> None:
        taken = self._taken()
        prepare(db, taken)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._fader.forget()
        ledgers = _ledgers(db)
        self._reserved = files.read_reserved(self._directory)
        self._catch_up(db, ledgers, taken)
        self._reserve(db, self._ledgers)
        self._fit(db)
        db.execute(f"PRAGMA max_page_count = {self._limits.pages}")

    def _taken(self) -> Mapping[Stream, Taken]:
        """Return which numbers were given out: exact once it was open, for what the files say may be gone with it."""
        if not self._ledgers:
            return files.read_taken(self._directory)
        first = {stream: self._reserved.get(stream, (1, 0))[0] for stream in Stream}
        return {stream: Taken(first[stream], ledger.last, ledger.last) for stream, ledger in self._ledgers.items()}

    def _catch_up(
        self, db: sqlite3.Connection, ledgers: Mapping[Stream, Ledger], taken: Mapping[Stream, Taken]
    ) -> None:
        """Skip numbers that were given out and that the database knows nothing of: its journal has lost its end."""
        db.execute("BEGIN IMMEDIATE")
        transaction = Transaction(db, self._limits, ledgers)
        for stream, ledger in ledgers.items():
            if (missing := taken.get(stream, Taken()).least - ledger.last) > 0:
                transaction.lose(stream, GapReason.CORRUPT, Lost(missing, 0, 0))
                self._database.note(f"{self._database.path} has lost the last {missing} messages of {stream}")
        self._commit_ledgers(db, transaction)

    def _reserve(self, db: sqlite3.Connection, ledgers: Mapping[Stream, Ledger]) -> None:
        if all(ledger.last < self._reserved.get(stream, (0, 0))[1] for stream, ledger in ledgers.items()):
            return
        waiting = {gap.stream: gap.from_seq for gap in reversed(gaps.waiting(db, None))}
        reserved = {}
        for stream, ledger in ledgers.items():
            (oldest, *_) = db.execute(STATEMENTS[stream].oldest).fetchone() or (ledger.last + 1,)
            if stream is Stream.TELEMETRY and oldest <= self._fader.merged_upto(db):
                oldest = min(oldest, self._reserved.get(stream, (1, 0))[0])  # it may stand for older ones
            reserved[stream] = (min(oldest, waiting.get(stream, oldest)), ledger.last + files.RESERVED)
        files.write_reserved(self._directory, reserved)
        self._reserved = reserved

    def _fit(self, db: sqlite3.Connection) -> None:
        """Bring a store that was made with a larger budget within this one."""
        fits, turns = False, 0
        while not fits:
            self._make_room_in_journal(db)
            db.execute("BEGIN IMMEDIATE")
            transaction = Transaction(db, self._limits, self._ledgers)
            turns += 1
            fits = (turns > FADES_AT_START or not self._fade(db, transaction, NOTHING)) and transaction.fit()
            self._commit_ledgers(db, transaction)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if self._database.path.stat().st_size > self._limits.pages * PAGE_BYTES:
            self._shrink(db)

    def _shrink(self, db: sqlite3.Connection) -> None:
        try:
            db.execute("PRAGMA cache_spill = ON")
            db.execute("VACUUM")
            self._database.note("the store was larger than its budget: the oldest has gone, the file is shrunk")
        except sqlite3.OperationalError as error:
            self._database.note(f"the store is larger than its budget and cannot be shrunk now: {error}")
        finally:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            db.execute("PRAGMA cache_spill = OFF")

    def _make_room_in_journal(self, db: sqlite3.Connection) -> None:
        if self._database.wal_bytes() > self._limits.checkpoint_bytes:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _commit(self, db: sqlite3.Connection, work: Work) -> None:
        left = work.acknowledged
        while True:
            self._make_room_in_journal(db)
            limits = self._database.limits_now(*db.execute("PRAGMA page_count").fetchone())
            db.execute("BEGIN IMMEDIATE")
            try:
                transaction = Transaction(db, limits, self._ledgers)
                left = {s: rest for s, runs in left.items() if (rest := transaction.acknowledge(s, runs))}
                fades = not left and self._fade(db, transaction, work)
                if not left and not fades:
                    self._write(db, transaction, work)
                self._reserve(db, transaction.ledgers)
                self._commit_ledgers(db, transaction)
            except BaseException:
                self._fader.forget()
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            if not left and not fades:
                return

    def _fade(self, db: sqlite3.Connection, transaction: Transaction, work: Work) -> bool:
        """Merge windows if `work` lacks room, some more than it needs; return whether to look again."""
        missing = transaction.missing(work.records, work.states)
        wanted = missing + self._limits.transaction_bytes // FADE_AHEAD
        return missing > 0 and self._fader.fade(db, transaction.ledgers[Stream.TELEMETRY], wanted)

    def _write(self, db: sqlite3.Connection, transaction: Transaction, work: Work) -> None:
        for gap in work.reported:
            gaps.remove(db, gap)
        for gap in work.noted:
            gaps.note(db, gap)
        for stream, runs in work.unreadable.items():
            transaction.discard(stream, runs)
        for (stream, reason), lost in work.lost.items():
            transaction.lose(stream, reason, lost)
        transaction.insert(work.records, work.states)

    def _commit_ledgers(self, db: sqlite3.Connection, transaction: Transaction) -> None:
        transaction.save()
        # measured before the commit: nothing that can fail comes after it, or the records would be stored twice
        stats = self._measure(db, transaction.ledgers)
        db.execute("COMMIT")
        self._ledgers = transaction.ledgers
        self.stats = replace(stats, wal_bytes=self._database.wal_bytes())
        with suppress(OSError):
            files.write_last(self._directory, {stream: ledger.last for stream, ledger in self._ledgers.items()})

    def _measure(self, db: sqlite3.Connection, ledgers: Mapping[Stream, Ledger]) -> StoreStats:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (free,) = db.execute("PRAGMA freelist_count").fetchone()
        oldest = {stream: db.execute(STATEMENTS[stream].oldest).fetchone() for stream in Stream}
        return replace(
            self.stats,
            rows={stream: ledger.rows for stream, ledger in ledgers.items()},
            bytes={stream: ledger.bytes for stream, ledger in ledgers.items()},
            faded=self._fader.faded,
            dropped={stream: ledger.dropped for stream, ledger in ledgers.items()},
            last={stream: ledger.last for stream, ledger in ledgers.items()},
            oldest_ns={stream: row[1] for stream, row in oldest.items() if row},
            db_bytes=pages * PAGE_BYTES,
            used_bytes=(pages - free) * PAGE_BYTES,
        )


def _ledgers(db: sqlite3.Connection) -> Mapping[Stream, Ledger]:
    rows = db.execute("SELECT stream, last, rows, bytes, dropped FROM streams").fetchall()
    try:
        found = {Stream(stream): Ledger(*map(whole, numbers)) for stream, *numbers in rows}
    except (ValueError, TypeError) as error:
        raise Damaged(f"the sums cannot be read: {error}") from error
    if len(found) < len(Stream):
        raise Damaged("the sums of a stream are missing")
    return found
