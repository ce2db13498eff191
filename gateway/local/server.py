"""The status socket: one line of JSON asks, one line of JSON answers, and the connection ends.

    {"ask": "status"}                                   the whole picture, as `report` tells it
    {"ask": "points", "device": "bay1", "after": 0}     some of a device's points
    {"ask": "point", "point": "bay1.va"}                one point: its reading, its octets, its alarms
    {"ask": "reports", "kind": "asset"}                 what the checks report
    {"ask": "evidence", "file": NAME, "after": 0}       a piece of a file of evidence; without a file, which there are
    {"ask": "learn", "do": "show", "after": 0}          some of what is normal, and what waits
    {"ask": "learn", "do": "approve", "check": C, "key": K}     freeze and relearn likewise

    {"v": 1, …}   or   {"v": 1, "error": "…"}

It only reads, but for the last line: whoever may open the socket may say what is normal, and that is entered in the
audit log with the user that the kernel names.

It is a file in `state_dir`, for the gateway's own user and root. A disk on which it cannot be made stops nobody: it is
tried again, as it is when somebody has deleted it.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import structlog

SOCKET = "status.sock"
MODE = 0o660
"""For the gateway's user and its group; the directory, 0700 under the unit, decides who comes so far."""
CONNECTIONS = 8
"""Askers at once."""
BACKLOG = 64
"""Askers that wait for their turn, in the kernel; whoever comes then is told to try again."""
REQUEST_BYTES = 4096
"""Longest question."""
PATIENCE_S = 5.0
"""How long an asker may take to ask, and then to read."""
CREDENTIALS = struct.Struct("iII")
"""Process, user and group of who is on the other side."""
LOOK_S = 10.0
"""How often it is looked whether the socket is still there."""

Answer: TypeAlias = Callable[[Mapping[str, Any], int], Awaitable[Mapping[str, Any]]]
"""Answers a question of the user with this number.

Raises:
    NotKnown: it cannot be answered.
"""

log = structlog.get_logger()


class NotKnown(Exception):
    """The asker must ask differently."""


class StatusServer:
    """Serves the answers of one gateway. `listening` is set when the socket was made."""

    def __init__(self, directory: Path, answer: Answer) -> None:
        self.asked = self.faults = 0
        self.listening = asyncio.Event()
        self._directory, self._answer = directory, answer
        self._seats, self._turn = asyncio.Semaphore(CONNECTIONS), asyncio.Lock()
        self._askers: set[asyncio.Task[None]] = set()
        self._said = ""

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                listener = await asyncio.to_thread(_made, self._directory)
            except OSError as error:
                self._lost(str(error))
            else:
                with listener:
                    await self._serve(listener)
            await asyncio.sleep(LOOK_S)

    def _lost(self, reason: str) -> None:
        if reason != self._said:
            log.warning("status_socket_lost", reason=reason)
        self._said = reason

    async def _serve(self, listener: socket.socket) -> None:
        """Serve while the socket is where it was made."""
        path = self._directory / SOCKET
        mark = await asyncio.to_thread(_mark, path)
        accepting = asyncio.create_task(self._accept(listener), name="status:accept")
        self._said = ""
        self.listening.set()
        try:
            while mark and await asyncio.to_thread(_mark, path) == mark:  # noqa: ASYNC110 - a file sends no event
                await asyncio.sleep(LOOK_S)
        finally:
            for task in (accepting, *self._askers):
                task.cancel()
            if _mark(path) == mark:
                with suppress(OSError):
                    path.unlink()

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            await self._seats.acquire()
            try:
                asker, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError:  # no descriptor is left for it: those who ask wait
                self._seats.release()
                await asyncio.sleep(PATIENCE_S)
                continue
            meeting = asyncio.create_task(self._meet(asker), name="status:asker")
            self._askers.add(meeting)
            meeting.add_done_callback(self._met)

    def _met(self, meeting: asyncio.Task[None]) -> None:
        """Give the seat to the next; a fault of ours costs this asker his answer and nobody anything else."""
        self._seats.release()
        self._askers.discard(meeting)
        fault = None if meeting.cancelled() else meeting.exception()
        if fault is not None and not self.faults:
            log.error("status_fault", exc_info=fault)
        self.faults += fault is not None

    async def _meet(self, asker: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with asker, suppress(TimeoutError, OSError):
            async with asyncio.timeout(PATIENCE_S):
                question = await _question(asker)
            async with self._turn:  # one at a time, so that the polls come between
                said = await self._said_to(question, _uid(asker))
            async with asyncio.timeout(PATIENCE_S):
                await loop.sock_sendall(asker, said)

    async def _said_to(self, question: bytes, uid: int) -> bytes:
        self.asked += 1
        try:
            return _line(await self._answer(_object(question), uid))
        except NotKnown as error:
            return _line({"error": str(error)})


def _object(question: bytes) -> Mapping[str, Any]:
    try:
        asked = json.loads(question)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise NotKnown(f"not a JSON object on one line of at most {REQUEST_BYTES} bytes")
    return asked


async def _question(asker: socket.socket) -> bytes:
    """Return the first line, or as much of it as a question may be long."""
    loop, data = asyncio.get_running_loop(), b""
    while b"\n" not in data and len(data) < REQUEST_BYTES:
        more = await loop.sock_recv(asker, REQUEST_BYTES - len(data))
        if not more:
            break
        data += more
    return data.partition(b"\n")[0]


def _uid(asker: socket.socket) -> int:
    """Return the user that opened the connection, as the kernel knows it (unix(7), SO_PEERCRED)."""
    _pid, uid, _gid = CREDENTIALS.unpack(asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return int(uid)


def _made(directory: Path) -> socket.socket:
    """Return the socket, in place of one that a run before has left."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        with short(directory) as place:
            path = place / SOCKET
            path.unlink(missing_ok=True)
            listener.bind(str(path))
            path.chmod(MODE)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def short(directory: Path) -> Iterator[Path]:
    """Name `directory` in few letters: the path of a unix socket has at most 107 (unix(7))."""
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps({"v": 1, **said}, separators=(",", ":"), allow_nan=False).encode() + b"\n"
