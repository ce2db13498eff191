"""The tables of the store, and every statement that is made for one stream.

telemetry, change,         one row a message that waits; appended at the end, deleted when acknowledged. `numbers`
alarm, report              (sealed JSON) are those of the windows that one was merged of, `level` how often it was
streams                    the last number given out, and the sums that would otherwise need a scan
gaps                       holes the gateway made and has not reported yet
losses                     every hole it ever made
fading                     per level, up to which number windows have been merged
states                     what components want to find again after a restart
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.store import gaps
from gateway.store.files import Taken
from gateway.store.limits import PAGE_BYTES
from gateway.store.record import Gap, GapReason, Stream

VERSION = 3

MESSAGES = (
    "seq INTEGER PRIMARY KEY, device TEXT NOT NULL, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,"
    " level INTEGER NOT NULL DEFAULT 0, numbers BLOB, body BLOB NOT NULL)"
)
GAPS = (
    "stream TEXT NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, start_ns INTEGER NOT NULL,"
    " end_ns INTEGER NOT NULL, reason TEXT NOT NULL, lost INTEGER NOT NULL, numbers TEXT,"
    " PRIMARY KEY (stream, from_seq, reason)) WITHOUT ROWID"
)
TABLES = {
    "telemetry": MESSAGES,
    "change": MESSAGES,
    "alarm": MESSAGES,
    "report": MESSAGES,
    "streams": "stream TEXT PRIMARY KEY, last INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " dropped INTEGER NOT NULL) WITHOUT ROWID",
    "gaps": GAPS,
    "losses": GAPS,
    "fading": "level INTEGER PRIMARY KEY, seq INTEGER NOT NULL)",
    "states": "key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
}
SETTINGS = (
    f"page_size = {PAGE_BYTES}",
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = FULL",
    "wal_autocheckpoint = 0",
    "cache_size = -2048",
    "secure_delete = OFF",  # on in Debian's build, where a deleted page is written once more, as zeros
    "cache_spill = OFF",  # each changed page goes to the journal once, at the commit: its size stays bounded
)


class StoreTooNew(Exception):
    """The operator went back to an older version of the program, which cannot read the newer one's store."""


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one stream's table."""

    insert: str
    read: str
    oldest: str
    run: str
    delete: str

    @classmethod
    def of(cls, stream: Stream) -> "Statements":
        """Write them for `stream`, whose name is a constant of ours."""
        return cls(
            # columns by name: in a store of version 1 the new ones stand at the end
            insert=f"INSERT INTO {stream} (seq, device, start_ns, end_ns, level, numbers, body)"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            read=f"SELECT seq, device, start_ns, end_ns, level, numbers, body FROM {stream}"  # noqa: S608
            " WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            oldest=f"SELECT seq, start_ns FROM {stream} ORDER BY seq LIMIT 1",  # noqa: S608
            # length() of a blob is read from the row's header: no overflow page is touched
            run="SELECT seq, start_ns, end_ns, length(body) + ifnull(length(numbers), 0), numbers"  # noqa: S608
            f" FROM {stream}"
            " WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?",
            delete=f"DELETE FROM {stream} WHERE seq BETWEEN ? AND ?",  # noqa: S608
        )


STATEMENTS = {stream: Statements.of(stream) for stream in Stream}


def prepare(db: sqlite3.Connection, taken: Mapping[Stream, Taken]) -> None:
    """Set up `db`; a new one goes on counting behind the numbers that were `taken` before, and records the gaps.

    Raises:
        StoreTooNew: a newer program wrote it.
        sqlite3.DatabaseError: it is no database, or not ours.
    """
    for setting in SETTINGS:
        db.execute(f"PRAGMA {setting}")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreTooNew(f"the store has version {version}, this program knows {VERSION}: run the newer program again")
    if version == 0:
        _create(db, taken)
    else:
        migrate(db)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables != set(TABLES):
        raise sqlite3.DatabaseError("its tables are not the store's")


def _create(db: sqlite3.Connection, taken: Mapping[Stream, Taken]) -> None:
    db.execute("BEGIN IMMEDIATE")
    for name, columns in TABLES.items():
        db.execute(f"CREATE TABLE {name} ({columns}")
    for stream in Stream:
        numbers = taken.get(stream, Taken())
        first, last = numbers.first, numbers.most
        db.execute("INSERT INTO streams VALUES (?, ?, 0, 0, 0)", (stream, last))
        if last >= first:
            gaps.add(db, Gap(stream, first, last, 0, 0, GapReason.CORRUPT, last - first + 1))
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def migrate(db: sqlite3.Connection) -> None:
    """Make the present version of an older one, in place and at once: no row is touched."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in MIGRATIONS:
        return
    db.execute("BEGIN IMMEDIATE")
    for older in range(version, VERSION):
        MIGRATIONS[older](db)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _from_1(db: sqlite3.Connection) -> None:
    """Windows can be merged, and every gap is remembered."""
    for stream in (Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM):
        db.execute(f"ALTER TABLE {stream} ADD COLUMN level INTEGER NOT NULL DEFAULT 0")
        db.execute(f"ALTER TABLE {stream} ADD COLUMN numbers BLOB")
    db.execute("ALTER TABLE gaps RENAME TO gaps_1")
    for table in ("gaps", "losses", "fading"):
        db.execute(f"CREATE TABLE {table} ({TABLES[table]}")
    for table in gaps.TABLES:
        db.execute(f"INSERT INTO {table} SELECT *, NULL FROM gaps_1")  # noqa: S608
    db.execute("DROP TABLE gaps_1")


def _from_2(db: sqlite3.Connection) -> None:
    """There are reports."""
    db.execute(f"CREATE TABLE report ({MESSAGES}")
    db.execute("INSERT INTO streams VALUES (?, 0, 0, 0, 0)", (Stream.REPORT,))


MIGRATIONS = {1: _from_1, 2: _from_2}
