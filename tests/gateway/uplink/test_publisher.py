"""The publisher against a real Mosquitto."""

import asyncio
import json

from gateway.store.record import Gap, GapReason, Record, Row, Stream

PREFIX = "gridsentinel/site/gw"


def seqs(subscriber, part):
    return [message["seq"] for message in subscriber.on(part)]


async def test_everything_stored_arrives_in_order(mosquitto, subscribe, memory, publish, messages):
    """Every stored message reaches a subscriber, in order per stream, and leaves the store."""
    subscriber = subscribe(mosquitto)
    publish(mosquitto.url, memory)
    memory.put(*(make(n) for n in range(100) for make in (messages.summary, messages.change, messages.alarm)))

    await memory.empty()
    await subscriber.until(lambda s: len(s.on("/alarm")) + len(s.on("/change/")) + len(s.on("/telemetry/")) == 300)

    assert list(range(1, 101)) == seqs(subscriber, "/alarm") == seqs(subscriber, "/change/")
    assert list(range(1, 101)) == seqs(subscriber, "/telemetry/")
    assert {f"{PREFIX}/telemetry/feeder0", f"{PREFIX}/telemetry/feeder1"} == {
        message.topic for message in subscriber.messages if "/telemetry/" in message.topic
    }


async def test_alarms_go_before_telemetry_before_backlog(mosquitto, subscribe, memory, publish, messages):
    """On a connection with a backlog: alarms first, live rows next, what was stored before last and marked so."""
    subscriber = subscribe(mosquitto, f"{PREFIX}/#")
    memory.put(*(messages.summary(n) for n in range(20)), *(messages.alarm(n) for n in range(5)))
    store_read = memory.read

    async def read(stream, *, after, upto, limit):
        if stream is Stream.ALARM and after == 0:  # the connection is up: these are live
            memory.put(*(messages.summary(n) for n in range(20, 25)), messages.change(1), messages.alarm(9))
        return await store_read(stream, after=after, upto=upto, limit=limit)

    memory.read = read
    publish(mosquitto.url, memory)
    await memory.empty()
    await subscriber.until(lambda s: len(s.on("/telemetry/")) == 25)
    rows = [message.json for message in subscriber.messages if b'"stream"' in message.payload]

    assert [row["stream"] for row in rows] == ["alarm"] * 6 + ["change"] + ["telemetry"] * 25
    assert [*range(21, 26), *range(1, 21)] == seqs(subscriber, "/telemetry/")
    assert [row["historical"] for row in subscriber.on("/telemetry/")] == [False] * 5 + [True] * 20
    assert [row["historical"] for row in subscriber.on("/alarm")] == [True] * 5 + [False]


async def test_the_backlog_keeps_to_its_rate(mosquitto, subscribe, memory, publish, messages):
    """An old backlog goes at its rate, after a burst of one second, while a live row passes at once."""
    subscriber = subscribe(mosquitto)
    memory.put(*(messages.summary(n) for n in range(40)))
    began = asyncio.get_running_loop().time()
    publish(mosquitto.url, memory, backlog_rate_per_s=20)
    await subscriber.until(lambda s: len(s.on("/telemetry/")) >= 20)
    memory.put(messages.summary(100))
    await subscriber.until(lambda s: 41 in seqs(s, "/telemetry/"))
    before_live = len(subscriber.on("/telemetry/"))
    took_s = asyncio.get_running_loop().time() - began
    await memory.empty()

    assert before_live <= 21 + 20 * took_s
    assert asyncio.get_running_loop().time() - began > 0.9


async def test_birth_and_status_are_retained(mosquitto, subscribe, memory, publish):
    """Who comes later finds the birth and the status; a new status replaces the old at once."""
    publisher = publish(mosquitto.url, memory)
    early = subscribe(mosquitto)
    await early.until(lambda s: s.on("/status"))
    late = subscribe(mosquitto)
    await late.until(lambda s: s.on("/status") and s.on("/birth"))
    publisher.status_now()
    await late.until(lambda s: len(s.on("/status")) == 2)

    assert all(message.retain for message in late.messages[:2])
    assert late.on("/birth") == [{"v": 1, "devices": {}}]
    assert late.on("/status")[0] == {"v": 1, "online": True, "state": "operational"}


