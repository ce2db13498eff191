"""The status socket: one line of JSON asks, one line of JSON answers, and the connection ends. It only reads.

    {"ask": "status"}                                   the whole picture, as `report` tells it
    {"ask": "points", "device": "bay1", "after": 0}     some of a device's points

    {"v": 1, …}   or   {"v": 1, "error": "…"}

It is a file in `state_dir`, for the gateway's own user and root. A disk on which it cannot be made stops nobody: it is
tried again, as it is when somebody has deleted it.
"""

import asyncio
import json
import os
import socket
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
LOOK_S = 10.0
"""How often it is looked whether the socket is still there."""

Answer: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Answers a question.

Raises:
    NotKnown: it cannot be answered.
"""

log = structlog.get_logger()


class NotKnown(Exception):
    """The asker must ask differently."""


class StatusServer:
    """Serves the answers of one gateway. `asked` counts the questions; `listening` is set when the socket was made."""

    def __init__(self, directory: Path, answer: Answer) -> None:
        self.asked = 0
        self.listening = asyncio.Event()
        self._directory, self._answer = directory, answer
        self._seats, self._turn = asyncio.Semaphore(CONNECTIONS), asyncio.Lock()
        self._said = ""

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                with _listening(self._directory) as listener:
                    self._said = ""
                    self.listening.set()
                    await self._serve(listener, _mark(self._directory / SOCKET))
            except OSError as error:
                if str(error) != self._said:
                    log.warning("status_socket_lost", reason=str(error))
                self._said = str(error)
            await asyncio.sleep(LOOK_S)

    async def _serve(self, listener: socket.socket, mark: tuple[int, int] | None) -> None:
        """Serve while the socket is where it was made."""
        async with asyncio.TaskGroup() as group:
            accepting = group.create_task(self._accept(listener, group), name="status:accept")
            while _mark(self._directory / SOCKET) == mark:  # noqa: ASYNC110 - the file system sends no event
                await asyncio.sleep(LOOK_S)
            accepting.cancel()

    async def _accept(self, listener: socket.socket, group: asyncio.TaskGroup) -> None:
        while True:
            await self._seats.acquire()
            try:
                asker, _ = await asyncio.get_running_loop().sock_accept(listener)
            except OSError:  # no descriptor is left for it: those who ask wait
                self._seats.release()
                await asyncio.sleep(PATIENCE_S)
                continue
            meeting = group.create_task(self._meet(asker), name="status:asker")
            meeting.add_done_callback(lambda _: self._seats.release())

    async def _meet(self, asker: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with asker, suppress(TimeoutError, OSError):
            async with asyncio.timeout(PATIENCE_S):
                question = await _question(asker)
            async with self._turn:  # one at a time, so that the polls come between
                said = await self._said_to(question)
            async with asyncio.timeout(PATIENCE_S):
                await loop.sock_sendall(asker, said)

    async def _said_to(self, question: bytes) -> bytes:
        self.asked += 1
        try:
            return _line(await self._answer(_object(question)))
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


@contextmanager
def _listening(directory: Path) -> Iterator[socket.socket]:
    """Make the socket, in place of one that a run before has left; take it away afterwards."""
    with socket.socket(socket.AF_UNIX) as listener, short(directory) as place:
        path = place / SOCKET
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        try:
            path.chmod(MODE)
            listener.listen(BACKLOG)
            listener.setblocking(False)
            yield listener
        finally:
            with suppress(OSError):
                path.unlink()


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
