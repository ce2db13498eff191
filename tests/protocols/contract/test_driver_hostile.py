"""What no device may do to any driver: each of these stands between the driver and a real server, and lies for it.

The worst is a violation and a lost link. Nothing is ever read that the device did not say of that very point, nothing
hangs, nothing grows, and afterwards the device is read as before.
"""

import asyncio
import gc
import itertools
import random
import tracemalloc
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from protocols.driver import LinkLost
from protocols.model import Batch, EventKind

SHORT_S = 0.05
READS = 3
BORNE_S = 3.0
"""How long a liar is borne here; a line is given up after 2 s of noise."""
PATIENCE_S = 60.0
MOST_BYTES = 10_000_000
FLOOD_PIECES = 4000
"""More than a driver may take before it gives up, at the length of an answer."""
NOISY = ("modbus_rtu", "modbus_rtu_tcp")
"""Where noise is everyday: what is illegal there is garbled, and asked again."""
SEALED = ("modbus_tls",)
"""Where whatever was changed is refused before the protocol sees it."""


def replayed_requests(said, asked):
    """Instead of an answer: what we have asked."""
    return [asked, asked]


def answers_twice(said, asked):
    """Each answer, and again."""
    return [said, said]


def longer(said, asked):
    """More than an answer: what follows belongs to none."""
    return [said, said[len(said) // 2 :]]


def headless(said, asked):
    """The beginning is missing."""
    return [said[3:]]


def noise(said, asked):
    """Bytes of no protocol."""
    return [random.Random(said).randbytes(10_000)]


def flood(said, asked):
    """The same answer without end."""
    return itertools.repeat(said, FLOOD_PIECES)


def flood_of_noise(said, asked):
    """Noise without end."""
    dice = random.Random(said)
    return (dice.randbytes(1000) for _ in range(FLOOD_PIECES))


def flood_of_beginnings(said, asked):
    """Answers that begin, without end."""
    return itertools.repeat(said[: len(said) // 2], FLOOD_PIECES)


class Late:
    """Every answer comes after the next question."""

    def __init__(self):
        self.held = b""

    def __call__(self, said, _asked):
        held, self.held = self.held, said
        return [held]


class Later:
    """Answers are held back, and come all at once with the fourth."""

    def __init__(self):
        self.held = []

    def __call__(self, said, _asked):
        self.held.append(said)
        if len(self.held) < 4:
            return []
        held, self.held = self.held, []
        return held


class Swapped:
    """Of two answers the second comes first."""

    def __init__(self):
        self.held = b""

    def __call__(self, said, _asked):
        if not self.held:
            self.held = said
            return []
        held, self.held = self.held, b""
        return [said, held]


class OldOnes:
    """Instead of each answer: the first ones again."""

    def __init__(self):
        self.first = []

    def __call__(self, said, _asked):
        if len(self.first) < 3:
            self.first.append(said)
            return [said]
        return self.first


def slow(lie):
    return pytest.param(lie, marks=pytest.mark.slow)


LIES = [replayed_requests, noise, *map(slow, (Later, answers_twice, longer, headless, Late, Swapped, OldOnes))]
FLOODS = [flood, flood_of_noise, flood_of_beginnings]


@asynccontextmanager
async def lied_to(case, lie):
    """Yield a driver that has read its device once, all that it says while `lie` stands between, and what is true."""
    async with case.spoilt() as way:
        driver = case.make(way.place)
        await driver.connect()
        truth = await everything(driver)
        way.spoil = lie() if isinstance(lie, type) else lie
        yield driver, truth
        way.spoil = way.honest
        async with asyncio.timeout(PATIENCE_S):
            assert await recovered(driver) == truth
        await driver.close()


async def everything(driver):
    found = {}
    for scan in (each for each in driver.scans if len(each.rows)):
        for batch in (each for each in await driver.read(scan) if isinstance(each, Batch)):
            assert not batch.quality.any()
            found.update(zip(batch.rows.tolist(), batch.values.tolist(), strict=True))
    return found


async def recovered(driver):
    while True:
        try:
            return await everything(driver)
        except LinkLost:
            with suppress(OSError, LinkLost):
                await driver.connect()
        except (TimeoutError, AssertionError):
            pass
        await asyncio.sleep(0.01)


async def reads(driver):
    """Read all scans in turn, as often as a liar is borne; a lost link ends it. Return what came, and the end."""
    seen, loop = [], asyncio.get_running_loop()
    until = loop.time() + BORNE_S
    for scan in itertools.islice(itertools.cycle(driver.scans), READS * len(driver.scans)):
        if loop.time() > until:
            break
        try:
            async with asyncio.timeout(PATIENCE_S) as limit:
                seen.extend(await driver.read(replace(scan, timeout_s=SHORT_S)))
        except TimeoutError:
            assert not limit.expired(), "a read hangs"
        except LinkLost as lost:
            return [*seen, *lost.events], lost
    return seen, None


def wrong(seen, truth):
    """Return the readings that are called good and are not true."""
    return [
        (row, value)
        for batch in seen
        if isinstance(batch, Batch)
        for row, value, quality in zip(batch.rows.tolist(), batch.values.tolist(), batch.quality.tolist(), strict=True)
        if not quality and value != truth[row]
    ]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
async def test_lies(case, lie):
    """Nothing wrong is read, nothing hangs, a violation is an event; noise is one except on a line."""
    async with lied_to(case, lie) as (driver, truth):
        seen, lost = await reads(driver)
    told = [each for each in seen if getattr(each, "kind", None) is EventKind.VIOLATION]

    assert wrong(seen, truth) == []
    assert not str(lost).startswith("violation") or told
    assert lie is not noise or (lost and told) or case.name in NOISY or (lost and case.name in SEALED)


@pytest.mark.slow
@pytest.mark.parametrize("lie", FLOODS, ids=lambda lie: lie.__name__)
async def test_floods(case, lie):
    """The loop goes on, memory stays, and nothing wrong is read."""
    async with lied_to(case, lie) as (driver, truth):
        gc.collect()
        tracemalloc.start()
        try:
            seen, _ = await reads(driver)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert wrong(seen, truth) == []
    assert peak < MOST_BYTES
