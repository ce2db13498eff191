"""Events of an outstation that forgets what is confirmed: each reaches the consumer, with its own time."""

import asyncio
import random
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import pytest

from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Server

ADDRESS = 10
MOST_WAITING = 1000
POINTS = {"b0": "binary:0", "b1": "binary:1", "b2": "binary:2", "d0": "double:0", "a0": "analog:0"}
PLACES = [("binary", 0, 2), ("binary", 1, 2), ("binary", 2, 2), ("double", 0, 4), ("analog", 0, 1000)]


class Field:
    """The outstation, and every event that it ever had: point, value and time."""

    def __init__(self) -> None:
        self.outstation = Outstation(lambda: time.time_ns() // 1_000_000, most_events=1_000_000, most_octets=400)
        for kind, index, _ in PLACES:
            self.outstation.add(kind, index, event_class=1)
        self.server = Server({ADDRESS: self.outstation})
        self.had: set[tuple[str, float, int]] = set()
        self._time_ms = 1_700_000_000_000

    def config(self, **keys: object) -> dict[str, object]:
        points = [{"name": name, "address": address} for name, address in POINTS.items()]
        points[-1]["deadband"] = 0
        url = f"tcp://127.0.0.1:{self.server.port}"
        return {"name": "rtu", "protocol": "dnp3", "url": url, "outstation": ADDRESS, "points": points, **keys}

    def happen(self, count: int, randomly: random.Random) -> None:
        """Let events happen, a millisecond apart, also several of one point."""
        for _ in range(count):
            place = randomly.randrange(len(PLACES))
            kind, index, values = PLACES[place]
            value = (self.outstation.points[kind, index].value + randomly.randrange(1, values)) % values
            self._time_ms += 1
            self.outstation.change(kind, index, value, time_ms=self._time_ms)
            self.had.add((list(POINTS)[place], float(value), self._time_ms))

    async def go_on(self, randomly: random.Random) -> None:
        """Let events happen, in bursts, for ever; not so many more than are taken that the simulator becomes slow."""
        while True:
            if len(self.outstation.events) < MOST_WAITING:
                self.happen(randomly.randrange(20), randomly)
            await asyncio.sleep(randomly.uniform(0.01, 0.1))

    async def confirmed(self, times: int) -> None:
        """Wait until so many fragments more are confirmed."""
        self.outstation.received.clear()
        async with asyncio.timeout(60):
            while sum(fragment[1] == 0 for fragment in self.outstation.received) < times:  # noqa: ASYNC110  as below
                await asyncio.sleep(0.005)

    async def forgotten(self) -> None:
        """Wait until the outstation has deleted all its events, as they are confirmed."""
        async with asyncio.timeout(60):
            while self.outstation.events:  # noqa: ASYNC110  the simulator sets no event
                await asyncio.sleep(0.02)


@pytest.fixture
async def field() -> AsyncIterator[Field]:
    field = Field()
    await field.server.start()
    yield field
    await field.server.stop()


def told(book) -> set[tuple[str, float, int]]:
    """Return what the consumer knows: point, value and time of each change that has a time of its device."""
    changes = [change["points"].items() for change in book.streams["change"].values()]
    return {
        (name, point["value"], int(datetime.fromisoformat(point["time"]).timestamp() * 1000 + 0.5))
        for points in changes
        for name, point in points
        if point["time"]
    }


async def survives(rounds, daemon, field, book, **keys):
    randomly = random.Random(rounds)
    daemon.write([field.config(**keys)], uplink={"backlog_rate_per_s": 5000})
    happening = asyncio.create_task(field.go_on(randomly))
    for _ in range(rounds):
        await daemon.start()
        await field.confirmed(randomly.randrange(6))
        await asyncio.sleep(randomly.uniform(0, 0.06))
        await daemon.kill()
    happening.cancel()
    await daemon.start()
    await field.forgotten()
    await book.emptied(daemon)
    await daemon.stop()

    assert field.had - told(book) == set()


async def test_killed_while_events_happen(daemon, field, book):
    """Three kills at any moment of a burst: no event is missing."""
    await survives(3, daemon, field, book)


@pytest.mark.slow
@pytest.mark.parametrize("unsolicited", [True, False])
async def test_killed_often_while_events_happen(daemon, field, book, unsolicited):
    """Thirty kills, with unsolicited responses and by polls alone: no event is missing."""
    await survives(30, daemon, field, book, unsolicited=unsolicited)


@contextmanager
def full_at_will(directory) -> Iterator:
    """Mount a disk of 24 MiB, where that is allowed; yield what fills it."""
    directory.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", directory], check=False)
    if done.returncode:
        pytest.skip("mounting needs root")

    def fill():
        filler = directory / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return filler

    try:
        yield fill
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


async def test_a_full_disk_leaves_the_events_where_they_are(daemon, field, book):
    """Nothing is confirmed while nothing can be stored; when there is space again every event arrives."""
    randomly = random.Random(1)
    with full_at_will(daemon.state_dir) as fill:
        daemon.write([field.config()], store={"max_bytes": "4MiB"}, uplink={"backlog_rate_per_s": 5000})
        await daemon.start()
        field.happen(50, randomly)
        await field.forgotten()
        filler = fill()
        while "store_fault" not in daemon.log:
            field.happen(10, randomly)
            await asyncio.sleep(0.1)
        field.happen(200, randomly)
        kept = list(field.outstation.events)[-200:]
        await asyncio.sleep(1)
        assert list(field.outstation.events)[-200:] == kept
        await daemon.kill()
        filler.unlink()
        await daemon.start()
        await field.forgotten()
        await book.emptied(daemon)
        await daemon.stop()

    assert field.had - told(book) == set()
