"""Ways to a device, over TCP or a serial line, which spoil what it says or are cut; and devices in own processes."""

import asyncio
import os
import signal
import tty
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

HANG_UP = None
"""A piece of an answer that is its end."""

Spoil = Callable[[bytes, bytes], Iterable[bytes | None]]
"""Given what the device says, and what it was asked last: the pieces to pass on."""


class Way:
    """Between a driver, which takes `place` for its device, and the device; `asked` wakes with every request."""

    def __init__(self) -> None:
        self.place: int | str = 0
        self.asked = asyncio.Event()
        self.spoil: Spoil = self.honest
        self._last = b""

    @staticmethod
    def honest(said: bytes, _asked: bytes) -> Iterable[bytes | None]:
        """Pass on everything."""
        return [said]

    @staticmethod
    def silent(_said: bytes, _asked: bytes) -> Iterable[bytes | None]:
        """Pass on nothing."""
        return []

    def _ask(self, data: bytes) -> bytes:
        self._last = data
        self.asked.set()
        return data

    def _pieces(self, said: bytes) -> Iterator[bytes | None]:
        """Spoil what was said; a flood ends with its liar."""
        spoil = self.spoil
        for piece in spoil(said, self._last):
            if self.spoil is not spoil:
                return
            yield piece


class Network(Way):
    """A way over TCP."""

    def __init__(self, device: int) -> None:
        super().__init__()
        self._device = device
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Network"]:
        """Lead to the device while the context lasts."""
        await self.mend()
        try:
            yield self
        finally:
            await self.cut()

    async def mend(self) -> None:
        """Accept connections, always at the same place."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.place)
        self.place = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and refuse new ones, until mended."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for task in tuple(self._carrying):
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)
        if server is not None:
            await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = None
        try:
            answers, inner = await asyncio.open_connection("127.0.0.1", self._device)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._questions(reader, inner))
                group.create_task(self._answers(answers, writer))
        except* (OSError, _HungUp):
            pass
        finally:
            for each in (writer, inner):
                if each is not None:
                    each.transport.abort()

    async def _questions(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(self._ask(data))
            await writer.drain()
        raise _HungUp

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            for piece in self._pieces(data):
                if piece is HANG_UP:
                    writer.close()
                    raise _HungUp
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        raise _HungUp


class _HungUp(Exception):
    """One side has closed: the other is closed, too."""


class Line(Way):
    """A way over a serial line: a terminal for the driver, joined to the one of the device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device
        self._said: asyncio.Queue[bytes] = asyncio.Queue()

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Line"]:
        """Lead to the device while the context lasts."""
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(self._ours, False)
        there = os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.place, self._open = os.ttyname(theirs), True
        loop = asyncio.get_running_loop()
        loop.add_reader(self._ours, lambda: os.write(there, self._ask(os.read(self._ours, 4096))))
        loop.add_reader(there, lambda: self._said.put_nowait(os.read(there, 4096)))
        answering = asyncio.create_task(self._answers())
        try:
            yield self
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            loop.remove_reader(there)
            self._hang_up()
            for end in (there, theirs):
                os.close(end)

    async def _answers(self) -> None:
        while said := await self._said.get():
            for piece in self._pieces(said):
                if piece is HANG_UP:
                    self._hang_up()
                    return
                await self._write(piece)

    async def _write(self, piece: bytes) -> None:
        while piece:
            with suppress(BlockingIOError):
                piece = piece[os.write(self._ours, piece) :]
            await asyncio.sleep(0)

    def _hang_up(self) -> None:
        if self._open:
            self._open = False
            asyncio.get_running_loop().remove_reader(self._ours)
            os.close(self._ours)


class Apart:
    """A server in a process of its own, forked: what it needs is here already."""

    def __init__(self, serve: Callable[..., Any], place: int | str = 0) -> None:
        ours, theirs = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads here wait, and hold nothing
            self.pid = os.fork()
        if not self.pid:
            _serve_for_ever(serve, place, theirs)
        os.close(theirs)
        with os.fdopen(ours) as told:
            line = told.readline()
        assert line, "the server has ended"
        self.place = type(place)(line) if place else int(line) if line.isdigit() else line

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        if self.pid:
            self.send(signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


def _serve_for_ever(serve: Callable[..., Any], place: int | str, told: int) -> None:
    async def run() -> None:
        async with serve(place) if place else serve() as found:
            os.write(told, str(found).encode())
            os.close(told)
            await asyncio.Event().wait()

    try:
        asyncio.run(run())
    finally:
        os._exit(1)
