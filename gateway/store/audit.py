"""The audit log: who did what, and when; written to disk beside the event loop, bounded, each entry bound to the last.

audit.jsonl      the newest entries, in the form of `chain`
audit.jsonl.1    the older ones; the chain goes through both, what is older still was let go of

A disk that refuses stops nobody: entries wait in RAM, within their bound; what falls out is counted, and that is
entered. A line that a power cut tore is taken away, and that is entered.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from typing import Any

import structlog

from gateway.store.chain import Link, Note, bound, opened
from gateway.store.files import sync_directory

AUDIT = "audit.jsonl"
STARTED, STOPPED = "started", "stopped"
SEALED = "baseline"
FILE_BYTES = 2 * 1024 * 1024
"""Of each of the two files: together some 14,000 commands, years of starts and stops."""
WAITING_MAX = 1024
"""Entries that wait for the disk; then the newest fall out, counted: what began the trouble is worth more."""
AT_ONCE = 64
"""Entries that share one fsync; at most 256 KiB."""
RETRY_S = 5.0
"""Pause after the disk refused."""
CLOSE_S = 0.3
"""How long a stop waits for the last entry."""
SETTLE_S = 2.0
"""How long who noted something waits for it to be on disk."""

log = structlog.get_logger()


class AuditFile:
    """The two files, seen from the one thread that writes them. Every method raises OSError while the disk refuses."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path, self._older = places(directory)
        self._end: Link | None = None
        self._size = 0

    def open(self) -> tuple[Link, int]:
        """Return the end of the chain, and how many bytes of a torn line were taken away."""
        self._directory.mkdir(parents=True, exist_ok=True)
        data = _data(self._path)
        whole = _whole(data)
        if torn := len(data) - len(whole):
            os.truncate(self._path, len(whole))
        self._size = len(whole)
        self._end = _end(whole) or _end(_data(self._older)) or Link()
        return self._end, torn

    def append(self, notes: Sequence[Note]) -> Link:
        """Enter `notes` and return the new end; they are on disk then. None of them is when this raises."""
        end = self._end or self.open()[0]
        lines = []
        for note in notes:
            line, end = bound(note, end)
            lines.append(line)
        self._write(b"".join(lines))
        self._end = end
        return end

    def _write(self, data: bytes) -> None:
        if self._size and self._size + len(data) > FILE_BYTES:
            self._path.replace(self._older)
            self._size = 0
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(handle, self._size)  # what a refused attempt left behind
            if os.pwrite(handle, data, self._size) < len(data):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
        if not self._size:
            sync_directory(self._directory)
        self._size += len(data)


class Audit:
    """Takes notes at any time; one task brings them to the disk, in their order."""

    def __init__(self, directory: Path, clock: Callable[[], int]) -> None:
        self.end = Link()
        self.previous = "unknown"
        self.dropped = 0
        self.fault: str | None = None
        self._clock, self._file = clock, AuditFile(directory)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit")
        self._notes: deque[Note] = deque()
        self._wake, self._closing = asyncio.Event(), asyncio.Event()
        self._lost = self._noted = self._entered = 0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, directory: Path, clock: Callable[[], int]) -> "Audit":
        """Take up the log in `directory`; `previous` is how the last run ended: clean, unclean, none, unknown."""
        audit = cls(directory, clock)
        try:
            audit.end, torn = await audit._in_thread(audit._file.open)
        except OSError as error:
            audit._refused(error)
        else:
            audit.previous = _ended(audit.end)
            if torn:
                audit.note("torn", "gateway", bytes=torn)
        audit._task = asyncio.create_task(audit._run(), name="audit")
        return audit

    @property
    def waiting(self) -> int:
        """How many entries wait for the disk."""
        return len(self._notes)

    def note(self, what: str, who: str, **detail: Any) -> None:
        """Enter that `who` did `what`, now."""
        if len(self._notes) < WAITING_MAX:
            self._notes.append(Note(self._clock(), what, who, detail))
            self._noted += 1
            self._wake.set()
        else:
            self.dropped += 1
            self._lost += 1

    async def settled(self) -> bool:
        """Wait until what was noted so far is on disk; return whether it is, after SETTLE_S at the latest."""
        noted = self._noted
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while self._entered < noted:
                    self._news.clear()
                    await self._news.wait()
        return self._entered >= noted

    async def close(self) -> None:
        """Enter what waits, trying once if the disk refuses."""
        self._closing.set()
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        while not (self._closing.is_set() and not self._notes):
            await self._wake.wait()
            self._wake.clear()
            while self._notes and await self._round():
                pass
            if self._notes and self._closing.is_set():
                return
            if self._notes:
                await self._pause()
                self._wake.set()

    async def _round(self) -> bool:
        """Enter some; return whether the disk took them."""
        if self._lost and len(self._notes) < WAITING_MAX:
            lost, self._lost = self._lost, 0
            self.note("entries_lost", "gateway", lost=lost)
        some = [note for note, _ in zip(self._notes, range(AT_ONCE), strict=False)]
        try:
            self.end = await self._in_thread(lambda: self._file.append(some))
        except OSError as error:
            self._refused(error)
            return False
        for _ in some:
            self._notes.popleft()
        self._entered += len(some)
        self._news.set()
        if self.fault is not None:
            log.info("audit_recovered", after=self.fault)
            self.fault = None
        return True

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(RETRY_S):
                await self._closing.wait()

    async def _in_thread(self, act: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    def _refused(self, error: OSError) -> None:
        if self.fault is None:
            log.error("audit_fault", reason=str(error))
        self.fault = str(error)


def places(directory: Path) -> tuple[Path, Path]:
    """Return the file of the newest entries, and that of the older ones."""
    return directory / AUDIT, directory / f"{AUDIT}.1"


def lines(directory: Path) -> Iterator[bytes]:
    """Yield the whole lines of the log in `directory`, oldest first; one may be being written."""
    for path in reversed(places(directory)):
        yield from _whole(_data(path)).splitlines()


def seals(directory: Path) -> Sequence[str]:
    """Return with which seals of the baseline the log ends: the newest last, and the one before it.

    A kill between the entry and the file leaves the one before.
    """
    found: deque[str] = deque(maxlen=2)
    for line in lines(directory):
        entry = opened(line) if f'"{SEALED}"'.encode() in line else None
        if entry is not None and entry["what"] == SEALED:
            found.append(str(entry["detail"].get("sha256")))
    return list(found)


def _data(path: Path) -> bytes:
    """Return what is in `path`, nothing if it is not there; no more than it can hold."""
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES)
    except FileNotFoundError:
        return b""


def _whole(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _end(data: bytes) -> Link | None:
    """Return the newest entry of `data` that is whole."""
    entries = (opened(line) for line in reversed(data.splitlines()))
    entry = next((entry for entry in entries if entry is not None), None)
    return Link(entry["n"], entry["hash"], entry["what"]) if entry else None


def _ended(end: Link) -> str:
    if not end.n:
        return "none"
    return "clean" if end.what == STOPPED else "unclean"
