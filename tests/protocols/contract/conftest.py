"""What the suites of every driver share: the drivers, ways to a device that spoil what it says, servers apart."""

import asyncio
import os
import signal
import tty
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest

PROTOCOLS = ["dnp3", "iec61850", "modbus_rtu", "modbus_rtu_tcp", "modbus_tls", "opcua", "modbus"]
"""The fixture NAME_case returns `serve(place=0)`, an asynchronous context manager that yields the place of a real
server (a port, or the path of a line), and `make(place, bad=False)`, which makes a driver for it. All its points can be
read, and their values stand still; with `bad` there is one more, which the device refuses."""

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
        self.last = b""

    @staticmethod
    def honest(said: bytes, _asked: bytes) -> Iterable[bytes | None]:
        return [said]

    @staticmethod
    def silent(_said: bytes, _asked: bytes) -> Iterable[bytes | None]:
        return []

    def ask(self, data: bytes) -> bytes:
        self.last = data
        self.asked.set()
        return data

    def pieces(self, said: bytes) -> Iterator[bytes | None]:
        """Spoil what was said; a flood ends with its liar."""
        spoil = self.spoil
        for piece in spoil(said, self.last):
            if self.spoil is not spoil:
                return
            yield piece


class Network(Way):
    """A way over TCP."""

    @asynccontextmanager
    async def to(self, device: int) -> AsyncIterator["Network"]:
        serving: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.add(asyncio.create_task(self._carry(reader, writer, device)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self.place = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await server.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, device: int) -> None:
        inner = None
        try:
            answers, inner = await asyncio.open_connection("127.0.0.1", device)
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
            writer.write(self.ask(data))
            await writer.drain()
        raise _HungUp

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            for piece in self.pieces(data):
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

    @asynccontextmanager
    async def to(self, device: str) -> AsyncIterator["Line"]:
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        there = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.place, self._ours, self._open = os.ttyname(theirs), ours, True
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_reader(ours, lambda: os.write(there, self.ask(os.read(ours, 4096))))
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
            for piece in self.pieces(said):
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


class Case:
    """One protocol: `serve` and `make`, as its fixture gives them."""

    def __init__(self, name: str, serve: Callable[..., Any], make: Callable[..., Any]) -> None:
        self.name, self.serve, self.make = name, serve, make

    @asynccontextmanager
    async def spoilt(self) -> AsyncIterator[Way]:
        """Serve at the end of a way."""
        async with self.serve() as place, (Line() if isinstance(place, str) else Network()).to(place) as way:
            yield way

    @contextmanager
    def apart(self, place: int | str = 0) -> Iterator["Apart"]:
        """Serve in a process of its own."""
        server = Apart(self.serve, place)
        try:
            yield server
        finally:
            server.kill()


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


@pytest.fixture
def case_of(request) -> Callable[[str], Case]:
    return lambda name: Case(name, *request.getfixturevalue(f"{name}_case"))


@pytest.fixture(params=PROTOCOLS)
def case(request, case_of) -> Case:
    return case_of(request.param)


@pytest.fixture
def heard(case_of, iec61850) -> Callable[..., Any]:
    """Return a function: what the driver of a protocol asks and its device says, while all is read twice."""

    async def listen(name: str) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        case = case_of(name)
        for make in (case.make, *(_reporting(iec61850) if name == "iec61850" else ())):
            async with case.spoilt() as way:
                way.spoil = lambda said, asked: found.append((asked, said)) or [said]
                driver = make(way.place)
                await driver.connect()
                for scan in (*driver.scans, *driver.scans):
                    await driver.read(scan)
                await driver.close()
        return found

    return listen


def _reporting(iec61850: Callable[..., Any]) -> list[Callable[..., Any]]:
    """Return what makes drivers that are told by reports, buffered and not."""
    from simulator.iec61850_cid import addresses

    points = {name: addresses("feeder1")[name] for name in ("va", "ia", "p", "f", "cb52")}
    blocks = [{"block": f"FEEDER1LD0/LLN0.{name}"} for name in ("brcbMeas", "urcbState", "urcbMeas")]
    return [lambda port, block=block: iec61850(port, points, reports=[block]) for block in blocks]
