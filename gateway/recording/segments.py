"""The recorder's folder as a recording: its segments by their numbers, each as far as it is whole."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gateway.core.messages import Alarm
from gateway.recording import segment
from gateway.recording.columns import Names
from gateway.recording.segment import BadSegment, Block
from gateway.recording.source import BadRecording, Told, remark
from protocols.model import Batch, Event, EventKind, Quality, Rows
from protocols.points import Points

SUFFIX = ".rec"
HEAD_MOST = 64 * 1024 * 1024
"""Longest list of names: 200,000 of 128 letters, twice."""


class Segments:
    """A `Source`: one batch a look, of what was read since the look before; a device that was lost is an event."""

    def __init__(self, path: Path, points: Points) -> None:
        self.notes: list[str] = []
        self._points, self._names = points, Names(points)
        self._files = sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]
        if not self._files:
            raise BadRecording(f"{path}: there is no recording in this folder (*{SUFFIX})")
        self._bytes = sum(file.stat().st_size for file in self._files)
        self._done = 0
        self._lost = dict.fromkeys(points.devices, False)

    @property
    def share(self) -> float:
        """How much of it has been read, 0 to 1."""
        return min(self._done / max(self._bytes, 1), 1.0)

    def told(self) -> Iterator[Told]:
        """Yield the readings of each look, and before them the devices that were lost or came back."""
        for file in self._files:
            try:
                with file.open("rb") as opened:
                    yield from self._segment(opened)
            except FileNotFoundError:
                remark(self.notes, f"{file.name} was let go of meanwhile")
            except BadSegment as error:
                remark(self.notes, f"{file.name}: {error}; what follows in it was left out")
            except OSError as error:
                raise BadRecording(f"{file}: {error.strerror}") from error

    def alarms(self) -> Iterator[Alarm] | None:
        """Return None: the recorder keeps readings."""
        return None

    def close(self) -> None:
        """Nothing is open between two looks."""

    def _segment(self, opened: IO[bytes]) -> Iterator[Told]:
        start = self._read(opened, segment.START.size)
        size = segment.START.unpack(start)[2] if len(start) == segment.START.size else 0
        if size > HEAD_MOST:
            raise BadSegment("the head has no end")
        columns, rows = self._known(segment.points_in(start, self._read(opened, size)))
        while start := self._read(opened, segment.HEAD.size):
            body = self._read(opened, segment.length_of(start))
            yield from self._looks(segment.looks_in(start, body), columns, rows)

    def _looks(self, block: Block, columns: NDArray[np.intp], rows: Rows) -> Iterator[Told]:
        for now_ns, values, quality, fresh in block.looks():
            flags, known = quality[columns], fresh[columns]
            yield from self._links(rows, flags, now_ns)
            if known.any():
                n = int(known.sum())
                yield Batch(rows[known], values[columns][known], flags[known], np.full(n, now_ns), now_ns)

    def _links(self, rows: Rows, flags: "np.ndarray[tuple[int], np.dtype[np.uint16]]", now_ns: int) -> Iterator[Event]:
        """Yield what the flags tell of the links: a device is lost where all of its points are."""
        lost = (flags & np.uint16(Quality.COMM_LOST)) != 0
        if not lost.any() and not any(self._lost.values()):
            return
        devices = self._points.device_of[rows]
        for index in np.unique(devices).tolist():
            name, now = self._points.devices[index], bool(lost[devices == index].all())
            if now != self._lost[name]:
                self._lost[name] = now
                kind = EventKind.LOST if now else EventKind.CONNECTED
                yield Event(name, kind, "as it was recorded", now_ns)

    def _known(self, names: Sequence[str]) -> tuple[NDArray[np.intp], Rows]:
        """Return which columns of the segment are points of the configuration, and which, ascending."""
        found: dict[int, int] = {}
        for column, name in enumerate(names):
            row = self._names.row(name)
            if row is None:
                remark(self.notes, f"point {name} is not in the configuration and was left out")
            else:
                found[row] = column
        rows = sorted(found)
        return np.array([found[row] for row in rows], np.intp), np.array(rows, np.int32)

    def _read(self, opened: IO[bytes], size: int) -> bytes:
        content = opened.read(size)
        self._done += len(content)
        return content
