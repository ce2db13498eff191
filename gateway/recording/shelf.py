"""The folder of the recorder: numbered segments within a number of bytes, the oldest goes when the newest needs room.

A start begins a new segment. A write that fails is taken back, so that what follows it can be read; where even that
fails, the next block begins a new segment. Every block is on disk, not only handed to the system, when `write` returns.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gateway.recording import segment
from gateway.recording.segment import Block
from gateway.recording.segments import SUFFIX

SEGMENTS = 16
"""So many hold the budget: what goes at once is a sixteenth of the recording."""
FREE_BYTES = 32 * 1024 * 1024
"""Left free on the disk for the store, which matters more: below it the recorder gives up its own segments first."""


class Shelf:
    """Writes blocks of the points `labels` into `folder`, at most `max_bytes` together."""

    def __init__(self, folder: Path, labels: Sequence[str], max_bytes: int) -> None:
        self._folder, self._head, self._max_bytes = folder, segment.head(labels), max_bytes
        self._file: int | None = None
        self._path = folder
        self._size = 0

    def write(self, block: Block) -> int:
        """Write `block`; return how many bytes it took.

        Raises:
            OSError: the disk refuses; nothing of the block is left.
        """
        content = segment.block(block)
        self._room(len(content))
        try:
            if self._file is None or self._size + len(content) > max(self._max_bytes // SEGMENTS, len(self._head)):
                self._begin()
            self._put(content)
        except OSError:
            self.close()
            raise
        return len(content)

    def close(self) -> None:
        """End the segment."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            self._file = None

    def _begin(self) -> None:
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True)
        last = max((int(path.stem) for path in self._there() if path.stem.isdigit()), default=0)
        self._path, self._size = self._folder / f"{last + 1:08d}{SUFFIX}", 0
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._put(self._head)
        except OSError:
            self._path.unlink(missing_ok=True)
            raise

    def _put(self, content: bytes) -> None:
        """Append all of `content`, or nothing."""
        assert self._file is not None
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(content)

    def _room(self, size: int) -> None:
        """Let the oldest segments go until `size` more bytes fit."""
        there = self._there()
        total = sum(_size(path) for path in there) + size + len(self._head)
        while there and (total > self._max_bytes or self._scarce(size)):
            oldest = there.pop(0)
            if oldest == self._path:
                self.close()
            total -= _size(oldest)
            oldest.unlink(missing_ok=True)
        if self._scarce(size):
            raise OSError(errno.ENOSPC, f"less than {FREE_BYTES} bytes are free, which are left to the store")

    def _there(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{SUFFIX}"))

    def _scarce(self, size: int) -> bool:
        folder = self._folder if self._folder.is_dir() else self._folder.parent
        system = os.statvfs(folder)
        return system.f_bavail * system.f_frsize < FREE_BYTES + size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
