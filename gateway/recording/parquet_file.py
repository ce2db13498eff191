"""A recording as Parquet, wide or long as CSV is; pyarrow reads it, where it is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gateway.core.messages import Alarm
from gateway.recording.columns import Long, Names, Wide, meaning, quality_of
from gateway.recording.instants import ALLOWED, counted_ns, instant_ns
from gateway.recording.source import BadRecording, Told, remark
from protocols.model import Batch, Times, Values
from protocols.points import Points

ROWS_AT_ONCE = 4096
"""Rows in memory: 10 MB of a table of 300 points."""
MISSING = "Parquet needs the package pyarrow: pip install pyarrow, or save the recording as CSV"


class ParquetFile:
    """A `Source`. A null is no reading."""

    def __init__(self, path: Path, points: Points) -> None:
        try:
            from pyarrow import ArrowException, parquet  # noqa: PLC0415 - 170 MB, and only for who has such files
        except ImportError as error:
            raise BadRecording(f"{path}: {MISSING}") from error
        self.notes: list[str] = []
        self._path, self._names, self._error = path, Names(points), (ArrowException, OSError)
        self._done = 0
        try:
            self._file = parquet.ParquetFile(path)
            self._meaning = meaning(self._file.schema_arrow.names, self._names, self.notes)
        except (*self._error, BadRecording) as error:
            raise BadRecording(f"{path}: {error}") from error

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        return float(self._done / max(self._file.metadata.num_rows, 1))

    def told(self) -> Iterator[Told]:
        """Yield one batch a row of a wide table, and one a moment of a long one."""
        before = 0
        try:
            for part in self._file.iter_batches(batch_size=ROWS_AT_ONCE, columns=self._wanted()):
                times = self._times(part.column(self._at(self._meaning.time, part)))
                if len(times) and (times[0] < before or (np.diff(times) < 0).any()):
                    raise self._wrong("times go back; sort the file by time")
                before = int(times[-1]) if len(times) else before
                yield from self._wide(part, times) if isinstance(self._meaning, Wide) else self._long(part, times)
                self._done += part.num_rows
        except self._error as error:
            raise self._wrong(f"it cannot be read on: {error}") from error

    def alarms(self) -> Iterator[Alarm] | None:
        """Return None: a table of values carries no alarms."""
        return None

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def _wanted(self) -> list[str]:
        names, meant = self._file.schema_arrow.names, self._meaning
        if isinstance(meant, Wide):
            return [names[column] for column in (meant.time, *meant.columns)]
        return [names[column] for column in (meant.time, meant.point, meant.value, meant.quality) if column is not None]

    def _at(self, column: int, part: Any) -> int:
        return int(part.schema.get_field_index(self._file.schema_arrow.names[column]))

    def _wide(self, part: Any, times: Times) -> Iterator[Batch]:
        assert isinstance(self._meaning, Wide)
        values = np.stack([self._numbers(part.column(self._at(column, part))) for column in self._meaning.columns])
        rows = np.array(self._meaning.rows, np.int32)
        for k, now_ns in enumerate(times.tolist()):
            known = ~np.isnan(values[:, k])
            if known.any():
                n = int(known.sum())
                yield Batch(rows[known], values[known, k], np.zeros(n, np.uint16), np.full(n, now_ns), now_ns)

    def _long(self, part: Any, times: Times) -> Iterator[Batch]:
        meant = self._meaning
        assert isinstance(meant, Long)
        named = part.column(self._at(meant.point, part)).to_pylist()
        values = self._numbers(part.column(self._at(meant.value, part)))
        flags = None if meant.quality is None else part.column(self._at(meant.quality, part)).to_pylist()
        for k, now_ns in enumerate(times.tolist()):
            row = self._names.row(str(named[k]))
            if row is None:
                remark(self.notes, f"point {named[k]!r:.60} is not in the configuration and was left out")
                continue
            quality = 0 if flags is None else quality_of(str(flags[k] or ""))
            if quality is None:
                raise self._wrong(
                    f"quality {flags[k] if flags else ''!r:.60} is not good, a number, or flags joined by |"
                )
            yield Batch(
                np.array([row], np.int32), values[k : k + 1], np.array([quality], np.uint16), times[k : k + 1], now_ns
            )

    def _times(self, column: Any) -> Times:
        import pyarrow as pa  # noqa: PLC0415

        if column.null_count:
            raise self._wrong("a time is missing")
        if pa.types.is_timestamp(column.type):
            return np.asarray(column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64()), np.int64)
        found = [instant_ns(each) if isinstance(each, str) else counted_ns(each) for each in column.to_pylist()]
        if None in found:
            raise self._wrong(f"a time is not {ALLOWED}")
        return np.array(found, np.int64)

    def _numbers(self, column: Any) -> Values:
        try:
            return np.array(column.to_numpy(zero_copy_only=False), np.float64)
        except (ValueError, TypeError) as error:
            raise self._wrong(f"a column of a point is {column.type}, not a number") from error

    def _wrong(self, text: str) -> BadRecording:
        return BadRecording(f"{self._path}: rows from {self._done + 1}: {text}")
