"""The way to the broker at its worst, packet by packet; the judge is the consumer's ledger of docs/examples."""

import asyncio
import random
import time

import pytest
from completeness import Ledger
from waiting import waited_s
from wire import Fate

from gateway.store.record import Stream

PREFIX = "gridsentinel/site/gw"
ROWS = 60
SLACK_S = 0.7
"""A second look at a quarter of a keep-alive, and what a loop takes; a wait for a processor comes on top."""


def load(memory, messages, rows=ROWS):
    memory.put(*(make(n) for n in range(rows) for make in (messages.summary, messages.change, messages.alarm)))


async def complete(subscriber, memory, timeout_s=60.0):
    """Wait until all that the store gave out has come; return the ledger of all that came."""
    await memory.empty(timeout_s)

    def ledger():
        book = Ledger()
        for message in subscriber.messages:
            topic = message.topic.removeprefix(f"{PREFIX}/").partition("/")[0]
            book.enter("ignored" if topic == "status" else topic, message.json)
        for stream, last in memory.lasts.items():
            book.books[stream].told(last, 0)
        return book

    await subscriber.until(lambda _: ledger().complete, timeout_s)
    return ledger()


def figures(ledger, key):
    return sum(report[key] for report in ledger.report().values())


def once(whose, kind, fate):
    """Return a treatment of the first packet of a kind."""
    met = []

    def treat(packet):
        if met or (packet.ours, packet.kind) != (whose == "ours", kind):
            return Fate.PASS
        met.append(packet)
        return fate

    treat.met = met
    return treat


KINDS = {
    "ours": ("connect", "subscribe", "publish", "puback", "pingreq"),
    "theirs": ("connack", "suback", "puback", "publish", "pingresp"),
}


@pytest.mark.parametrize("case", [f"{whose} {kind}" for whose, kinds in KINDS.items() for kind in kinds])
async def test_cut_inside_a_packet(mosquitto, wire, subscribe, memory, publish, messages, case):
    """Cut in the middle of each packet type, in each direction: nothing missing, what came twice was the same."""
    whose, kind = case.split()
    subscriber = subscribe(mosquitto)
    wire.treat = once(whose, kind, Fate.CUT)
    publisher = publish(wire.url, memory, keepalive_s=1, backlog_rate_per_s=100_000)
    load(memory, messages)
    await subscriber.until(lambda s: s.on("/status"))
    subscriber.say(f"{PREFIX}/command", b'{"id":"1","do":"gaps"}')
    await wire.seen(lambda _: wire.treat.met)
    await memory.until(lambda: publisher.connects >= (1 if kind in ("connect", "connack") else 2))
    load(memory, messages)
    ledger = await complete(subscriber, memory)

    assert figures(ledger, "contradictory") == 0
    assert figures(ledger, "new") == 2 * 3 * ROWS


async def test_a_guess_holds_for_one_connection(mosquitto, wire, subscribe, memory, publish):
    """A link that breaks before the answer looks like a broker of 3.1.1; the next connection is tried in 5 again."""
    wire.treat = once("theirs", "connack", Fate.CUT)
    publisher = publish(wire.url, memory)
    await memory.until(lambda: publisher.connected)
    spoken = publisher.protocol
    wire.cut()
    await memory.until(lambda: publisher.connects >= 2)

    assert (spoken, publisher.protocol) == ("3.1.1", "5")


async def test_cut_inside_the_farewell(mosquitto, wire, subscribe, memory, publish):
    """Cut in the middle of our disconnect: the stop is over all the same, and the last word stands."""
    subscriber = subscribe(mosquitto)
    wire.treat = once("ours", "disconnect", Fate.CUT)
    publisher = publish(wire.url, memory)
    await subscriber.until(lambda s: s.on("/status"))
    await publisher.drain(1.0)
    await asyncio.wait_for(publisher.task, 30)
    await subscriber.until(lambda s: s.on("/status")[-1]["online"] is False)

    assert wire.treat.met


@pytest.mark.parametrize("loaded", [True, False], ids=["loaded", "idle"])
async def test_a_link_that_falls_silent(mosquitto, wire, subscribe, memory, publish, messages, loaded):
    """A link that swallows bytes while TCP stays up is noticed within 1.5 keep-alives; nothing counts as delivered."""
    subscriber = subscribe(mosquitto)
    publisher = publish(wire.url, memory, keepalive_s=1)
    load(memory, messages, 1)
    await memory.empty()
    await subscriber.until(lambda s: s.on("/status"))
    wire.swallow()
    silent_s = time.monotonic() - waited_s()
    if loaded:
        load(memory, messages)
    await memory.until(lambda: not publisher.connected)
    noticed_s = time.monotonic() - waited_s() - silent_s
    held = [len(memory.rows[stream]) for stream in (Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM)]
    await wire.mend()
    ledger = await complete(subscriber, memory)

    assert noticed_s < 1.5 + SLACK_S
    assert publisher.last_error in ("the broker said nothing for 1.5 s", "the broker acknowledged nothing for 1.5 s")
    assert held == ([ROWS] * 3 if loaded else [0] * 3)
    assert figures(ledger, "duplicate") == 0


async def test_answers_that_are_swallowed(mosquitto, wire, subscribe, memory, publish, messages):
    """A link that loses only what the broker says: the broker has it all, the gateway knows not, and sends it again."""
    subscriber = subscribe(mosquitto)
    publisher = publish(wire.url, memory, keepalive_s=1)
    await subscriber.until(lambda s: s.on("/status"))
    wire.treat = lambda packet: Fate.PASS if packet.ours else Fate.LOSE
    memory.put(*(messages.alarm(n) for n in range(10)))
    await subscriber.until(lambda s: len(s.on("/alarm")) == 10)
    assert memory.acknowledged[Stream.ALARM] == []
    await memory.until(lambda: not publisher.connected)
    wire.treat = lambda _: Fate.PASS
    wire.cut()
    await subscriber.until(lambda s: len(s.on("/alarm")) == 20)
    ledger = await complete(subscriber, memory)

    assert ledger.report()["alarm"]["duplicate"] == 10
    assert figures(ledger, "contradictory") == 0


async def test_half_the_packets_delayed(mosquitto, wire, subscribe, memory, publish, messages):
    """Half of the packets late by a tenth of the keep-alive: slow, and no reason to begin anew."""
    subscriber = subscribe(mosquitto)
    randomly = random.Random(1)
    wire.treat = lambda _: randomly.choice([Fate.PASS, 0.2])
    publisher = publish(wire.url, memory, keepalive_s=2, backlog_rate_per_s=100_000)
    load(memory, messages, 20)
    ledger = await complete(subscriber, memory)

    assert publisher.connects == 1
    assert figures(ledger, "duplicate") == 0


async def test_a_broker_that_refuses_for_a_while(make_mosquitto, subscribe, memory, publish, messages, tmp_path):
    """The password is refused, then taken: said once, tried again with pauses, and all that was stored arrives."""
    broker = make_mosquitto()
    broker.start()
    subscriber = subscribe(broker)
    secret = tmp_path / "secret"
    secret.write_text("right")
    publisher = publish(broker.url, memory, username="gw1", password_file=secret)
    await subscriber.until(lambda s: s.on("/status"))
    before = broker.lines
    broker.stop()
    broker.with_user("gw1", "other")
    broker.start()
    load(memory, messages)
    await memory.until(lambda: "refuses user gw1" in publisher.last_error)
    broker.stop()
    broker.lines = before
    broker.start()
    ledger = await complete(subscriber, memory)

    assert figures(ledger, "new") == 3 * ROWS
