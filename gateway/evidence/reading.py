"""Reads the folder of evidence: what there is, and files in pieces. A name that is none of ours is never looked for."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final

from gateway.evidence.names import EXHIBIT, FILE
from gateway.evidence.shelf import exhibits

PIECE_BYTES: Final = 256 * 1024
"""Bytes of a file in one answer."""
DESCRIPTION_BYTES: Final = 256 * 1024
"""Longest description: 64 alarms with long texts."""


class NoEvidence(Exception):
    """There is none of this name; says why."""


def listed(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return the exhibits, the newest first; of one that a kill left unfinished only its name.

    Raises:
        OSError: the folder cannot be read.
    """
    return [_described(folder, name) for name in reversed(exhibits(folder))]


def described(folder: Path, exhibit: str) -> Mapping[str, Any]:
    """Return the description of one exhibit.

    Raises:
        NoEvidence: there is none of this name.
        OSError: it cannot be read.
    """
    if not EXHIBIT.fullmatch(exhibit):
        raise NoEvidence("not a name of evidence, such as 20261120T120000123Z-new_pair-1f3a9c04")
    told = _described(folder, exhibit)
    if "files" not in told:
        raise NoEvidence(f"there is no {exhibit}: it was let go of, or the gateway ended before it was written")
    return told


def piece(folder: Path, name: str, after: int) -> tuple[bytes, int]:
    """Return at most PIECE_BYTES of the file `name` behind the first `after`, and the size of the file.

    Raises:
        NoEvidence: there is no file of this name.
        OSError: it cannot be read.
    """
    if not FILE.fullmatch(name):
        raise NoEvidence("not a name of a file of evidence")
    try:
        handle = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NoEvidence(f"there is no {name}") from None
    try:
        found = os.fstat(handle)
        if not S_ISREG(found.st_mode):
            raise NoEvidence(f"{name} is no file")
        return os.pread(handle, PIECE_BYTES, min(after, found.st_size)), found.st_size
    finally:
        os.close(handle)


def _described(folder: Path, exhibit: str) -> Mapping[str, Any]:
    try:
        content, size = piece(folder, f"{exhibit}.json", 0)
        told = json.loads(content) if size <= DESCRIPTION_BYTES else None
    except (NoEvidence, ValueError, RecursionError):
        told = None
    return told if isinstance(told, dict) and isinstance(told.get("files"), dict) else {"id": exhibit}
