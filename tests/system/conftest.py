"""What the tests of the whole daemon share: the daemon as a child, devices that misbehave, and a consumer's book.

One file, because test modules are imported apart and can share only fixtures.
"""

import asyncio
import itertools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from completeness import STREAMS, Ledger
from ports import free_port
from waiting import leader_waited_s, waited_s

PATIENCE_S = 90.0
"""Nothing here takes so long, however busy the machine is, unless it is broken."""
RUN = (sys.executable, "-c", "from gateway.cli import main; raise SystemExit(main())", "run")
PATIENT = """
from gateway import app, keeper
from gateway.cli import main

app.FLUSH_S = keeper.STOP_S = 20.0
app.Gateway.__init__.__kwdefaults__["grace_s"] = 20.0
raise SystemExit(main())
"""
"""The daemon whose stop gives disk and broker time: for tests of what it tells and keeps, not of how soon it ends."""
NAMES = itertools.count()
ENDED = os.WEXITED | os.WNOWAIT
"""What is waited for: an end, with the process left to be looked at."""


class Device:
    """A raw Modbus/TCP server, its holding registers the same for all units; `conduct` is how it treats requests.

    Register 1 counts the answers, so that every reading is known: the k-th answer of a unit holds k, from 0.
    """

    def __init__(self) -> None:
        self.registers = [0] * 128
        self.hung: set[int] = set()
        self.asked_s: dict[int, list[float]] = defaultdict(list)
        self.answers: Counter[int] = Counter()
        self.connections = 0
        self.conduct: Callable[[asyncio.Transport, bytes], None] = self.honest
        self.port = free_port()
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Transport] = set()
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def config(self, name: str, *, points: int = 2, **keys: Any) -> dict[str, Any]:
        """Return this device as the configuration names it, with points p0, p1 and so on."""
        listed = [{"name": f"p{n}", "address": f"holding:{n}"} for n in range(points)]
        return {"name": name, "protocol": "modbus", "url": self.url, "every_s": 0.1, "points": listed, **keys}

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Line(self), "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Listen no more and break all connections."""
        if self._server is not None:
            self._server.close()
            for transport in tuple(self._lines):
                transport.abort()
            await self._server.wait_closed()
            self._server = None

    async def answered(self, times: int, unit: int = 1) -> None:
        """Wait until it has given so many answers."""
        async with asyncio.timeout(PATIENCE_S):
            while self.answers[unit] < times:
                self._news.clear()
                await self._news.wait()

    def honest(self, transport: asyncio.Transport, request: bytes) -> None:
        if request[6] not in self.hung:
            transport.write(self.answer(request))

    def silent(self, transport: asyncio.Transport, request: bytes) -> None:
        """Take the request and say nothing."""

    def slow(self, transport: asyncio.Transport, request: bytes) -> None:
        asyncio.get_running_loop().call_later(
            3.0, lambda: None if transport.is_closing() else transport.write(self.answer(request))
        )

    def half(self, transport: asyncio.Transport, request: bytes) -> None:
        transport.write(self.answer(request)[:9])
        transport.close()

    def garbage(self, transport: asyncio.Transport, request: bytes) -> None:  # noqa: ARG002 - as every conduct
        transport.write(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n" * 3)

    def answer(self, request: bytes) -> bytes:
        """Return what a good device says to a read of holding registers."""
        transaction, unit, start, count = struct.unpack(">H4xBxHH", request)
        registers = list(self.registers)
        registers[1] = self.answers[unit]
        self.answers[unit] += 1
        return struct.pack(
            f">HHHBBB{count}H", transaction, 0, 3 + 2 * count, unit, 3, 2 * count, *registers[start : start + count]
        )

    def opened(self, transport: asyncio.Transport) -> None:
        self.connections += 1
        self._lines.add(transport)

    def closed(self, transport: asyncio.Transport) -> None:
        self._lines.discard(transport)

    def asked(self, transport: asyncio.Transport, request: bytes) -> None:
        self.asked_s[request[6]].append(time.monotonic())
        self.conduct(transport, request)
        self._news.set()


class Line(asyncio.Protocol):
    """One connection to a device."""

    def __init__(self, device: Device) -> None:
        self._device, self._buffer = device, b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._device.opened(transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 12:
            request, self._buffer = self._buffer[:12], self._buffer[12:]
            self._device.asked(self._transport, request)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface of asyncio
        self._device.closed(self._transport)


class Daemon:
    """`gridsentinel run` as a child of the test, started as systemd would; the test writes its configuration."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir()
        self.file, self.log_file, self.state_dir = folder / "gateway.yaml", folder / "log", folder / "state"
        self.url = url
        self.patient = (sys.executable, "-c", PATIENT, "run")
        self.notices: list[tuple[float, str]] = []
        self._news = asyncio.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._address = f"gridsentinel-{os.getpid()}-{next(NAMES)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(f"\0{self._address}")
        asyncio.get_running_loop().add_reader(self._socket, self._on_notice)

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def write(self, devices: Sequence[Mapping[str, Any]], **sections: Mapping[str, Any] | Sequence[Any]) -> None:
        """Write the configuration; `sections` are added to those that every test needs."""
        config = {
            "gateway": {"site": "s", "name": "g", "state_dir": str(self.state_dir)},
            "uplink": {"url": self.url, "window_s": 1, "retry_max_s": 1, "status_every_s": 0.5, "keepalive_s": 5},
            "poll": {"retry_first_s": 0.2, "retry_max_s": 1},
            "log": {"format": "json"},
            "devices": devices,
        }
        for key, section in sections.items():
            config[key] = {**config[key], **section} if isinstance(section, dict) and key in config else section
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(config, indent=1))
        new.replace(self.file)  # at once: a reload may be reading it

    async def start(self, command: Sequence[str] = RUN, **environment: str) -> None:
        """Start it and wait until it is ready."""
        self.spawn(command, **environment)
        await self.noticed("READY=1")

    def spawn(self, command: Sequence[str] = RUN, **environment: str) -> None:
        """Start it."""
        assert not self.running
        with suppress(BlockingIOError):  # what the one before has told last
            while self._socket.recv(4096):
                pass
        self.notices.clear()
        surroundings = {**os.environ, "NOTIFY_SOCKET": f"@{self._address}", **environment}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen([*command, str(self.file)], stdout=log, stderr=log, env=surroundings)

    async def noticed(self, text: str, *, times: int = 1) -> None:
        """Wait until it has told systemd `text` so often since its start."""
        deadline = time.monotonic() + PATIENCE_S
        while sum(text in notice for _, notice in self.notices) < times:
            if not self.running or time.monotonic() > deadline:
                pytest.fail(f"no {text} from the daemon; its log:\n{self.log}")
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 0.5)

    async def answering(self) -> None:
        """Wait until it can be asked; it is ready before."""
        _, writer = await self._connected()
        writer.close()

    async def asked(self) -> dict[str, Any]:
        """Return what it says of itself at its socket."""
        reader, writer = await self._connected()
        writer.write(b'{"ask":"status"}\n')
        said: dict[str, Any] = json.loads(await reader.read())
        writer.close()
        return said

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection to its socket, which is there a moment before it listens, or is one of a run before."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(FileNotFoundError, ConnectionRefusedError):
                    return await asyncio.open_unix_connection(self.state_dir / "status.sock")
                await asyncio.sleep(0.05)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end and return the exit code."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, PATIENCE_S)

    async def stop(self) -> float:
        """Send SIGTERM, wait for a good end, and return how long it took, but for the wait for a processor."""
        assert self.running, self.log
        began_s, waited_before_s = time.monotonic(), leader_waited_s(self.pid)
        self.send(signal.SIGTERM)
        with suppress(ChildProcessError):  # it has ended before
            await asyncio.wait_for(asyncio.to_thread(os.waitid, os.P_PID, self.pid, ENDED), PATIENCE_S)
        late_s = leader_waited_s(self.pid) - waited_before_s
        took_s = time.monotonic() - began_s
        code = await self.ended()
        assert code == 0, self.log
        return took_s - late_s

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.ended()

    def cpu_s(self) -> float:
        """Return the processor time that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def waited_s(self) -> float:
        """Return for how long it and this process waited for a processor."""
        return waited_s(self.pid)

    def rss_kib(self) -> int:
        """Return its resident memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def children(self) -> list[int]:
        """Return the processes that it has started and that still run; one is not before it has its own program."""
        own = self._program(self.pid)
        tasks = Path(f"/proc/{self.pid}/task").glob("*/children")
        found = [int(child) for task in tasks for child in task.read_text().split()]
        return [child for child in found if self._program(child) not in (own, b"")]

    def _program(self, pid: int) -> bytes:
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            return b""

    def deafen(self) -> None:
        """Listen to it no more."""
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def close(self) -> None:
        if self._process is not None and self.running:
            self._process.kill()
            self._process.wait()
        self.deafen()

    def _on_notice(self) -> None:
        self.notices.append((time.monotonic(), self._socket.recv(4096).decode()))
        self._news.set()


class Book:
    """The consumer: the ledger of docs/examples, all messages by their numbers, and what the gateway says of itself."""

    def __init__(self, subscriber: Any) -> None:
        self.ledger = Ledger()
        self.streams: dict[str, dict[int, dict[str, Any]]] = {stream: {} for stream in STREAMS}
        self.status: dict[str, Any] = {}
        self.birth: dict[str, Any] = {}
        self.replies: dict[str, Any] = {}
        self._subscriber, self._read = subscriber, 0

    async def until(self, enough: Callable[["Book"], object], timeout_s: float = PATIENCE_S) -> None:
        """Wait until `enough` holds."""
        await self._subscriber.until(lambda _: enough(self.read()), timeout_s)

    async def emptied(self, daemon: Daemon, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the gateway says that nothing waits, and all that it has numbered by now has come or is explained.

        What it says at its socket is of now; what it said upstream may be of before.
        """
        last = (await daemon.asked())["store"]["last_seq"]
        await self.until(lambda book: book.settled and book.knows(last), timeout_s)

    def knows(self, last: Mapping[str, int]) -> bool:
        """Return whether the gateway has said upstream that it gave out these numbers."""
        return all(self.ledger.books[stream].last >= seq for stream, seq in last.items())

    @property
    def settled(self) -> bool:
        """Whether the gateway holds nothing, and every number that it gave out has come or is explained."""
        waits = any(self.status.get("store", {"waiting": {"?": 1}})["waiting"].values())
        return not waits and self.ledger.settled and self.ledger.complete

    def command(self, identifier: str, **keys: str) -> None:
        self.say("gridsentinel/s/g/command", json.dumps({"id": identifier, **keys}).encode())

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish something."""
        self._subscriber.say(topic, payload, retain=retain)

    def holes(self) -> dict[str, Any]:
        """Return what neither came nor is explained below the highest number that came, of each stream that has any."""
        return {stream: holes for stream, book in self.ledger.books.items() if (holes := book.holes())}

    def sums(self, key: str) -> int:
        """Return a figure of the report over all streams."""
        return sum(report[key] for report in self.ledger.report().values())

    def alarms(self) -> dict[str, dict[str, Any]]:
        """Return the newest message of each alarm."""
        told = self.streams["alarm"]
        return {told[seq]["id"]: told[seq] for seq in sorted(told)}

    def windows(self, device: str) -> list[dict[str, Any]]:
        """Return the telemetry of a device in the order of its numbers."""
        told = self.streams["telemetry"]
        return [told[seq] for seq in sorted(told) if told[seq]["device"] == device]

    def readings(self, device: str, point: str = "p1") -> int:
        """Return how many readings of a point were told."""
        return sum(window["points"][point]["n"] for window in self.windows(device) if point in window["points"])

    def read(self) -> "Book":
        """Enter what has come since the last time."""
        messages = self._subscriber.messages
        for message in itertools.islice(messages, self._read, len(messages)):
            self._read += 1
            self._enter(message.topic.removeprefix("gridsentinel/s/g/").partition("/")[0], message.json)
        return self

    def _enter(self, topic: str, told: dict[str, Any]) -> None:
        self.ledger.enter(topic, told)
        if topic in self.streams:
            self.streams[topic].setdefault(told["seq"], told)
        elif topic == "reply":
            self.replies[told["id"]] = told
        elif topic in ("status", "birth"):
            setattr(self, topic, told)


@pytest.fixture
async def make_device() -> AsyncIterator[Callable[[], Device]]:
    """Make devices, not yet started; all are stopped with the test."""
    made: list[Device] = []

    def make() -> Device:
        made.append(Device())
        return made[-1]

    yield make
    for device in made:
        await device.stop()


@pytest.fixture
async def device(make_device: Callable[[], Device]) -> Device:
    """Run one healthy device."""
    device = make_device()
    await device.start()
    return device


@pytest.fixture
async def make_daemon(tmp_path: Path) -> AsyncIterator[Callable[[str], Daemon]]:
    """Make daemons for a broker's url, not yet started; all are ended with the test."""
    made: list[Daemon] = []

    def make(url: str) -> Daemon:
        made.append(Daemon(tmp_path / f"daemon{len(made)}", url))
        return made[-1]

    yield make
    for daemon in made:
        daemon.close()


@pytest.fixture
async def daemon(mosquitto: Any, make_daemon: Callable[[str], Daemon]) -> Daemon:
    """Make a daemon for the running broker."""
    return make_daemon(mosquitto.url)


@pytest.fixture
def make_book(subscribe: Callable[..., Any]) -> Iterator[Callable[[Any], Book]]:
    """Make books of running brokers; what came twice must have been the same."""
    made: list[Book] = []

    def make(broker: Any) -> Book:
        made.append(Book(subscribe(broker, "gridsentinel/#")))
        return made[-1]

    yield make
    assert [book.read().sums("contradictory") for book in made] == [0] * len(made)


@pytest.fixture
def book(mosquitto: Any, make_book: Callable[[Any], Book]) -> Book:
    """Keep the book of the running broker."""
    return make_book(mosquitto)
