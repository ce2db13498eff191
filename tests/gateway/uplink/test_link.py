"""What the publisher does when the broker or the way to it fails: nothing stored is ever lost."""

import asyncio

import pytest

from gateway.config.model import StoreBudget
from gateway.store.packing import to_record
from gateway.store.record import Stream
from gateway.store.store import Store

PREFIX = "gridsentinel/site/gw"


def numbers(subscriber, part):
    return {message["seq"] for message in subscriber.on(part)}


async def test_a_broker_that_is_absent_at_start(make_mosquitto, subscribe, memory, publish, messages):
    """The publisher waits for a broker that comes later, and says once what is wrong."""
    broker = make_mosquitto()
    memory.put(*(messages.summary(n) for n in range(10)))
    publisher = publish(broker.url, memory)
    await memory.until(lambda: publisher.last_error)
    error = publisher.last_error
    broker.start()
    await memory.empty()
    await memory.until(lambda: publisher.connected)

    assert error == f"nobody listens at 127.0.0.1:{broker.port}"
    assert publisher.connected


async def test_restarts_of_the_broker_under_load(mosquitto, subscribe, memory, publish, messages):
    """While rows come in the broker is restarted three times; a subscriber has every number in the end."""
    subscriber = subscribe(mosquitto, f"{PREFIX}/#")
    publisher = publish(mosquitto.url, memory)

    async def load():
        for n in range(300):
            memory.put(messages.summary(n), messages.change(n), messages.alarm(n))
            await asyncio.sleep(0.005)

    loading = asyncio.create_task(load())
    await memory.until(lambda: publisher.connected)
    for restarts in (1, 2, 3):
        await asyncio.to_thread(mosquitto.restart)
        await memory.until(lambda before=restarts: publisher.connects > before)
    await loading
    await memory.empty()
    every = set(range(1, 301))
    await subscriber.until(lambda s: all(numbers(s, part) >= every for part in ("/telemetry/", "/change/", "/alarm")))

    assert publisher.connects == 4


async def test_a_killed_broker_costs_nothing_that_it_did_not_acknowledge(
    mosquitto, subscribe, memory, publish, messages
):
    """A row leaves the store only with its PUBACK: with the broker dead, all the others stay."""
    subscriber = subscribe(mosquitto)
    publish(mosquitto.url, memory)
    await subscriber.until(lambda s: s.on("/status"))
    memory.put(*(messages.summary(n) for n in range(500)))
    await subscriber.until(lambda s: s.on("/telemetry/"))
    mosquitto.kill()
    await asyncio.sleep(0.1)
    gone = set(memory.acknowledged[Stream.TELEMETRY])

    assert set(range(1, 501)) == gone | set(memory.rows[Stream.TELEMETRY])
    assert not gone & set(memory.rows[Stream.TELEMETRY])

    mosquitto.start()
    await memory.empty()

    assert sorted(memory.acknowledged[Stream.TELEMETRY]) == list(range(1, 501))


async def test_a_link_that_is_cut_at_any_moment(mosquitto, wire, subscribe, memory, publish, messages):
    """Ten cuts in the middle of the traffic: a subscriber has every number, and only what was in flight came twice."""
    subscriber = subscribe(mosquitto, f"{PREFIX}/telemetry/#")
    publisher = publish(wire.url, memory, backlog_rate_per_s=100_000)
    memory.put(*(messages.summary(n, points=50) for n in range(2000)))
    for _ in range(10):
        await memory.until(lambda before=publisher.acked: publisher.acked >= before + 50)
        wire.cut()
    await memory.empty()
    await subscriber.until(lambda s: numbers(s, "/telemetry/") == set(range(1, 2001)))

    assert publisher.connects == 11
    assert len(subscriber.messages) <= 2000 + 10 * 100


@pytest.mark.parametrize("restarts", [2])
async def test_with_the_store_on_disk(mosquitto, subscribe, memory, publish, messages, tmp_path, restarts):
    """From the real store through restarts of the broker to a subscriber: every number arrives, the store empties."""
    store = await Store.open(tmp_path / "store", StoreBudget(commit_s=0.02))
    subscriber = subscribe(mosquitto, f"{PREFIX}/#")
    publisher = publish(mosquitto.url, store)

    async def load():
        for n in range(200):
            store.append([to_record(make(n)) for make in (messages.summary, messages.change, messages.alarm)])
            await asyncio.sleep(0.005)

    loading = asyncio.create_task(load())
    for restart in range(1, restarts + 1):
        before = publisher.acked
        await memory.until(
            lambda restart=restart, before=before: (publisher.connects, publisher.acked > before) == (restart, True)
        )
        await asyncio.to_thread(mosquitto.restart)
    await memory.until(lambda: publisher.connects > restarts)
    await loading
    every = set(range(1, 201))
    await subscriber.until(lambda s: all(numbers(s, part) >= every for part in ("/telemetry/", "/change/", "/alarm")))
    await publisher.drain(30.0)
    await store.close()

    assert publisher.connects == restarts + 1