async def test_the_status_is_renewed(mosquitto, subscribe, memory, publish):
    """While nothing changes the status is renewed, so that a reader sees that the gateway lives."""
    subscriber = subscribe(mosquitto)
    publish(mosquitto.url, memory, status_every_s=0.1)

    await subscriber.until(lambda s: len(s.on("/status")) >= 4)


async def test_the_will_speaks_for_a_lost_gateway(mosquitto, subscribe, memory, publish):
    """A publisher that is torn away leaves a retained status offline."""
    publisher = publish(mosquitto.url, memory)
    subscriber = subscribe(mosquitto, f"{PREFIX}/status")
    await subscriber.until(lambda s: s.messages)
    publisher.task.cancel()
    await subscriber.until(lambda s: not s.messages[-1].json["online"])

    assert subscriber.messages[-1].json == {"v": 1, "online": False, "reason": "lost"}


async def test_drain_waits_for_what_is_in_flight_and_says_goodbye(mosquitto, subscribe, memory, publish, messages):
    """A drain ends with everything in flight acknowledged, a retained status offline and no last will."""
    subscriber = subscribe(mosquitto)
    publisher = publish(mosquitto.url, memory)
    await subscriber.until(lambda s: s.on("/status"))
    memory.put(*(messages.summary(n) for n in range(50)))
    await subscriber.until(lambda s: s.on("/telemetry/"))
    await publisher.drain(30.0)
    await asyncio.wait_for(publisher.task, 30)
    await subscriber.until(lambda s: not s.on("/status")[-1]["online"])

    assert seqs(subscriber, "/telemetry/") == memory.acknowledged[Stream.TELEMETRY]
    assert memory.acknowledged[Stream.TELEMETRY]
    assert subscriber.on("/status")[-1]["reason"] == "stopped"
    assert not publisher.connected


async def test_a_row_that_cannot_be_read_becomes_a_gap(mosquitto, subscribe, memory, publish, messages):
    """A damaged row does not stop the others: its number is published as a gap, and it leaves the store."""
    subscriber = subscribe(mosquitto)
    memory.put(*(messages.summary(n) for n in range(3)))
    memory.rows[Stream.TELEMETRY][2] = Row(
        2, Record(Stream.TELEMETRY, "feeder1", messages.start_ns, messages.start_ns, b"?")
    )
    publisher = publish(mosquitto.url, memory)
    await memory.empty()
    await subscriber.until(lambda s: len(s.on("/telemetry/")) == 2 and s.on("/gap"))
    gap = subscriber.on("/gap")[0]

    assert seqs(subscriber, "/telemetry/") == [1, 3]
    assert tuple(gap[k] for k in ("stream", "from_seq", "to_seq", "reason", "lost")) == (
        "telemetry",
        2,
        2,
        "corrupt",
        1,
    )
    assert publisher.unreadable == 1
    assert {(hole.from_seq, hole.reason) for hole in memory.ever} == {(2, GapReason.CORRUPT)}


async def test_gaps_of_the_store_are_published(mosquitto, subscribe, memory, publish, messages):
    """What the store had to give up is told to the broker, and let go of with the PUBACK."""
    subscriber = subscribe(mosquitto)
    memory.holes.append(Gap(Stream.TELEMETRY, 3, 9, messages.start_ns, messages.start_ns, GapReason.BUDGET, 7))
    publisher = publish(mosquitto.url, memory)
    await subscriber.until(lambda s: s.on("/gap"))
    publisher.status_now()
    await subscriber.until(lambda s: len(s.on("/status")) == 2)
    await memory.until(lambda: memory.holes == [])

    assert len(subscriber.on("/gap")) == 1
    assert {"from_seq": 3, "to_seq": 9, "reason": "budget", "lost": 7}.items() <= subscriber.on("/gap")[0].items()


