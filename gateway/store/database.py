"""The database file of one directory: opened, watched, and made anew from what can be read when it is bad or gone."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gateway.store import files, recovery
from gateway.store.files import Taken
from gateway.store.limits import PAGE_BYTES, Limits
from gateway.store.record import Stream

GONE = "it was removed or replaced while in use"
NOTES_MAX = 100
"""A dying disk repeats itself."""


class Database:
    """Holds the lock and the connection. `start` prepares one that was opened, `taken` says which numbers are taken."""

    def __init__(
        self,
        directory: Path,
        limits: Limits,
        *,
        start: Callable[[sqlite3.Connection], None],
        taken: Callable[[], Mapping[Stream, Taken]],
    ) -> None:
        self.path = directory / files.DATABASE
        self.notes: list[str] = []
        self._directory, self._limits = directory, limits
        self._start, self._taken = start, taken
        self._db: sqlite3.Connection | None = None
        self._bad = ""
        self._lock: int | None = None
        self._identity: tuple[int, int] | None = None

    def opened(self) -> sqlite3.Connection:
        """Return the connection to a database that is in its place and not known to be bad."""
        if self._db is not None and not self._bad and self._identity == _identity(self.path):
            return self._db
        self._take_lock()
        if self._db is not None or self._bad:
            self._renew()
        files.put_in_place(self._directory)
        db = sqlite3.connect(self.path, isolation_level=None, timeout=1.0)
        try:
            self._start(db)
        except BaseException:
            db.close()
            raise
        self._db, self._identity = db, _identity(self.path)
        return db

    @property
    def is_open(self) -> bool:
        """Return whether a connection was prepared, so that what fails now was right before."""
        return self._db is not None

    def is_bad(self, reason: str) -> None:
        """Let it be made anew before it is used again."""
        self._bad = reason

    def disconnect(self) -> None:
        """Close the connection: the next one may find the disk well again."""
        if self._db is not None:
            with suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def close(self) -> None:
        """Close the database and give the lock back."""
        self.disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def note(self, text: str) -> None:
        """Keep a word for the operator."""
        if len(self.notes) < NOTES_MAX:
            self.notes.append(text)

    def wal_bytes(self) -> int:
        """Return the length of the journal."""
        try:
            return self.path.with_name(f"{files.DATABASE}-wal").stat().st_size
        except OSError:  # not there yet; no reason to fail after a commit
            return 0

    def limits_now(self, pages: int = 0) -> Limits:
        """Return the limits, less where the file system itself has less left: a small disk is a small budget."""
        system = os.statvfs(self._directory)
        left = system.f_bavail * system.f_frsize - (self._limits.journal_bytes - self.wal_bytes())
        possible = (pages * PAGE_BYTES + left) // PAGE_BYTES
        return replace(self._limits, pages=min(self._limits.pages, max(pages, possible)))

    def _take_lock(self) -> None:
        if self._lock is not None and _identity(self._directory / files.LOCK) != _identity(self._lock):
            os.close(self._lock)
            self._lock = None
        if self._lock is None:
            self._lock = files.lock(self._directory)

    def _renew(self) -> None:
        """Write what can be read into a fresh database, and put it in the place of the bad one."""
        reason, source = self._bad or GONE, self._db or recovery.read_bad(self.path)
        try:
            made = recovery.rebuild(self._directory, source, self.limits_now(), self._taken())
        except BaseException:
            if source is not None and source is not self._db:
                source.close()
            raise
        if source is not None:
            with suppress(sqlite3.Error):
                source.close()
        self._db, self._bad = None, ""
        files.put_in_place(self._directory)
        self.note(
            f"{self.path} cannot be used ({reason}): set aside as {files.BAD}, {made.rows} messages recovered,"
            f" {made.lost} lost at most"
        )


def _identity(path: Path | int) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  also of a descriptor
    except OSError:
        return None
    return status.st_dev, status.st_ino
