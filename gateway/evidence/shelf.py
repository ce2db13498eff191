"""The folder of evidence: exhibits within a number of bytes, the oldest goes when the newest needs room.

An exhibit is on disk whole when its `.json` is there, which is written last. What a kill leaves behind counts and goes
like any other. Files are for the gateway's own user only.
"""

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.evidence.names import OURS
from gateway.store.files import replace_whole

FOLDER: Final = "evidence"
"""Where it is, below state_dir."""
EXHIBITS_MAX: Final = 256
"""Exhibits at once; more of them nobody looks through."""
FREE_BYTES: Final = 32 * 1024 * 1024
"""Left free on the disk for the store, which matters more: below it old evidence goes first, then none is written."""


class Shelf:
    """Keeps exhibits in `folder`, at most `max_bytes` together. `let_go` is how many went for newer ones."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.let_go = 0
        self._folder, self._max_bytes = folder, max_bytes

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write the files of one exhibit, by name, in this order.

        Raises:
            OSError: the disk refuses; nothing of it is left.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._room(sum(map(len, files.values())))
        try:
            for name, content in files.items():
                replace_whole(self._folder / name, content)
        except OSError:
            for name in files:
                with suppress(OSError):
                    (self._folder / name).unlink(missing_ok=True)
            raise

    def _room(self, size: int) -> None:
        if size > self._max_bytes:
            raise OSError(errno.EFBIG, f"{size} bytes are over {self._max_bytes}")
        there = exhibits(self._folder)
        total = sum(_size(path) for paths in there.values() for path in paths) + size
        while there and (total > self._max_bytes or len(there) >= EXHIBITS_MAX or self._scarce(size)):
            for path in there.pop(next(iter(there))):
                total -= _size(path)
                path.unlink(missing_ok=True)
            self.let_go += 1
        if self._scarce(size):
            raise OSError(errno.ENOSPC, f"less than {FREE_BYTES} bytes are free, which are left to the store")

    def _scarce(self, size: int) -> bool:
        system = os.statvfs(self._folder)
        return system.f_bavail * system.f_frsize < FREE_BYTES + size


def exhibits(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each exhibit in `folder`, the oldest first; what is not ours is not seen.

    Raises:
        OSError: it cannot be read.
    """
    found: dict[str, list[Path]] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for name in sorted(entry.name for entry in entries):
            if ours := OURS.fullmatch(name):
                found.setdefault(ours[1], []).append(folder / name)
    return found


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
