"""Data is QoS 0, and nothing is lost all the same: a host that keeps one value of a metric and time has them all."""

import asyncio

import pytest
from spb import HostApplication, listen

from gateway.store.record import Stream


def fed(edge, numbers):
    """Store a window for each number, of one point and a time of its own."""
    edge.put(*(edge.summary(float(n), s=n) for n in numbers))
    return {float(n) + 0.5 for n in numbers}


async def feed(edge, numbers, every_s=0.01):
    for n in numbers:
        edge.put(edge.summary(float(n), s=n))
        await asyncio.sleep(every_s)
    return {float(n) + 0.5 for n in numbers}


@pytest.fixture
async def host(stage):
    """A host application that is there, and comes back by itself."""
    made = await asyncio.to_thread(HostApplication, stage.broker.port)
    yield made
    made.close()


async def test_a_row_stays_until_the_window_is_over(stage):
    """A row that the broker has leaves the store only after two keep-alives; what is not told yet stays anyway."""
    publisher = stage.start()
    fed(stage.edge, range(1, 11))
    async with asyncio.timeout(30):
        while publisher.held < 10:  # noqa: ASYNC110 - a counter has no event
            await asyncio.sleep(0.01)
    await stage.edge.store.flush()
    kept = stage.edge.store.stats.rows[Stream.TELEMETRY]
    publisher._flight.let_go(publisher.last_ack_s + publisher.format.hold_s)
    await stage.edge.store.flush()

    assert publisher.format.hold_s == 10.0
    assert (kept, stage.edge.store.stats.rows[Stream.TELEMETRY]) == (10, 0)


async def test_a_link_that_is_cut(stage):
    """Cut five times in the middle of the traffic: every value arrives, what was told before again as historical."""
    stage.start(backlog_rate_per_s=10_000)
    feeding = asyncio.create_task(feed(stage.edge, range(1, 301)))
    for n in range(1, 6):
        await stage.until(lambda n=n: stage.said("DDATA", link=n), 20)
        stage.wire.cut()
    expected = await feeding
    await stage.host.until(lambda host: listen(host.messages).told("va", "feeder1") >= expected, 30)


async def test_a_broker_that_is_killed(stage, host):
    """Killed twice, with a host that comes back when it can: every value arrives."""
    stage.start(primary_host="scada", backlog_rate_per_s=10_000)
    feeding = asyncio.create_task(feed(stage.edge, range(1, 301)))
    for _ in range(2):
        before = len(host.follows.values)
        await host.until(lambda follows, before=before: len(follows.values) > before + 50)
        stage.broker.kill()
        await asyncio.to_thread(stage.broker.start)
    expected = await feeding
    await host.until(lambda follows: follows.told("va", "feeder1") >= expected)


async def test_a_host_that_comes_anew(stage, host):
    """A host that had another session while nobody noticed is told again what it has missed."""
    stage.start(primary_host="scada")
    await host.until(lambda follows: follows.born)
    expected = fed(stage.edge, range(1, 51))
    await host.until(lambda follows: follows.told("va", "feeder1") >= expected)
    host.close()
    stage.publishers[0].format._born_s -= 60
    more = fed(stage.edge, range(51, 101))
    await stage.until(lambda: len(stage.said("DDATA", "NDEATH")) >= 51)
    again = await asyncio.to_thread(HostApplication, stage.broker.port)
    await again.until(lambda follows: follows.told("va", "feeder1") >= more)
    again.close()


async def test_a_rebirth_tells_again_what_may_be_missing(stage):
    """A host that has missed a number asks for a rebirth, and then has what it missed."""
    stage.start()
    await stage.until(lambda: len(stage.said("DBIRTH")) == 2)
    expected = fed(stage.edge, range(1, 21))
    await stage.until(lambda: len(stage.said("DDATA")) == 20)
    stage.publishers[0].format._born_s -= 60
    stage.command(Rebirth=True)
    await stage.until(lambda: len(stage.said("DDATA")) == 40)
    born = next(n for n, message in enumerate(stage.said()) if message.verb == "NBIRTH" and n > 0)
    late = listen([message.packet for message in stage.said()[born:]])

    assert late.told("va", "feeder1") >= expected
    assert late.faults == []


@pytest.mark.slow
@pytest.mark.parametrize("silent_s", [10, 45])
async def test_a_link_that_swallows_bytes(stage, silent_s):
    """A silent link is noticed within 1.5 keep-alives, what was said into it does not count, and all arrives."""
    publisher = stage.start(backlog_rate_per_s=10_000)
    expected = await feed(stage.edge, range(1, 51))
    await stage.host.until(lambda host: listen(host.messages).told("va", "feeder1") >= expected)
    stage.wire.swallow()
    began = asyncio.get_running_loop().time()
    expected |= await feed(stage.edge, range(51, 101))
    async with asyncio.timeout(30):
        while publisher.connected:  # noqa: ASYNC110 - a state has no event
            await asyncio.sleep(0.01)
    noticed_s = asyncio.get_running_loop().time() - began
    await stage.edge.store.flush()
    kept = stage.edge.store.stats.rows[Stream.TELEMETRY]
    await asyncio.sleep(max(0.0, silent_s - noticed_s))
    await stage.wire.mend()
    await stage.host.until(lambda host: listen(host.messages).told("va", "feeder1") >= expected, 30)

    assert noticed_s < 9.0  # 1.5 keep-alives of 5 s, from the first message that was swallowed on
    assert kept >= 50
