"""What the IEC 61850 tests share: the simulator's IED, a raw server that can misbehave, and one of libiec61850."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from open61850.mms import pdu
from open61850.server import protocol
from ports import free_port

from protocols.driver import LinkLost
from protocols.iec61850.transport import Stream
from protocols.model import Batch, Event
from protocols.sighting import Sighting
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.iec61850 import Iec61850Bay
from simulator.iec61850_cid import addresses
from simulator.meter import INDEX

ROOT = Path(__file__).resolve().parents[3]
PEERS = ROOT / ".peers/iec61850"
PEER_VERSION = "1.6.1.10"
PATIENCE_S = 60.0
CONFIRM = bytes.fromhex("0300000e09d00001000100c0010d")
"""Connection confirm of class 0, with TPDUs of 8192 bytes."""


class Ied(Iec61850Bay):
    """The simulator's feeder1, whose values stand still until `step`."""

    def __init__(self, port: int = 0) -> None:
        self.grid = Grid()
        super().__init__("feeder1", self.grid, Conduct(), host="127.0.0.1", port=port)
        self.addresses = addresses("feeder1")

    async def step(self, seconds: float = 1.0) -> None:
        self.grid.advance(self.grid.time_s + seconds)
        await self.follow()

    async def set(self, **values: float) -> None:
        for name, value in values.items():
            self.grid.values[self.index(name)] = value
        await self.follow()

    async def nobody(self) -> None:
        """Wait until the server knows that every client has gone."""
        await asyncio.wait(self._relays)
        await asyncio.to_thread(self._nobody)

    def _nobody(self) -> None:
        while self._server.connections:
            time.sleep(0.002)

    @staticmethod
    def index(name: str) -> int:
        return INDEX[f"feeder1.{name}"]


@pytest.fixture
async def ied() -> AsyncIterator[Ied]:
    ied = Ied()
    await ied.start()
    yield ied
    await ied.stop()


class Wire(bytes):
    """Bytes to send as they are."""

    __slots__ = ()


class Raw:
    """A server that knows the association by heart; `answer(number, request)` gives the MMS PDU of each answer.

    It may be `Wire`, a list of several, None for silence, or `Raw.hang_up`.
    """

    hang_up = "hang up"
    wire = Wire

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[Any] = []
        self.answer: Callable[[protocol.ConfirmedRequest], Any] = identify
        self.greeting: Callable[[bytes], Any] | None = None
        self.writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def say(self, mms: bytes) -> None:
        self.writers[-1].write(frames(pdu.wrap(mms)))

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            await self._frame(reader)
            writer.write(CONFIRM)
            request = await self._frame(reader)
            if self.greeting is not None:
                writer.write(self.greeting(request))
            else:
                asked = protocol.decode_association_request(request)
                accept, _ = protocol.association_accept(asked, max_pdu_size=65000, max_outstanding=5, nesting_level=10)
                writer.write(frames(accept))
            while True:
                asked = protocol.decode_request(pdu.unwrap(await self._frame(reader)))
                if asked == "conclude":
                    return
                self.asked.append(asked)
                answers = self.answer(asked)
                for each in answers if isinstance(answers, list) else [answers]:
                    if each == self.hang_up:
                        return
                    if each is not None:
                        writer.write(each if isinstance(each, Wire) else frames(pdu.wrap(each)))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    @staticmethod
    async def _frame(reader: asyncio.StreamReader) -> bytes:
        message = b""
        while True:
            head = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(head[2:], "big") - 4)
            if body[1] != 0xF0:
                return body
            message += body[3:]
            if body[2] & 0x80:
                return message


def frames(message: bytes) -> bytes:
    stream = Stream()
    stream.tpdu_size = 8192
    return stream.frames(message)


def identify(asked: protocol.ConfirmedRequest) -> bytes | None:
    if asked.service != 2:
        return None
    return protocol.confirmed_response(asked.invoke_id, 2, protocol.identify_response("raw", "server", "0"))


@pytest.fixture
async def raw() -> AsyncIterator[Raw]:
    raw = Raw()
    await raw.start()
    yield raw
    await raw.stop()


class Heard:
    """Everything a driver hands out."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.seen: list[Any] = []
        self.told: list[Sighting] = []
        """What the cyber checks are told, apart from the rest."""

    async def connect(self) -> "Heard":
        self._hear(await self.driver.connect())
        return self

    async def drain(self) -> list[Any]:
        return self._hear(await self.driver.read(self.driver.scans[-1]))

    async def poll(self, key: int = 0) -> list[Any]:
        return self._hear(await self.driver.read(self.driver.scans[key]))

    def _hear(self, new: Any) -> list[Any]:
        self.told += [each for each in new if isinstance(each, Sighting)]
        found = [each for each in new if not isinstance(each, Sighting)]
        self.seen += found
        return found

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not enough():
                await self.drain()
                await asyncio.sleep(0.005)

    @staticmethod
    async def wait(enough: Callable[[], bool]) -> None:
        """Wait without reading."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if enough():
                    return
                await asyncio.sleep(0.005)

    async def lost(self) -> LinkLost:
        """Read until the link is lost."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self.drain()
                except LinkLost as lost:
                    self.seen.extend(lost.events)
                    return lost
                except TimeoutError:
                    pass
                await asyncio.sleep(0.005)

    @property
    def batches(self) -> list[Batch]:
        return [each for each in self.seen if isinstance(each, Batch)]

    def events(self, kind: str) -> list[Event]:
        return [each for each in self.seen if isinstance(each, Event) and each.kind == kind]

    def readings(self, row: int) -> list[float]:
        return [
            batch.values[at] for batch in self.batches for at, each in enumerate(batch.rows.tolist()) if each == row
        ]


@pytest.fixture
def heard(iec61850) -> Callable[..., Heard]:
    """Return a factory: `heard(port, points, ...)` gives a driver of one device and keeps what it hands out."""
    return lambda *args, **keys: Heard(iec61850(*args, **keys))


class Foreign:
    """An IED of libiec61850, in a process of its own."""

    def __init__(self, python: Path) -> None:
        self.port = free_port()
        self._python = python
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        script = Path(__file__).parent / "libiec61850_server.py"
        self._process = await asyncio.create_subprocess_exec(
            self._python, script, str(self.port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert await self._process.stdout.readline() == b"ready\n"

    async def order(self, text: str) -> None:
        self._process.stdin.write(f"{text}\n".encode())
        assert await self._process.stdout.readline() == b"ok\n"

    async def set(self, index: int, value: float) -> None:
        await self.order(f"set {index} {value} {time.time_ns() // 1_000_000}")

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGCONT)
                self._process.kill()
            await self._process.wait()
            self._process._transport.close()


@pytest.fixture(scope="session")
def foreign_python() -> Path:
    """Return a Python that has libiec61850, in an environment of its own, made once."""
    python = PEERS / "bin/python"
    if not list(PEERS.glob("lib/python3*/site-packages/pyiec61850")):
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        words = [python, "-m", "pip", "install", "--quiet", f"pyiec61850-ng=={PEER_VERSION}"]
        subprocess.run(words, check=True, capture_output=True)
    return python


@asynccontextmanager
async def foreign_server(python: Path) -> AsyncIterator[Foreign]:
    server = Foreign(python)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@pytest.fixture
async def foreign(foreign_python) -> AsyncIterator[Foreign]:
    async with foreign_server(foreign_python) as server:
        yield server
