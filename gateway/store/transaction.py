"""One transaction of the store: number, insert, delete, and make room, with the sums of every stream kept beside."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from gateway.store import gaps, numbers
from gateway.store.limits import PAGE_BYTES, SPARE_PAGES, Limits, cost, record_cost, states_cost
from gateway.store.numbers import Run
from gateway.store.record import Gap, GapReason, Record, Row, Stream
from gateway.store.rows import columns_of, merged_in, row_cost
from gateway.store.schema import STATEMENTS
from gateway.store.work import Ledger, Lost

CHUNK = 64
"""Most rows that are looked at at once before they are deleted."""
DROP_ORDER = (Stream.TELEMETRY, Stream.CHANGE, Stream.REPORT, Stream.ALARM)
OTHERS = DROP_ORDER[:-1]
"""They share what alarms do not have for themselves."""
END = (1 << 63) - 1
Kept: TypeAlias = tuple[int, int, int, int, bytes | None]
"""seq, start_ns, end_ns, bytes of the body, numbers if merged."""


class Transaction:
    """Works inside BEGIN and COMMIT on copies of the ledgers, which count only once it is committed."""

    def __init__(self, db: sqlite3.Connection, limits: Limits, ledgers: Mapping[Stream, Ledger]) -> None:
        self.ledgers = {stream: replace(ledger) for stream, ledger in ledgers.items()}
        self._db = db
        self._limits = limits
        self._allowance = limits.transaction_bytes

    def acknowledge(self, stream: Stream, runs: Sequence[Run]) -> Sequence[Run]:
        """Delete what the broker has, as much as one transaction may; return what is left of `runs`."""
        for index, (first, last) in enumerate(runs):
            if rest := self._acknowledge_run(stream, first, last):
                return [rest, *runs[index + 1 :]]
        return ()

    def discard(self, stream: Stream, runs: Sequence[Run]) -> None:
        """Delete rows that cannot be read, and record the gap."""
        for first, last in runs:
            if rows := self._chunk(stream, first, last):
                self._drop(stream, rows, GapReason.CORRUPT)

    def lose(self, stream: Stream, reason: GapReason, lost: Lost) -> None:
        """Give numbers to records that fell out, so that the hole shows."""
        ledger = self.ledgers[stream]
        first, ledger.last = ledger.last + 1, ledger.last + lost.count
        ledger.dropped += lost.count
        gaps.add(self._db, Gap(stream, first, ledger.last, lost.start_ns, lost.end_ns, reason, lost.count))

    def missing(self, records: Sequence[Record], states: Mapping[str, bytes | None]) -> int:
        """Return how many bytes have to go before `records` and `states` may come, alarms by their pages only."""
        size = sum(map(record_cost, records)) + states_cost(states)
        others = sum(record_cost(record) for record in records if record.stream is not Stream.ALARM)
        pages = size // PAGE_BYTES + 1 - self._free_pages()
        return max(0, pages * PAGE_BYTES, others + self._other_bytes() - self._limits.other_bytes)

    def insert(self, records: Sequence[Record], states: Mapping[str, bytes | None]) -> None:
        """Number and store `records` and write `states`; the oldest make room."""
        size = sum(map(record_cost, records)) + states_cost(states)
        self._make_pages(size // PAGE_BYTES + 1)
        for stream in Stream:
            self._append(stream, [record for record in records if record.stream is stream])
        kept = [(key, value) for key, value in states.items() if value is not None]
        self._db.executemany("INSERT OR REPLACE INTO states VALUES (?, ?)", kept)
        self._db.executemany("DELETE FROM states WHERE key = ?", [(k,) for k, v in states.items() if v is None])
        self._fit_budgets()

    def restore(self, stream: Stream, rows: Sequence[tuple[Row, int]]) -> None:
        """Store rows that have their numbers and levels already; if there is too little room, the oldest go."""
        size = sum(row_cost(row) for row, _ in rows)
        self._make_pages(size // PAGE_BYTES + 1)
        self._db.executemany(STATEMENTS[stream].insert, [columns_of(row, level) for row, level in rows])
        self.ledgers[stream].rows += len(rows)
        self.ledgers[stream].bytes += size
        self._fit_budgets()

    def fit(self) -> bool:
        """Drop what is over the limits, as much as one transaction may; return whether all fits now."""
        self._make_pages(0, most=self._limits.transaction_bytes)
        return self._fit_budgets() and self._free_pages() >= 0

    def save(self) -> None:
        """Write the ledgers."""
        self._db.executemany(
            "UPDATE streams SET last = ?, rows = ?, bytes = ?, dropped = ? WHERE stream = ?",
            [(n.last, n.rows, n.bytes, n.dropped, stream) for stream, n in self.ledgers.items()],
        )

    def _acknowledge_run(self, stream: Stream, first: int, last: int) -> Run | None:
        while rows := self._chunk(stream, first, last):
            if self._allowance <= 0:
                return first, last
            self._delete(stream, rows)
            self._allowance -= PAGE_BYTES + sum(min(cost(row[3]), PAGE_BYTES) for row in rows)
            first = rows[-1][0] + 1
        return None

    def _append(self, stream: Stream, records: Sequence[Record]) -> None:
        ledger = self.ledgers[stream]
        rows = [columns_of(Row(seq, record)) for seq, record in enumerate(records, ledger.last + 1)]
        self._db.executemany(STATEMENTS[stream].insert, rows)
        ledger.last += len(rows)
        ledger.rows += len(rows)
        ledger.bytes += sum(map(record_cost, records))

    def _fit_budgets(self) -> bool:
        over_alarm = self.ledgers[Stream.ALARM].bytes - self._limits.alarm_bytes
        over_other = self._other_bytes() - self._limits.other_bytes
        over_alarm -= self._drop_oldest(Stream.ALARM, over_alarm)
        for stream in OTHERS:
            over_other -= self._drop_oldest(stream, over_other)
        return over_alarm <= 0 and over_other <= 0

    def _other_bytes(self) -> int:
        return sum(self.ledgers[stream].bytes for stream in OTHERS)

    def _make_pages(self, needed: int, most: int = END) -> None:
        for stream in DROP_ORDER:
            while most > 0 and (missing := needed - self._free_pages()) > 0:
                dropped = self._drop_oldest(stream, min(missing * PAGE_BYTES, self._limits.transaction_bytes))
                most -= dropped
                if not dropped:
                    break

    def _free_pages(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return int(self._limits.pages - SPARE_PAGES - pages + free)

    def _drop_oldest(self, stream: Stream, wanted: int) -> int:
        dropped, most = 0, 2 * self._limits.transaction_bytes
        while dropped < min(wanted, most) and (rows := self._chunk(stream, 0, END)):
            chunk, size = [], 0
            for row in rows:
                chunk.append(row)
                size += cost(row[3])
                if dropped + size >= wanted:
                    break
            dropped += self._drop(stream, chunk, GapReason.BUDGET)
        return dropped

    def _drop(self, stream: Stream, rows: Sequence[Kept], reason: GapReason) -> int:
        for run in _runs(rows):
            times = min(row[1] for row in run), max(row[2] for row in run)
            lost = merged_in(run[0][4], run[0][0]) or ((run[0][0], run[-1][0], 1),)
            self.ledgers[stream].dropped += numbers.count(lost)
            gaps.add(self._db, Gap.of(stream, lost, times, reason))
        return self._delete(stream, rows)

    def _chunk(self, stream: Stream, first: int, last: int) -> Sequence[Kept]:
        return self._db.execute(STATEMENTS[stream].run, (first, last, CHUNK)).fetchall()

    def _delete(self, stream: Stream, rows: Sequence[Kept]) -> int:
        size = sum(cost(row[3]) for row in rows)
        self._db.execute(STATEMENTS[stream].delete, (rows[0][0], rows[-1][0]))
        ledger = self.ledgers[stream]
        ledger.rows -= len(rows)
        ledger.bytes -= size
        return size


def _runs(rows: Sequence[Kept]) -> Iterator[Sequence[Kept]]:
    """Yield what makes one gap: rows with consecutive numbers, or one merged row."""
    begin = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or rows[at][0] != rows[at - 1][0] + 1 or rows[at][4] or rows[at - 1][4]:
            yield rows[begin:at]
            begin = at
