"""The files beside the database: the lock, the highest number that may have been given out, a bad database set aside.

store.db, store.db-wal   the database and its journal
store.db.bad (-wal)      the last one that could not be read; outside the budget, may be deleted
sequences.json           per stream [oldest number that may wait, highest number that may be given out]
lock                     held by the daemon that has the store open; holds its process id
"""

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path

from gateway.store.numbers import Run
from gateway.store.record import Stream

DATABASE, SEQUENCES, LOCK = "store.db", "sequences.json", "lock"
RESERVED = 10_000
"""Numbers taken ahead in the side file, which is so written seldom; skipped when the database is lost."""


class StoreBusy(Exception):
    """The operator started two daemons on one directory."""


def lock(directory: Path) -> int:
    """Take the store for this process and return the descriptor that holds it.

    Raises:
        StoreBusy: another process has it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise StoreBusy(
            f"store {directory} is in use by process {owner}: stop it, or give this gateway another state_dir"
        ) from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def read_reserved(directory: Path) -> Mapping[Stream, Run]:
    """Return what the side file says; nothing for what it does not say."""
    try:
        words = json.loads((directory / SEQUENCES).read_bytes())
        return {Stream(stream): (int(first), int(last)) for stream, (first, last) in words.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def write_reserved(directory: Path, reserved: Mapping[Stream, Run]) -> None:
    """Replace the side file; it is on disk when this returns."""
    new = directory / f"{SEQUENCES}.new"
    with new.open("w") as file:
        json.dump(reserved, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(directory / SEQUENCES)
    sync_directory(directory)


def set_aside(directory: Path) -> Path:
    """Rename the database with its journal, over the one that was set aside before, and return its new name."""
    bad = directory / f"{DATABASE}.bad"
    for suffix in ("", "-wal"):
        source, target = directory / f"{DATABASE}{suffix}", directory / f"{bad.name}{suffix}"
        if source.exists():
            source.replace(target)
        else:
            target.unlink(missing_ok=True)
    (directory / f"{DATABASE}-shm").unlink(missing_ok=True)
    sync_directory(directory)
    return bad


def sync_directory(directory: Path) -> None:
    """Make renames in `directory` last."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
