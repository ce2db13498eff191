"""What the DNP3 tests share: drivers of devices on any port, our own outstation, and one of opendnp3."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ports import free_port

from protocols.dnp3.config import Dnp3Device, Dnp3Point
from protocols.dnp3.driver import Dnp3Driver
from protocols.driver import Outside, Scan
from protocols.model import Batch, Event, EventKind, Receipt
from protocols.points import Points
from protocols.sighting import Sighting
from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Server

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Reader:
    """A driver with what a test wants to ask of it: the devices' scans by name, and everything it ever handed out.

    Receipts are settled at once; where `stores` is False they are kept in `receipts`, as if the disk refused.
    """

    def __init__(self, devices: Sequence[Dnp3Device], *, synchronised: bool = False) -> None:
        points = Points.of([(device, device.points) for device in devices])
        outside = Outside(clock=time.time_ns, synchronised=lambda: self.synchronised)
        self.synchronised = synchronised
        self.driver = Dnp3Driver(devices, points, outside)
        self.rows = {points.label(row): row for row in range(len(points))}
        self.events: list[Event] = []
        self.batches: list[Batch] = []
        self.stores = True
        self.receipts: list[Receipt] = []
        self.scans: dict[str, dict[str, Scan]] = {}
        for place, scan in enumerate(self.driver.scans):
            self.scans.setdefault(scan.device, {})[("integrity", "events", "drain")[place % 3]] = scan

    async def read(
        self, what: str = "integrity", device: str = "rtu1", *, timeout_s: float | None = None
    ) -> list[Batch]:
        """Read a scan, by its own time-out or by another, keep what came, and return its batches."""
        scan = self.scans[device][what]
        seen = await self.driver.read(scan if timeout_s is None else replace(scan, timeout_s=timeout_s))
        self.events += [one for one in seen if isinstance(one, Event)]
        batches = [one for one in seen if isinstance(one, Batch)]
        self.batches += batches
        self.receipts += [one for one in seen if isinstance(one, Receipt)]
        if self.stores:
            self.settle()
        return batches

    def settle(self, *, kept: bool = True) -> None:
        """Say of all that was handed out that it is on disk, or that it fell out of RAM."""
        for receipt in self.receipts:
            receipt.settle(kept)
        self.receipts.clear()

    async def persist(self) -> None:
        """Read everything, and as the poller does again after a time-out.

        opendnp3 2.2 with link confirms now and then loses a request that comes within 0.1 ms of an acknowledgement.
        """
        try:
            await self.read()
        except TimeoutError:
            await self.read()

    async def until(self, enough: Callable[["Reader"], object], what: str = "drain") -> None:
        """Read again and again, in spite of time-outs, until `enough`."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough(self):
                with suppress(TimeoutError):
                    await self.read(what)
                await asyncio.sleep(0.01)

    def last(self, label: str) -> tuple[float, int, int]:
        """Return the newest value, quality and time in milliseconds of `DEVICE.POINT`."""
        return self.history(label)[-1]

    def history(self, label: str) -> list[tuple[float, int, int]]:
        """Return all values, qualities and times in milliseconds of `DEVICE.POINT`."""
        row = self.rows[label]
        return [
            (float(batch.values[at]), int(batch.quality[at]), int(batch.time_ns[at]) // 1_000_000)
            for batch in self.batches
            for at in (batch.rows == row).nonzero()[0]
        ]

    def said(self, kind: EventKind) -> list[str]:
        """Return what was said of one kind."""
        return [event.detail for event in self.events if event.kind is kind and not isinstance(event, Sighting)]

    def told(self, kind: EventKind) -> list[Sighting]:
        """Return what the cyber checks were told of one kind."""
        return [event for event in self.events if event.kind is kind and isinstance(event, Sighting)]


def device(port: int, points: dict[str, Any], **keys: Any) -> Dnp3Device:
    made = tuple(
        Dnp3Point(name=name, **({"address": about} if isinstance(about, str) else about))
        for name, about in points.items()
    )
    return Dnp3Device(
        **{
            "name": "rtu1",
            "protocol": "dnp3",
            "url": f"tcp://127.0.0.1:{port}",
            "outstation": 10,
            "points": made,
            **keys,
        }
    )


@pytest.fixture
def make_device() -> Callable[..., Dnp3Device]:
    return device


@pytest.fixture
async def reader() -> AsyncIterator[Callable[..., Reader]]:
    """Make readers: `reader(port, {"p": "analog:0"}, unsolicited=False)`; all are closed with the test."""
    made: list[Reader] = []

    def make(port: int, points: dict[str, Any], *, synchronised: bool = False, **keys: Any) -> Reader:
        made.append(Reader([device(port, points, **keys)], synchronised=synchronised))
        return made[-1]

    yield make
    for each in made:
        await each.driver.close()


@pytest.fixture
def readers() -> Callable[..., Reader]:
    """Make a reader of several devices."""
    return lambda *devices: Reader(devices)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Serve an outstation of ours at address 10: 20 analogs n holding n, 4 binaries n % 2, a counter."""
    outstation = Outstation(now_ms, restarted=False)
    for index in range(20):
        outstation.add("analog", index, float(index))
    for index in range(4):
        outstation.add("binary", index, index % 2, event_class=1)
    outstation.add("counter", 0, 4711, event_class=3)
    found = Server({10: outstation})
    await found.start()
    yield found
    await found.stop()


class OpenDnp3:
    """An outstation of opendnp3 in a process of its own, at address 10."""

    def __init__(
        self, program: Path, port: int, *, analogs: int, confirms: bool, unsolicited: bool, events: int, confirm_ms: int
    ) -> None:
        self.port = port
        self._words = [
            str(word) for word in (program, port, analogs, int(confirms), int(unsolicited), events, confirm_ms)
        ]
        self.process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        self.process = await asyncio.to_thread(self._run)
        assert await asyncio.to_thread(self.process.stdout.readline) == "ready\n"
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
                else:
                    return

    def _run(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def tell(self, line: str) -> str:
        """Give an order and return its answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None


@pytest.fixture(scope="session")
def opendnp3_program() -> Path:
    subprocess.run(["sh", Path(__file__).parent / "peer/build.sh"], check=True)
    return ROOT / ".peers/opendnp3/outstation"


@pytest.fixture
def opendnp3(opendnp3_program):
    """Return an asynchronous context manager: an outstation of opendnp3, running."""

    @asynccontextmanager
    async def run(
        analogs: int = 20,
        *,
        confirms: bool = False,
        unsolicited: bool = True,
        events: int = 1000,
        confirm_ms: int = 1000,
    ) -> AsyncIterator[OpenDnp3]:
        keys = {"analogs": analogs, "confirms": confirms, "unsolicited": unsolicited, "events": events}
        peer = OpenDnp3(opendnp3_program, free_port(), confirm_ms=confirm_ms, **keys)
        await peer.start()
        try:
            yield peer
        finally:
            peer.stop()

    return run
