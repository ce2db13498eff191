"""A fleet that comes back at once: it spreads over time, and the live messages of each gateway wait for nothing."""

import asyncio
import random
import re
from collections import Counter

import pytest

from gateway.config.model import Identity
from gateway.store.record import Stream
from gateway.uplink import backoff
from gateway.uplink.backoff import SPREAD_MAX_S, Backoff
from gateway.uplink.schedule import Schedule

FLEET, FIRST_S, AWAY_S = 50, 2.0, 0.3


def connected(broker, since=0):
    """Return how many gateways each second of the broker's log has seen connect, from its `since`th line on."""
    log = (broker.folder / "mosquitto.log").read_text().splitlines()[since:]
    found = [re.match(r"(\d+): New client connected .* as fleet-gw", line) for line in log]
    return Counter(int(match[1]) for match in found if match)


async def test_a_fleet_does_not_storm_the_broker(mosquitto, publish, messages, memory, monkeypatch):
    """Fifty gateways whose broker is restarted come back with about 50 / `retry_first_s` connections a second."""
    monkeypatch.setattr(backoff, "STEADY_S", 0.0)
    randomly = random.Random(1)
    stores = [type(memory)() for _ in range(FLEET)]
    identities = [Identity(site="fleet", name=f"gw{n}") for n in range(FLEET)]
    fleet = [
        publish(mosquitto.url, store, identity=identity, random=randomly.random, retry_first_s=FIRST_S, retry_max_s=60)
        for store, identity in zip(stores, identities, strict=True)
    ]
    await memory.until(lambda: all(publisher.connected for publisher in fleet))
    mosquitto.stop()
    await memory.until(lambda: not any(publisher.connected for publisher in fleet))
    for store in stores:
        store.put(*(messages.summary(n) for n in range(5)))
    lines = len((mosquitto.folder / "mosquitto.log").read_text().splitlines())
    await asyncio.sleep(AWAY_S)
    mosquitto.start()
    await memory.until(lambda: all(publisher.connects == 2 for publisher in fleet), 30)
    await asyncio.gather(*(store.empty() for store in stores))
    seconds = connected(mosquitto, lines)

    assert sum(seconds.values()) == FLEET
    assert max(seconds.values()) <= 1.6 * FLEET / FIRST_S
    assert all(sorted(store.acknowledged[Stream.TELEMETRY]) == [1, 2, 3, 4, 5] for store in stores)


def test_pauses_are_uniform_and_double():
    """From nought to the first pause; twice as long after each failure, up to the longest; anew after a steady time."""
    pauses = Backoff(2.0, 60.0, lambda: 1.0)
    assert [pauses.pause_s(lasted_s) for lasted_s in (100, 0, 0, 0, 0, 0, 0, 100)] == [2, 4, 8, 16, 32, 60, 60, 2]

    drawn = Backoff(2.0, 60.0, random.Random(1).random)
    of_fleet = [drawn.pause_s(100) for _ in range(1000)]
    assert max(Counter(int(pause_s * 10) for pause_s in of_fleet).values()) < 1.6 * 1000 / 20


@pytest.mark.parametrize(("away_s", "longest_s"), [(0, 0), (20, 2), (300, SPREAD_MAX_S), (1e6, SPREAD_MAX_S)])
def test_the_backlog_begins_by_chance(away_s, longest_s):
    """Within a tenth of the time that the broker was away, at most half a minute."""
    assert [Backoff(1, 60, lambda share=share: share).spread_s(away_s) for share in (0, 0.5, 1)] == [
        pytest.approx(share * longest_s) for share in (0, 0.5, 1)
    ]


async def test_live_messages_do_not_wait_for_the_spread(memory, messages):
    """While the backlog has not begun, alarms of before and all that is new go at once; then the oldest follow."""
    memory.put(messages.summary(1), messages.alarm(1))
    schedule = Schedule(memory, backlog_rate_per_s=10, backlog_from_s=107.0)
    memory.put(messages.summary(2), messages.change(2))
    went = [await schedule.next(100.0, backlog=True) for _ in range(4)]

    assert [due and due.row.record.stream for due in went] == [Stream.ALARM, Stream.CHANGE, Stream.TELEMETRY, None]
    assert schedule.wait_s == pytest.approx(7.0)
    assert (await schedule.next(107.0, backlog=True)).row.seq == 1
