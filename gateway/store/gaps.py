"""Gaps to report, and all that ever were: two tables. Neighbours become one, so an outage of a month is one row."""

import json
import sqlite3
from collections.abc import Sequence
from functools import reduce
from typing import Any

from gateway.store import numbers
from gateway.store.numbers import Numbers
from gateway.store.record import Damaged, Gap, GapReason, Stream
from gateway.store.words import whole

GAPS_MAX = 256
"""Per stream and table; the two oldest merge beyond it. Drops take the oldest first, so a handful is usual."""
COLUMNS = "stream, from_seq, to_seq, start_ns, end_ns, reason, lost, numbers"
SELECT = f"SELECT {COLUMNS} FROM {{table}}"  # noqa: S608  the names are ours
TABLES = ("gaps", "losses")


def add(db: sqlite3.Connection, gap: Gap) -> None:
    """Record `gap` as one to report and as one that was, merged with its neighbours of the same reason."""
    for table in TABLES:
        put(db, table, gap)


def note(db: sqlite3.Connection, gap: Gap) -> None:
    """Record `gap` as one that was; noting it twice is noting it once."""
    put(db, "losses", gap)


def waiting(db: sqlite3.Connection, stream: Stream | None) -> Sequence[Gap]:
    """Return the gaps of `stream`, or of all, that are not reported yet, in order."""
    return _read(db, "gaps", stream)


def ever(db: sqlite3.Connection, stream: Stream | None) -> Sequence[Gap]:
    """Return every gap of `stream`, or of all, reported or not, in order."""
    return _read(db, "losses", stream)


def remove(db: sqlite3.Connection, gap: Gap) -> None:
    """Take `gap` from those to report, unless it has grown since."""
    db.execute(
        "DELETE FROM gaps WHERE stream = ? AND from_seq = ? AND reason = ? AND to_seq = ? AND lost = ?",
        (gap.stream, gap.from_seq, gap.reason, gap.to_seq, gap.lost),
    )


def put(db: sqlite3.Connection, table: str, gap: Gap) -> None:
    """Record `gap` in one of the tables, merged with its neighbours of the same reason."""
    touching = db.execute(
        f"SELECT {COLUMNS} FROM {table} WHERE stream = ? AND reason = ? AND to_seq >= ? AND from_seq <= ?",  # noqa: S608
        (gap.stream, gap.reason, gap.from_seq - 1, gap.to_seq + 1),
    ).fetchall()
    _replace(db, table, [of_columns(row) for row in touching], gap)
    rows = db.execute(
        f"SELECT {COLUMNS} FROM {table} WHERE stream = ? ORDER BY from_seq",  # noqa: S608
        (gap.stream,),
    ).fetchall()
    if len(rows) > GAPS_MAX:
        _replace(db, table, [of_columns(rows[0])], of_columns(rows[1]))


def _read(db: sqlite3.Connection, table: str, stream: Stream | None) -> Sequence[Gap]:
    rows = db.execute(
        f"SELECT {COLUMNS} FROM {table} WHERE ? IN (stream, '') ORDER BY stream, from_seq",  # noqa: S608
        (stream or "",),
    )
    return [of_columns(row) for row in rows]


def _replace(db: sqlite3.Connection, table: str, others: Sequence[Gap], gap: Gap) -> None:
    together = [*others, gap]
    db.executemany(
        f"DELETE FROM {table} WHERE stream = ? AND from_seq = ? AND reason = ?",  # noqa: S608
        [(each.stream, each.from_seq, each.reason) for each in together],
    )
    db.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(reduce(_together, together)))  # noqa: S608


def _together(left: Gap, right: Gap) -> Gap:
    times = min(left.start_ns, right.start_ns), max(left.end_ns, right.end_ns)
    known, more = _numbers(left), _numbers(right)
    if known and more:
        return Gap.of(right.stream, numbers.union(*sorted((known, more))), times, right.reason)
    bounds = min(left.from_seq, right.from_seq), max(left.to_seq, right.to_seq)
    return Gap(right.stream, *bounds, *times, right.reason, left.lost + right.lost)


def _numbers(gap: Gap) -> Numbers:
    return ((gap.from_seq, gap.to_seq, 1),) if gap.is_dense else gap.numbers


def _row(gap: Gap) -> tuple[str, int, int, int, int, str, int, str | None]:
    listed = json.dumps(numbers.to_words(gap.numbers), separators=(",", ":")) if gap.numbers else None
    return gap.stream, gap.from_seq, gap.to_seq, gap.start_ns, gap.end_ns, gap.reason, gap.lost, listed


def of_columns(row: Sequence[Any]) -> Gap:
    """Return the gap that was read.

    Raises:
        Damaged: it is none.
    """
    stream, from_seq, to_seq, start_ns, end_ns, reason, lost, listed = row
    try:
        found = numbers.of_words(json.loads(listed)) if listed else ()
        bounds = whole(from_seq), whole(to_seq), whole(start_ns), whole(end_ns)
        return Gap(Stream(stream), *bounds, GapReason(reason), whole(lost), found)
    except (ValueError, TypeError) as error:
        raise Damaged(f"a gap cannot be read: {error}") from error
