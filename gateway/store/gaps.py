"""The table of gaps: neighbours become one, so that an outage of a month is one row."""

import sqlite3
from collections.abc import Sequence

from gateway.store.record import Gap, GapReason, Stream

GAPS_MAX = 256
"""Per stream; the two oldest merge beyond it. Drops take the oldest first, so a handful is usual."""
COLUMNS = "stream, from_seq, to_seq, start_ns, end_ns, reason, lost"


def add(db: sqlite3.Connection, gap: Gap) -> None:
    """Record `gap`, merged with its neighbours of the same reason."""
    touching = db.execute(
        f"SELECT {COLUMNS} FROM gaps WHERE stream = ? AND reason = ? AND (to_seq = ? OR from_seq = ?)",  # noqa: S608
        (gap.stream, gap.reason, gap.from_seq - 1, gap.to_seq + 1),
    ).fetchall()
    _replace(db, [_gap(row) for row in touching], gap)
    rows = db.execute(f"SELECT {COLUMNS} FROM gaps WHERE stream = ? ORDER BY from_seq", (gap.stream,)).fetchall()  # noqa: S608
    if len(rows) > GAPS_MAX:
        first, second = _gap(rows[0]), _gap(rows[1])
        _replace(db, [first], second)


def waiting(db: sqlite3.Connection, stream: Stream | None) -> Sequence[Gap]:
    """Return the gaps of `stream`, or of all, in order."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM gaps WHERE ? IN (stream, '') ORDER BY stream, from_seq",  # noqa: S608
        (stream or "",),
    )
    return [_gap(row) for row in rows]


def remove(db: sqlite3.Connection, gap: Gap) -> None:
    """Forget `gap`, unless it has grown since."""
    db.execute(
        "DELETE FROM gaps WHERE stream = ? AND from_seq = ? AND to_seq = ? AND lost = ?",
        (gap.stream, gap.from_seq, gap.to_seq, gap.lost),
    )


def _replace(db: sqlite3.Connection, others: Sequence[Gap], gap: Gap) -> None:
    together = [*others, gap]
    db.executemany("DELETE FROM gaps WHERE stream = ? AND from_seq = ?", [(g.stream, g.from_seq) for g in together])
    db.execute(
        "INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            gap.stream,
            min(g.from_seq for g in together),
            max(g.to_seq for g in together),
            min(g.start_ns for g in together),
            max(g.end_ns for g in together),
            gap.reason,
            sum(g.lost for g in together),
        ),
    )


def _gap(row: tuple[str, int, int, int, int, str, int]) -> Gap:
    stream, from_seq, to_seq, start_ns, end_ns, reason, lost = row
    return Gap(Stream(stream), from_seq, to_seq, start_ns, end_ns, GapReason(reason), lost)
