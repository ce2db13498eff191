"""A store in RAM, and a publisher that runs for one test."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from detectors.model import Severity
from gateway.config.model import Identity, Uplink
from gateway.core.messages import Alarm, AlarmState, Change, Summary
from gateway.store.packing import to_record
from gateway.store.record import Gap, Row, Stream
from gateway.uplink.format import Sources
from gateway.uplink.formats import build
from gateway.uplink.publisher import Publisher

START_NS = 1_763_632_800_000_000_000
IDENTITY = Identity(site="site", name="gw")


def summary(n: int, points: int = 3) -> Summary:
    values = np.linspace(229, 231, points)
    return Summary(
        device=f"feeder{n % 2}",
        start_ns=START_NS + n * 10_000_000_000,
        length_ns=10_000_000_000,
        points=tuple(f"p{i}" for i in range(points)),
        count=np.full(points, 10, np.uint32),
        min=values,
        max=values + 1,
        mean=values + 0.5,
        last=values,
        quality=np.zeros(points, np.uint16),
    )


def change(n: int) -> Change:
    return Change(
        device="bay",
        time_ns=START_NS + n * 1_000_000_000,
        points=("cb",),
        values=np.array([n % 2], np.float64),
        quality=np.zeros(1, np.uint16),
        times_ns=np.array([START_NS + n * 1_000_000_000], np.int64),
    )


def alarm(n: int) -> Alarm:
    at_ns = START_NS + n * 1_000_000_000
    return Alarm(
        id="feeder1.va:limit_high",
        state=AlarmState.ACTIVE_UNACKED,
        severity=Severity.WARNING,
        kind="limit_high",
        detector="limits",
        device="feeder1",
        points=("va",),
        first_ns=at_ns,
        last_ns=at_ns,
        count=1,
        text="va 254 V is above 253 V",
        value=254.0,
        expected=math.nan,
    )


class Memory:
    """A store that forgets with the process, and keeps what was acknowledged for the test to see."""

    def __init__(self) -> None:
        self.stored = asyncio.Event()
        self.rows: dict[Stream, dict[int, Row]] = {stream: {} for stream in Stream}
        self.lasts = dict.fromkeys(Stream, 0)
        self.acknowledged: dict[Stream, list[int]] = {stream: [] for stream in Stream}
        self.holes: list[Gap] = []
        self.ever: set[Gap] = set()
        self.emptied = asyncio.Event()

    def put(self, *messages: Summary | Change | Alarm) -> None:
        for message in messages:
            record = to_record(message)
            self.lasts[record.stream] += 1
            self.rows[record.stream][self.lasts[record.stream]] = Row(self.lasts[record.stream], record)
        self.emptied.clear()
        self.stored.set()

    async def read(self, stream: Stream, *, after: int, upto: int | None, limit: int) -> Sequence[Row]:
        await asyncio.sleep(0)
        found = [row for seq, row in self.rows[stream].items() if after < seq <= (upto or math.inf)]
        return found[:limit]

    def last(self, stream: Stream) -> int:
        return self.lasts[stream]

    def acknowledge(self, stream: Stream, seqs: Sequence[int]) -> None:
        for seq in seqs:
            self.rows[stream].pop(seq, None)
        self.acknowledged[stream].extend(seqs)
        if not any(self.rows.values()):
            self.emptied.set()

    def hurry(self) -> None:
        """What was acknowledged is gone at once here."""

    def lost(self, gap: Gap) -> None:
        self.ever.add(gap)

    async def gaps(self) -> Sequence[Gap]:
        return tuple(self.holes)

    async def flush(self) -> None:
        """There is no disk."""

    async def losses(self) -> Sequence[Gap]:
        return (*self.holes, *self.ever)

    def reported(self, gaps: Sequence[Gap]) -> None:
        self.holes = [hole for hole in self.holes if hole not in gaps]

    async def empty(self, timeout_s: float = 60.0) -> None:
        """Wait until the broker has everything."""
        async with asyncio.timeout(timeout_s):
            await self.emptied.wait()

    async def until(self, holds: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Wait until a counter of the publisher says so."""
        async with asyncio.timeout(timeout_s):
            while not holds():  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.001)


@pytest.fixture
async def memory() -> Memory:
    return Memory()


@pytest.fixture
async def publish() -> AsyncIterator[Callable[..., Publisher]]:
    """Make publishers that run until the test ends."""
    tasks: list[asyncio.Task[None]] = []

    def make(
        url: str,
        store: Any,
        *,
        command: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda _: {},
        birth: Callable[[], Mapping[str, Any]] = lambda: {"devices": {}},
        readings: Callable[[str], Any] = lambda _: ((), *np.empty((3, 0), np.int64)),
        links: Callable[[], Mapping[str, bool]] = dict,
        identity: Identity = IDENTITY,
        random: Callable[[], float] = lambda: 0.05,
        keepalive_s: int = 30,
        **keys: Any,
    ) -> Publisher:
        uplink = Uplink(url=url, **{"retry_max_s": 1.0, "connect_timeout_s": 3.0} | keys)
        object.__setattr__(uplink, "keepalive_s", keepalive_s)  # tests have less patience than a configuration may
        sources = Sources(
            birth=birth,
            status=lambda: {"state": "operational"},
            gaps=store.losses,
            command=command,
            readings=readings,
            links=links,
            alarms=lambda: (),
            states=store,
        )
        publisher = Publisher(uplink, identity, store, build(uplink, identity, sources), random=random)
        tasks.append(asyncio.create_task(publisher.run(), name="publisher"))
        publisher.task = tasks[-1]  # type: ignore[attr-defined]
        return publisher

    yield make
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


@pytest.fixture
def messages() -> Any:
    """Make numbered messages."""

    class Make:
        start_ns = START_NS
        summary = staticmethod(summary)
        change = staticmethod(change)
        alarm = staticmethod(alarm)

    return Make
