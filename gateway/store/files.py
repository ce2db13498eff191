"""The files beside the database: the lock, the numbers that were given out, a bad database set aside.

store.db, store.db-wal   the database and its journal
store.db.bad (-wal)      the last one that could not be read; outside the budget, may be deleted
store.db.new             what could be read of it, complete; .part while it is being written
sequences.json           per stream [oldest number that may wait, highest number that may be given out]; synced
last.json                per stream the last number that was given out, and in which boot; not synced, so it is exact in
                         that boot, and never too high after a power cut
lock                     held by the daemon that has the store open; holds its process id
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.store.numbers import Run
from gateway.store.record import Stream
from gateway.store.words import whole

DATABASE, SEQUENCES, LAST, LOCK = "store.db", "sequences.json", "last.json", "lock"
BAD = f"{DATABASE}.bad"
BOOT = Path("/proc/sys/kernel/random/boot_id")
LAST_BYTES = 200
RESERVED = 10_000
"""Numbers taken ahead in the side file, which is so written seldom; skipped when the database is lost."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Numbers of a stream: the oldest that may wait, and the last that was given out, at least and at most."""

    first: int = 1
    least: int = 0
    most: int = 0


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


def write_last(directory: Path, last: Mapping[Stream, int]) -> None:
    """Note the numbers that a commit gave out; torn by a power cut it is no JSON, and says nothing."""
    line = json.dumps({"boot": _boot(), **last})
    handle = os.open(directory / LAST, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(handle, line.ljust(LAST_BYTES).encode(), 0)
    finally:
        os.close(handle)


def read_last(directory: Path) -> tuple[Mapping[Stream, int], bool]:
    """Return the last numbers that are known to have been given out, and whether there are none above them."""
    try:
        words = json.loads((directory / LAST).read_bytes())
        return {stream: whole(words.get(stream, 0)) for stream in Stream}, words["boot"] == _boot()
    except (OSError, ValueError, TypeError, LookupError):
        return {}, False


def read_taken(directory: Path) -> Mapping[Stream, Taken]:
    """Return what is known of the numbers without the database."""
    reserved, (last, exact) = read_reserved(directory), read_last(directory)
    taken = {}
    for stream in Stream:
        (first, upto), least = reserved.get(stream, (1, 0)), last.get(stream, 0)
        taken[stream] = Taken(first, least, least if exact else max(least, upto))
    return taken


def _boot() -> str:
    try:
        return BOOT.read_text().strip()
    except OSError:
        return ""


def part(directory: Path) -> Path:
    """Return the name of a database that is being written, and remove what was left of one before."""
    name = directory / f"{DATABASE}.part"
    for suffix in ("", "-wal", "-shm"):
        name.with_name(name.name + suffix).unlink(missing_ok=True)
    return name


def complete(written: Path) -> None:
    """Let a database that was written be the next one; `put_in_place` follows, after a power cut too."""
    written.replace(written.with_suffix(".new"))
    sync_directory(written.parent)


def put_in_place(directory: Path) -> None:
    """Set the database aside and put the next one in its place, if there is one."""
    following = directory / f"{DATABASE}.new"
    if following.exists():
        set_aside(directory)
        following.replace(directory / DATABASE)
        sync_directory(directory)


def set_aside(directory: Path) -> None:
    """Rename the database with its journal, over the one that was set aside before."""
    there = (directory / DATABASE).exists()
    for suffix in ("-wal", ""):  # never a database with the journal of another
        source, target = directory / f"{DATABASE}{suffix}", directory / f"{BAD}{suffix}"
        if source.exists():
            source.replace(target)
        elif there:
            target.unlink(missing_ok=True)
    (directory / f"{DATABASE}-shm").unlink(missing_ok=True)
    sync_directory(directory)


class Replacement:
    """A file for this user only that is to replace the one at `path`: it is written in pieces, and then put there.

    Each step raises OSError when the disk refuses: the old one is still there then, and nothing beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._new = path, path.with_name(f"{path.name}.new")
        with self._whole_or_not():
            descriptor = os.open(self._new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            self._file = open(descriptor, "wb")  # noqa: PTH123, SIM115 - a descriptor is no path, and `put` closes it

    def add(self, piece: bytes) -> None:
        """Write the next piece."""
        with self._whole_or_not():
            self._file.write(piece)

    def put(self) -> None:
        """Put it in the place of the old one; it is on disk when this returns."""
        with self._whole_or_not(), self._file as file:
            file.flush()
            os.fsync(file.fileno())
            self._new.replace(self._path)
            sync_directory(self._path.parent)

    @contextmanager
    def _whole_or_not(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            with suppress(OSError):
                self._new.unlink(missing_ok=True)
            raise


def replace_whole(path: Path, content: bytes) -> None:
    """Replace the file at `path`, for this user only; it is on disk when this returns.

    Raises:
        OSError: the disk refuses; the old one is still there, and nothing beside it.
    """
    new = Replacement(path)
    new.add(content)
    new.put()


def read_at_most(path: Path, most: int) -> bytes:
    """Return what the file at `path` holds; one byte more than `most` of a file that is larger.

    Raises:
        OSError: it is not there, or the disk refuses.
    """
    with path.open("rb") as file:
        return file.read(most + 1)


def sync_directory(directory: Path) -> None:
    """Make renames in `directory` last."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
