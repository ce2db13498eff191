"""The gateway's own store as a recording: the windows that wait in it, each point's mean, and the alarms that wait.

The daemon holds its database for itself, so a live one is read from a copy: the journal is appended to, and its header
has other salts after each checkpoint; where header and database are as before, the copy is one moment of the store.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from gateway.core.messages import Alarm, Summary
from gateway.recording.source import BadRecording, Told, remark
from gateway.store.files import DATABASE
from gateway.store.packing import BadRecord, alarm_of, summary_of
from gateway.store.record import Record, Stream
from protocols.model import Batch
from protocols.points import Points

MAGIC = b"SQLite format 3\0"
COPIES = 10
"""So often a copy is begun anew because of a checkpoint meanwhile; there is one in minutes, not in seconds."""
HEADER_BYTES = 32
"""The header of the journal, with its salts (SQLite's WAL format, section 4.1)."""
SWITCHES = ("breaker", "tap", "status")
"""Quantities of which half way between two states is none: of their window the last value is taken, not the mean."""


class StoreFile:
    """A `Source`: one batch a window."""

    def __init__(self, path: Path, points: Points) -> None:
        self.notes: list[str] = []
        self._path, self._points, self._done = path, points, 0
        with TemporaryDirectory(prefix="gridsentinel-") as folder:  # the open files outlive their names
            self._db = sqlite3.connect(_copied(path, Path(folder)), isolation_level=None)
            try:
                (self._total,) = self._db.execute("SELECT count(*) FROM telemetry").fetchone()
            except sqlite3.Error as error:
                self._db.close()
                raise BadRecording(f"{path}: this is no store of a gateway: {error}") from error
        self._rows = {device: {points.names[row]: row for row in rows} for device, rows in points.rows_of.items()}

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        return float(self._done / max(self._total, 1))

    def told(self) -> Iterator[Told]:
        """Yield the windows by their ends: means, and the flags of all readings in them."""
        open_: dict[int, tuple[float, int]] = {}
        before_ns = 0
        for summary in self._summaries():
            end_ns = summary.start_ns + summary.length_ns
            if open_ and end_ns != before_ns:
                yield _batch(open_, before_ns)
                open_ = {}
            before_ns = end_ns
            self._take(summary, open_)
        if open_:
            yield _batch(open_, before_ns)

    def alarms(self) -> Iterator[Alarm]:
        """Yield the alarm messages that wait, oldest first."""
        for record in self._records(Stream.ALARM):
            alarm = self._read(alarm_of, record)
            if alarm is not None:
                yield alarm

    def close(self) -> None:
        """Let go of the copy."""
        self._db.close()

    def _summaries(self) -> Iterator[Summary]:
        for record in self._records(Stream.TELEMETRY):
            self._done += 1
            summary = self._read(summary_of, record)
            if summary is not None:
                yield summary

    def _records(self, stream: Stream) -> Iterator[Record]:
        """Yield the rows by their ends. Numbers are sorted, not bodies: fading has put them out of order."""
        columns = "SELECT device, start_ns, end_ns, body FROM"
        try:
            with closing(self._db.execute(f"SELECT seq FROM {stream} ORDER BY end_ns, seq")) as numbers:  # noqa: S608
                for seq in numbers:
                    (row,) = self._db.execute(f"{columns} {stream} WHERE seq = ?", seq)
                    yield Record(stream, *row)
        except (sqlite3.Error, ValueError) as error:
            raise BadRecording(f"{self._path}: the store is damaged: {error}") from error

    def _read(self, read: Any, record: Record) -> Any:
        try:
            return read(record)
        except BadRecord as error:
            remark(self.notes, f"a message was left out: {error}")
            return None

    def _take(self, summary: Summary, open_: dict[int, tuple[float, int]]) -> None:
        known = self._rows.get(summary.device, {})
        for k, name in enumerate(summary.points):
            row = known.get(name)
            if row is None:
                remark(self.notes, f"point {summary.device}.{name} is not in the configuration and was left out")
            elif summary.count[k] or summary.quality[k]:
                value = summary.last[k] if self._switches(row) else summary.mean[k]
                open_[row] = float(value), int(summary.quality[k]) if not summary.count[k] else 0

    def _switches(self, row: int) -> bool:
        config = self._points.configs[row]
        return config.status or (config.role is not None and config.role.quantity in SWITCHES)


def _batch(open_: dict[int, tuple[float, int]], now_ns: int) -> Batch:
    rows = sorted(open_)
    values, quality = [open_[row][0] for row in rows], [open_[row][1] for row in rows]
    return Batch(
        np.array(rows, np.int32), np.array(values), np.array(quality, np.uint16), np.full(len(rows), now_ns), now_ns
    )


def _copied(path: Path, folder: Path) -> Path:
    """Return a copy of the database with its journal, as they stood at one moment."""
    copy, journal = folder / DATABASE, path.with_name(f"{path.name}-wal")
    for _ in range(COPIES):
        before = _state(path, journal)
        shutil.copyfile(path, copy)
        if journal.exists():
            shutil.copyfile(journal, folder / f"{DATABASE}-wal")
        if _state(path, journal) == before:
            return copy
    raise BadRecording(f"{path}: the gateway writes to it all the time; stop it, or copy its folder")


def _state(path: Path, journal: Path) -> tuple[int, int, bytes]:
    status = path.stat()
    if not journal.exists():
        return status.st_mtime_ns, status.st_size, b""
    with journal.open("rb") as file:
        return status.st_mtime_ns, status.st_size, file.read(HEADER_BYTES)
