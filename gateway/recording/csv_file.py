"""A recording as CSV, wide or long, plain or gzipped; the separator is found out, times are ISO 8601 or since 1970."""

import csv
import gzip
import math
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from gateway.core.messages import Alarm
from gateway.recording.columns import Long, Names, Wide, meaning, quality_of
from gateway.recording.instants import ALLOWED, instant_ns
from gateway.recording.source import BadRecording, Told
from protocols.model import Batch, Values
from protocols.points import Points

SEPARATORS = ",;\t|"
MISSING = ("", "nan", "na", "n/a", "null", "none", "-")
LINE_MOST = 1 << 20
"""Longest line: 200,000 points are no table that people write."""


class CsvFile:
    """A `Source`. A cell that is empty is no reading."""

    def __init__(self, path: Path, points: Points) -> None:
        self.notes: list[str] = []
        self._path, self._line, self._names = path, 1, Names(points)
        self._file, self._size = _opened(path), max(path.stat().st_size, 1)
        self._raw = self._file.fileno()
        try:
            header = self._file.readline(LINE_MOST)
            self._separator = max(SEPARATORS, key=header.count)
            self._meaning = meaning(next(csv.reader([header], delimiter=self._separator), []), self._names, self.notes)
        except BadRecording as error:
            self._file.close()
            raise self._wrong(str(error)) from error
        except (UnicodeDecodeError, csv.Error, OSError, EOFError, zlib.error) as error:
            self._file.close()
            raise self._wrong(f"it cannot be read as a table: {error}") from error

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        return 1.0 if self._file.closed else min(os.lseek(self._raw, 0, os.SEEK_CUR) / self._size, 1.0)

    def told(self) -> Iterator[Told]:
        """Yield one batch a line of a wide table, and one a moment of a long one."""
        lines = self._lines()
        with self._file:
            yield from (
                self._wide(lines, self._meaning)
                if isinstance(self._meaning, Wide)
                else self._long(lines, self._meaning)
            )

    def alarms(self) -> Iterator[Alarm] | None:
        """Return None: a table of values carries no alarms."""
        return None

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def _lines(self) -> Iterator[Sequence[str]]:
        reader = csv.reader(self._file, delimiter=self._separator)
        try:
            for cells in reader:
                self._line = reader.line_num + 1
                if cells and any(cells):
                    yield cells
        except (UnicodeDecodeError, csv.Error, OSError, EOFError, zlib.error) as error:
            raise self._wrong(f"it cannot be read on: {error}") from error

    def _wide(self, lines: Iterator[Sequence[str]], meant: Wide) -> Iterator[Batch]:
        rows, before = np.array(meant.rows, np.int32), 0
        last = max(meant.time, *meant.columns)
        for cells in lines:
            if len(cells) <= last:
                raise self._wrong(f"{len(cells)} columns, {last + 1} are needed")
            before = now_ns = self._time(cells[meant.time], before)
            values = self._numbers([cells[column] for column in meant.columns])
            known = ~np.isnan(values)
            if known.all():
                yield _batch(rows, values, now_ns)
            elif known.any():
                yield _batch(rows[known], values[known], now_ns)

    def _long(self, lines: Iterator[Sequence[str]], meant: Long) -> Iterator[Batch]:
        open_: dict[int, tuple[float, int]] = {}
        before, strange, last = 0, set[str](), max(meant.time, meant.point, meant.value)
        for cells in lines:
            if len(cells) <= last:
                raise self._wrong(f"{len(cells)} columns, {last + 1} are needed")
            now_ns, row = self._time(cells[meant.time], before), self._names.row(cells[meant.point])
            if open_ and (now_ns != before or row in open_):
                yield _together(open_, before)
                open_ = {}
            before = now_ns
            if row is None:
                self._strange(cells[meant.point], strange)
            else:
                open_[row] = float(self._numbers([cells[meant.value]])[0]), self._quality(cells, meant.quality)
        if open_:
            yield _together(open_, before)

    def _time(self, text: str, before: int) -> int:
        now_ns = instant_ns(text.strip())
        if now_ns is None:
            raise self._wrong(f"time {text.strip()!r:.60} is not {ALLOWED}")
        if now_ns < before:
            raise self._wrong(f"time {text.strip()!r:.60} lies before that of the line before; sort the file by time")
        return now_ns

    def _numbers(self, cells: Sequence[str]) -> Values:
        try:
            return np.array([float(cell) for cell in cells], np.float64)
        except ValueError:
            return np.array([self._number(cell) for cell in cells], np.float64)

    def _number(self, cell: str) -> float:
        word = cell.strip()
        if word.casefold() in MISSING:
            return math.nan
        try:
            return float(word.replace(",", ".") if self._separator != "," else word)
        except ValueError:
            pass
        if word.casefold() in ("true", "false"):
            return float(word.casefold() == "true")
        raise self._wrong(f"{word!r:.60} is no number")

    def _quality(self, cells: Sequence[str], column: int | None) -> int:
        if column is None or column >= len(cells):
            return 0
        flags = quality_of(cells[column])
        if flags is None:
            raise self._wrong(f"quality {cells[column]!r:.60} is not good, a number of 16 bits, or flags joined by |")
        return flags

    def _strange(self, name: str, known: set[str]) -> None:
        if name not in known and len(known) < 20:
            known.add(name)
            self.notes.append(f"point {name.strip()!r} is not in the configuration and was left out")

    def _wrong(self, text: str) -> BadRecording:
        return BadRecording(f"{self._path}:{self._line}: {text}")


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _together(open_: dict[int, tuple[float, int]], now_ns: int) -> Batch:
    rows = sorted(open_)
    values, quality = [open_[row][0] for row in rows], [open_[row][1] for row in rows]
    return Batch(
        np.array(rows, np.int32), np.array(values), np.array(quality, np.uint16), np.full(len(rows), now_ns), now_ns
    )


def _batch(rows: "np.ndarray[tuple[int], np.dtype[np.int32]]", values: Values, now_ns: int) -> Batch:
    return Batch(rows, values, np.zeros(len(rows), np.uint16), np.full(len(rows), now_ns), now_ns)