async def test_a_gap_over_the_brokers_limit_is_told_without_its_list(
    make_mosquitto, subscribe, memory, publish, messages
):
    """Bounds and count of a hole whose numbers take too long a list: the uplink goes on behind it."""
    broker = make_mosquitto("max_packet_size 4000")
    broker.start()
    subscriber = subscribe(broker)
    lost = tuple((first, first + 1, 1) for first in range(1, 2000, 5))
    memory.holes.append(Gap.of(Stream.TELEMETRY, lost, (1, 2), GapReason.BUDGET))
    memory.put(messages.summary(1))
    publisher = publish(broker.url, memory)
    await memory.empty()
    await subscriber.until(lambda s: s.on("/gap"))
    publisher.status_now()
    await memory.until(lambda: memory.holes == [])

    told = {"from_seq": 1, "to_seq": 1997, "lost": 800}
    assert told.items() <= subscriber.on("/gap")[0].items()
    assert "numbers" not in subscriber.on("/gap")[0]
    assert publisher.connects == 1


async def test_a_message_over_the_brokers_limit_becomes_a_gap(make_mosquitto, subscribe, memory, publish, messages):
    """A row that the broker would never take is a gap, instead of an endless reconnect."""
    broker = make_mosquitto("max_packet_size 20000")
    broker.start()
    subscriber = subscribe(broker)
    memory.put(messages.summary(0, points=1000), messages.summary(1))
    publisher = publish(broker.url, memory)
    await memory.empty()
    await subscriber.until(lambda s: s.on("/gap") and s.on("/telemetry/"))

    assert seqs(subscriber, "/telemetry/") == [2]
    assert subscriber.on("/gap")[0]["reason"] == "size"
    assert (publisher.oversized, publisher.connects) == (1, 1)


async def test_a_birth_over_the_brokers_limit_stops_nothing(make_mosquitto, memory, publish, messages):
    """A birth that the broker would never take is counted and left out; the rows go."""
    broker = make_mosquitto("max_packet_size 2000")
    broker.start()
    memory.put(messages.summary(1))
    publisher = publish(broker.url, memory, birth=lambda: {"devices": "x" * 5000})
    await memory.empty()

    assert (publisher.oversized, publisher.connects) == (1, 1)


async def test_commands_are_answered_once(mosquitto, subscribe, memory, publish):
    """A command acts once and is answered each time; what is no command is answered with its fault."""
    seen = []

    def command(asked):
        seen.append(asked)
        return {"ok": False, "error": "no such alarm"} if asked["alarm"] == "b" else {}

    publish(mosquitto.url, memory, command=command)
    subscriber = subscribe(mosquitto)
    await subscriber.until(lambda s: s.on("/status"))
    ack = json.dumps({"id": "1", "do": "ack", "alarm": "a", "by": "anna"}).encode()
    for body in (ack, ack, b'{"id":"2","do":"unshelve","alarm":"b"}', b"[", b'{"id":"3","do":"open_breaker"}'):
        subscriber.say(f"{PREFIX}/command", body)
    subscriber.say(f"{PREFIX}/command", b'{"id":"4","do":"rebirth"}')
    await subscriber.until(lambda s: len(s.on("/reply")) == 6 and len(s.on("/birth")) == 2)
    replies = [(reply["id"], reply["ok"]) for reply in subscriber.on("/reply")]

    assert replies == [("1", True), ("1", True), ("2", False), (None, False), ("3", False), ("4", True)]
    assert seen == [{"id": "1", "do": "ack", "alarm": "a", "by": "anna"}, {"id": "2", "do": "unshelve", "alarm": "b"}]


async def test_retained_commands_are_ignored(mosquitto, subscribe, memory, publish):
    """A command that was left on the topic does not act again on each connection."""
    subscriber = subscribe(mosquitto)
    subscriber.say(f"{PREFIX}/command", b'{"id":"1","do":"rebirth"}', retain=True)
    await subscriber.until(lambda s: any("/command" in message.topic for message in s.messages))
    publish(mosquitto.url, memory)
    await subscriber.until(lambda s: s.on("/status"))
    subscriber.say(f"{PREFIX}/command", b'{"id":"2","do":"gaps"}')
    await subscriber.until(lambda s: s.on("/reply"))

    assert subscriber.on("/reply") == [{"v": 1, "id": "2", "ok": True, "count": 0, "gaps": []}]
