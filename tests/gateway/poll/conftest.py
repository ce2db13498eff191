"""Virtual time: an event loop whose clock leaps to the next timer instead of waiting, so that minutes pass at once."""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from gateway.poll.poller import Poller, Retry
from gateway.poll.unit import Unit
from protocols.driver import Scan
from protocols.model import Batch, Event

START_S = 1000.0


class _Leap(selectors.DefaultSelector):
    """Looks at its files without waiting, and leaps over the time it would have waited."""

    now_s = START_S

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.now_s += timeout
        assert ready or timeout is not None, "everything waits for ever"
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop in virtual time."""

    def __init__(self):
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self):
        return self._leap.now_s


def now_s():
    """Return virtual seconds since the start."""
    return asyncio.get_running_loop().time() - START_S


Answer = Callable[[Scan], Awaitable[Sequence[Batch | Event]]]


@dataclass
class FakeDriver:
    """A driver whose answers are written in the test; remembers what it was asked, and when."""

    scans: Sequence[Scan]
    answer: Answer
    opening: Callable[[], Awaitable[Sequence[Event]]] | None = None
    closing: Callable[[], Awaitable[None]] | None = None
    asked: list[tuple[float, Scan]] = field(default_factory=list)
    connects: list[float] = field(default_factory=list)
    closes: int = 0

    async def connect(self):
        self.connects.append(now_s())
        return await self.opening() if self.opening else ()

    async def read(self, scan):
        self.asked.append((now_s(), scan))
        return await self.answer(scan)

    async def close(self):
        self.closes += 1
        if self.closing:
            await self.closing()

    def times(self, device):
        """Return when `device` was asked."""
        return [at_s for at_s, scan in self.asked if scan.device == device]


@dataclass
class Line:
    """A poller with its fake driver, and all that it hands on."""

    driver: FakeDriver
    poller: Poller
    seen: list[tuple[float, Batch | Event]]

    def run(self, for_s):
        """Poll for so long in virtual time, then stop; return how long the stop took."""
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(self._run(for_s))

    async def _run(self, for_s):
        task = asyncio.create_task(self.poller.run())
        await asyncio.wait([task], timeout=for_s)
        assert not task.done(), task.exception()
        began = now_s()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled() or task.exception() is None
        return now_s() - began

    def events(self, *kinds):
        return [(e.device, e.kind.value) for _, e in self.seen if isinstance(e, Event) and e.kind in kinds]

    def when(self, kind, device="a"):
        return [at_s for at_s, e in self.seen if isinstance(e, Event) and (e.kind, e.device) == (kind, device)]


def scan(device="a", every_s=1.0, key=0, **keys):
    return Scan(key, device, every_s, np.array([key], np.int32), **keys)


def batch(scan):
    """Return one good reading of each row of `scan`."""
    n = len(scan.rows)
    return Batch(scan.rows, np.ones(n), np.zeros(n, np.uint16), np.zeros(n, np.int64), 1)


@pytest.fixture
def line():
    """Make a poller over devices, each with one scan a second, from one function that answers."""

    def make(answer, devices=("a",), *, scans=None, put=None, timeout_s=1.0, retry=(1.0, 30.0), host="", **keys):
        seen = []

        async def keep(each):
            seen.append((now_s(), each))

        asked = scans if scans is not None else [scan(device, key=key) for key, device in enumerate(devices)]
        driver = FakeDriver(asked, answer, **keys)
        units = [Unit(device, timeout_s, shared=len(devices) > 1) for device in devices]
        first_s, max_s = retry
        poller = Poller(
            driver,
            units,
            retry=Retry(first_s=first_s, max_s=max_s),
            phase=0.0,
            put=put or keep,
            clock=lambda: 1,
            host=host,
        )
        return Line(driver, poller, seen)

    return make
