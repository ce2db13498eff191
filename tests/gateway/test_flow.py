"""The queue to the pipeline, when the clock is set: in order, and nothing is told under the old time."""

import asyncio
import math

import numpy as np
import pytest

from gateway.config.model import StoreBudget
from gateway.core.messages import Summary
from gateway.core.pipeline import Pipeline
from gateway.flow import Flow
from gateway.store.packing import summary_of
from gateway.store.record import Stream
from gateway.store.store import Store
from gateway.timeline import Timeline
from protocols.model import Batch, Event, EventKind
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000
START_NS = 1_800_000_000 * NS


class Recorder(Pipeline):
    """A pipeline that keeps what it sees."""

    def __init__(self, *given):
        super().__init__(*given)
        self.seen = []
        self.stepped = asyncio.Event()

    def observe(self, seen):
        self.seen.append(seen)
        if getattr(seen, "stepped_ns", 0):
            self.stepped.set()
        return super().observe(seen)


@pytest.fixture
async def store(tmp_path):
    store = await Store.open(tmp_path, StoreBudget())
    yield store
    await store.close()


@pytest.fixture
def clocks():
    class Clocks:
        now_ns, offset_ns = 0, START_NS

    return Clocks()


@pytest.fixture
def flow(store, clocks):
    points = Points.of([(DeviceConfig(name="d"), [PointConfig(name="p")])])
    timeline = Timeline(lambda: clocks.now_ns + clocks.offset_ns, lambda: clocks.now_ns)
    return Flow(Recorder(points, {}, 10), store, {}, queue_batches=16, window_s=10, clock=timeline)


def batch(at_ns, time_ns=77):
    return Batch(np.array([0], np.int32), np.array([1.0]), np.zeros(1, np.uint16), np.array([time_ns]), at_ns)


@pytest.mark.parametrize(("quickest_s", "tick_s"), [(0.05, 0.25), (1, 0.25), (2, 0.5), (60, 0.5), (math.inf, 0.5)])
def test_time_passes_as_often_as_scans_are_quick(flow, quickest_s, tick_s):
    """Delays are told no coarser than a quarter of the quickest scan, and an idle gateway wakes up half as often."""
    flow.quickest_s = lambda: quickest_s
    assert flow.tick_s == tick_s


@pytest.mark.parametrize("by_s", [1, -1, 30, -30, 3600, -3600, 31_536_000, -31_536_000])
async def test_what_was_read_before_the_step_and_came_after(flow, clocks, by_s):
    """It gets the time of the clock as it is; the device's own time is not touched."""
    stamp_ns = START_NS + 2 * NS
    clocks.now_ns = 3 * NS
    clocks.offset_ns += by_s * NS
    ticking = asyncio.create_task(flow.tick())
    await asyncio.sleep(0)
    await flow.put(batch(stamp_ns))
    await flow.put(batch(stamp_ns, time_ns=stamp_ns))
    await flow.put(Event("d", EventKind.LOST, "", stamp_ns))
    ticking.cancel()
    flow.finish()
    await flow.run()
    tick, read, ours, lost = flow.pipeline.seen

    assert tick.stepped_ns == by_s * NS
    assert ours.time_ns[0] == ours.arrival_ns == read.arrival_ns
    assert read.time_ns[0] == 77
    for told_ns in (read.arrival_ns, lost.time_ns):
        assert told_ns in (stamp_ns + by_s * NS, stamp_ns)
        assert 0 <= START_NS + (3 + by_s) * NS - told_ns <= 2 * NS


async def test_a_step_is_not_overtaken(flow, clocks):
    """While the queue is full the clock is not looked at: the step waits with the tick that tells it."""
    for n in range(16):
        await flow.put(batch(START_NS + n))
    clocks.offset_ns += 3600 * NS
    ticking = asyncio.create_task(flow.tick())
    await asyncio.sleep(0)
    running = asyncio.create_task(flow.run())
    async with asyncio.timeout(30):
        await flow.pipeline.stepped.wait()
    ticking.cancel()
    flow.finish()
    await running

    ticks = [seen for seen in flow.pipeline.seen if not isinstance(seen, Batch)]
    assert [(tick.time_ns, tick.stepped_ns) for tick in ticks[:2]] == [
        (START_NS, 0),
        (START_NS + 3600 * NS, 3600 * NS),
    ]


async def test_a_step_does_not_overtake_who_waits_for_room(flow, clocks):
    """What waits at the full queue has the old time: the clock is not looked at before it has its place."""
    for n in range(16):
        await flow.put(batch(START_NS + n))
    waiting = asyncio.create_task(flow.put(batch(START_NS + 16)))
    await asyncio.sleep(0)
    clocks.offset_ns -= 3600 * NS
    running, ticking = asyncio.create_task(flow.run()), asyncio.create_task(flow.tick())
    async with asyncio.timeout(30):
        await waiting
        await flow.pipeline.stepped.wait()
    ticking.cancel()
    flow.finish()
    await running

    steps = [n for n, seen in enumerate(flow.pipeline.seen) if getattr(seen, "stepped_ns", 0)]
    after = [seen.arrival_ns for seen in flow.pipeline.seen[steps[0] :] if isinstance(seen, Batch)]
    assert after == []


async def test_a_year_ahead_and_back(flow, clocks, store):
    """Three windows come of it and not three million: before, the wrong year, and after."""
    for by_s in (31_536_000, -31_536_000, 0):
        await flow.put(batch(flow._clock()))
        clocks.now_ns += NS
        clocks.offset_ns += by_s * NS
        ticking = asyncio.create_task(flow.tick())
        await asyncio.sleep(0)
        ticking.cancel()
    flow.finish()
    await flow.run()
    await store.flush()
    rows = await store.read(Stream.TELEMETRY, after=0, limit=100)
    windows: list[Summary] = [summary_of(row.record) for row in rows]

    assert [(w.start_ns - START_NS) // NS for w in windows] == [0, 31_536_000, 0]
    assert [w.length_ns for w in windows] == [NS, NS + NS, 3 * NS]
    assert [row.seq for row in rows] == [1, 2, 3]
