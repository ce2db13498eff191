"""A fleet that comes back at once: it spreads over time, and the live messages of each gateway wait for nothing."""

import asyncio
import random
import re
import time
from collections import Counter

import pytest

from gateway.config.model import Identity
from gateway.store.record import Stream
from gateway.uplink import backoff
from gateway.uplink.backoff import SPREAD_MAX_S, Backoff
from gateway.uplink.schedule import Schedule

FLEET, FIRST_S, AWAY_S = 50, 2.0, 0.3


def connected(broker, since=0):
    """Return the gateways and the second in which the broker saw each connect, from the `since`th line of its log."""
    log = (broker.folder / "mosquitto.log").read_text().splitlines()[since:]
    found = [re.match(r"(\d+): New client connected .* as fleet-(gw\d+)", line) for line in log]
    return [(match[2], int(match[1])) for match in found if match]


@pytest.fixture
def due(monkeypatch):
    """Return when each pause is over, by the clock of the log: the last of each."""
    found, pause_s = {}, Backoff.pause_s

    def noted(pauses, lasted_s):
        chosen_s = pause_s(pauses, lasted_s)
        found[pauses] = time.time() + chosen_s
        return chosen_s

    monkeypatch.setattr(Backoff, "pause_s", noted)
    return found


async def test_a_fleet_does_not_storm_the_broker(mosquitto, publish, messages, memory, monkeypatch, due):
    """Fifty gateways whose broker is restarted try again about 50 / `retry_first_s` times a second, none too soon."""
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
    await memory.until(lambda: all(publisher.connects == 2 for publisher in fleet))
    await asyncio.gather(*(store.empty() for store in stores))
    seen = connected(mosquitto, lines)
    due_s = {f"gw{n}": due[publisher._backoff] for n, publisher in enumerate(fleet)}

    assert sorted(name for name, _ in seen) == sorted(due_s)
    assert all(second >= int(due_s[name]) for name, second in seen)
    assert max(Counter(map(int, due_s.values())).values()) <= 1.6 * FLEET / FIRST_S
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
