"""Reads what can be read of a damaged table, and says exactly which numbers cannot.

SQLite reads a table as a tree of pages, and stops at a page that is none. So it is read upwards as far as it goes;
then the numbers beyond are halved again and again to find where it can be read once more, and the edge is searched for.
A row that is not what was written is a hole, with the numbers before it for which nothing was found.
"""

import sqlite3
from collections.abc import Iterator

from gateway.store.numbers import Run
from gateway.store.record import Damaged, Row, Stream
from gateway.store.rows import row_of
from gateway.store.schema import STATEMENTS
from gateway.store.seal import BadRecord, unseal

PARTS = 4096
"""Into so many the numbers are divided at most: it bounds the time for a table that is noise, to less than a second."""
UNREADABLE = (sqlite3.DatabaseError, Damaged, BadRecord)


class Salvage:
    """The rows of one stream between two numbers; afterwards `holes` are the runs that could not be read."""

    def __init__(self, db: sqlite3.Connection, stream: Stream, numbers: Run) -> None:
        self.holes: list[Run] = []
        self._db = db
        self._stream = stream
        self._first, self._last = numbers
        self._at = 0

    def rows(self) -> Iterator[tuple[Row, int]]:
        """Yield each row that is as it was written, and its level, ascending."""
        grain = max(1, (self._last - self._first) // PARTS)
        left, hole = [(self._first, self._last)], None
        while left:
            first, last = left.pop()
            if hole is not None and self._readable(first):
                begin, failed = hole
                first, hole = self._edge(failed, first), None
                self.holes.append((begin, first - 1))
            try:
                yield from self._read(first, last)
            except sqlite3.DatabaseError:
                hole = hole[0] if hole else self._at, self._at
                if last - self._at > grain:
                    middle = (self._at + last) // 2
                    left += [(middle + 1, last), (self._at + 1, middle)]
        if hole is not None:
            self.holes.append((hole[0], self._last))

    def _read(self, first: int, last: int) -> Iterator[tuple[Row, int]]:
        """Read upwards; raises where a page cannot be read, with `_at` the first number behind it."""
        self._at, limit = first, -1
        while self._at <= last:
            begin = self._at
            try:
                for columns in self._db.execute(STATEMENTS[self._stream].read, (self._at - 1, last, limit)):
                    row = self._checked(columns)
                    self._at = row.seq + 1
                    yield row, columns[4]
                if limit < 0 or self._at == begin:
                    return
                limit = -1
            except UNREADABLE:
                if limit < 0:
                    limit = 1  # the error may be that of the row behind: the module looks one ahead
                    continue
                found = self._next(self._at, last)
                if found is None:
                    return
                self.holes.append((self._at, found))  # a search within a torn page passes over what it should find
                self._at = found + 1

    def _checked(self, columns: tuple[int, str, int, int, int, bytes | None, bytes]) -> Row:
        row = row_of(self._stream, columns)
        unseal(row.record.body)
        if row.seq < self._at or not isinstance(columns[4], int):
            raise Damaged(f"row {row.seq} of {self._stream} stands where it does not belong")
        return row

    def _edge(self, unreadable: int, readable: int) -> int:
        """Return the first number that can be read between one that cannot and one that can."""
        while readable - unreadable > 1:
            middle = (unreadable + readable) // 2
            if self._readable(middle):
                readable = middle
            else:
                unreadable = middle
        return readable

    def _readable(self, number: int) -> bool:
        try:
            self._next(number, self._last)
        except sqlite3.DatabaseError:
            return False
        return True

    def _next(self, first: int, last: int) -> int | None:
        """Return the number of the next row, of which nothing else is read."""
        found = self._db.execute(
            f"SELECT seq FROM {self._stream} WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT 1",  # noqa: S608
            (first, last),
        ).fetchone()
        if found and not (isinstance(found[0], int) and first <= found[0] <= last):
            raise sqlite3.DatabaseError("a row stands where it does not belong")
        return found[0] if found else None
