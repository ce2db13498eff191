"""The OPC UA driver against a real server (asyncua): what it says, what it refuses, and what outlives a restart."""

import asyncio
import re
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from asyncua import ua
from told import drained, events, readings
from waiting import waited_s

from protocols.driver import LinkLost
from protocols.model import Batch, EventKind, Quality
from protocols.sighting import Sighting

INSTANT = datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)
INSTANT_NS = 1_795_168_800_123_456_000
PATIENCE_S = 60.0


@pytest.fixture
async def server(opcua_peer):
    async with opcua_peer.serve():
        yield opcua_peer
        with suppress(KeyError):
            for n in range(20):
                await opcua_peer.set(f"n{n}", float(n))


async def connected(driver):
    """Connect, take the values that every subscription begins with, and return the events."""
    events = list(await driver.connect())
    rows = {row for scan in driver.scans for row in scan.rows.tolist()}
    async with asyncio.timeout(PATIENCE_S):
        while rows:
            for seen in await driver.read(driver.scans[-1]):
                if isinstance(seen, Batch):
                    rows -= set(seen.rows.tolist())
                else:
                    events.append(seen)
            rows -= set(driver._notes.refused)
            await asyncio.sleep(0.01)
    return events


async def until(true):
    """Wait until the other side has come so far."""
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110  it has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_change_arrives_with_its_own_time(server, opcua):
    """Scaled, and with the source's time as it gave it."""
    driver = opcua(server.port, {"a": {"address": "ns=2;s=n1", "scale": 2, "offset": 1}})
    await connected(driver)
    await server.set("n1", 20.5, source=INSTANT)
    found = await drained(driver, readings)
    await driver.close()

    assert readings(found) == [(42.0, 0, INSTANT_NS)]


async def test_numbers_without_end_are_scaled_without_a_word(server, opcua):
    """Infinity is what comes, and what leaves 64 bits becomes it; nothing is said of it in our log."""
    driver = opcua(server.port, {"a": {"address": "ns=2;s=n1", "scale": -2.0}})
    await connected(driver)
    for value in (float("inf"), 1e308):
        await server.set("n1", value)
    found = await drained(driver, lambda found: len(readings(found)) >= 2)
    *_, batch = await driver.read(driver.scans[0])
    await server.set("n1", 1.0)
    await driver.close()

    assert [value for value, *_ in readings(found)] == [-float("inf")] * 2
    assert batch.values.tolist() == [-float("inf")]


async def test_a_value_without_source_time_has_none(server, opcua):
    """The time at which the server looked is not the time of the value."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"})
    await connected(driver)
    await server.set("n1", 20.5)
    found = await drained(driver, readings)
    await driver.close()

    assert readings(found) == [(20.5, 0, 0)]


async def test_samples_between_two_publishes_are_all_there(server, opcua):
    """In their order, as several batches of ascending rows."""
    driver = opcua(server.port, {"a": "ns=2;s=n1", "b": "ns=2;s=n2"}, publishing_ms=200)
    await connected(driver)
    for value in range(100, 108):
        await server.set("n1", float(value))
    await server.set("n2", 7.5)
    found = await drained(driver, lambda found: len(readings(found)) >= 8)
    await driver.close()

    assert [value for value, *_ in readings(found)] == [float(value) for value in range(100, 108)]
    assert readings(found, 1) == [(7.5, 0, 0)]
    assert [batch.rows.tolist() for batch in found] == [[0, 1], *[[0]] * 7]


async def test_the_dead_band_works_in_the_server(server, opcua):
    """In the point's unit, whatever its scale; what moves by less is not sent."""
    driver = opcua(server.port, {"a": {"address": "ns=2;s=n1", "deadband": 1.0, "scale": 0.1}, "b": "ns=2;s=n2"})
    await connected(driver)
    await server.set("n1", 10.0)
    await server.set("n1", 15.0)
    await server.set("n1", 30.0)
    await server.set("n2", 3.0)
    found = await drained(driver, lambda found: readings(found, 1))
    await driver.close()

    assert [round(value, 6) for value, *_ in readings(found)] == [3.0]


async def test_a_dead_band_that_the_server_cannot_have_is_left_out(server, opcua):
    """A node that is no number for it is watched all the same."""
    driver = opcua(server.port, {"a": {"address": "ns=2;s=on", "deadband": 0.5}})
    refused = events(await connected(driver), EventKind.REFUSED)
    await server.set("on", value=False)
    found = await drained(driver, readings)
    await server.set("on", value=True)
    await driver.close()

    assert refused == []
    assert readings(found) == [(0.0, 0, 0)]


async def test_a_status_is_quality(server, opcua):
    """And a value under a bad one is none."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"})
    await connected(driver)
    await server.set("n1", 5.0, status=0x40930000)
    await server.set("n1", 6.0, status=0x808C0000)
    found = await drained(driver, lambda found: len(readings(found)) == 2)
    await driver.close()

    assert [quality for _, quality, _ in readings(found)] == [
        Quality.QUESTIONABLE | Quality.INACCURATE,
        Quality.INVALID | Quality.FAILURE,
    ]


async def test_bad_nodes_are_named_and_stop_nobody(server, opcua):
    """An unknown node, an unknown namespace, a text: each refused by name, the good one beside them read."""
    points = {"a": "ns=2;s=n1", "b": "ns=2;s=gone", "c": "nsu=urn:other;s=n1", "d": "ns=2;s=text", "e": "i=85"}
    driver = opcua(server.port, points)
    found = await connected(driver)
    found += (seen := await driver.read(driver.scans[0]))
    *_, batch = [each for each in seen if isinstance(each, Batch)]
    await driver.close()

    bad = Quality.INVALID | Quality.BAD_REFERENCE
    assert batch.quality.tolist() == [0, bad, bad, bad, bad]
    assert batch.values[0] == 1.0
    assert sorted(set(events(found, EventKind.REFUSED))) == [
        "i=85 (point e): BadAttributeIdInvalid",
        "ns=2;s=gone (point b): BadNodeIdUnknown",
        "ns=2;s=text (point d): a String, where a number is needed",
        "nsu=urn:other;s=n1 (point c): the server has no namespace urn:other",
    ]


async def test_a_node_that_comes_later_is_watched(server, opcua):
    """Found by the next read of everything: accepted, and its changes are told from then on."""
    driver = opcua(server.port, {"a": "ns=2;s=n1", "b": "ns=2;s=late"})
    await connected(driver)
    await server.server.nodes.objects.add_variable(ua.NodeId("late", 2), "late", 1.0)
    found = await driver.read(driver.scans[0])
    await server.set("late", 2.0)
    found += await drained(driver, lambda found: (2.0, 0, 0) in readings(found, 1))
    await driver.close()

    assert events(found, EventKind.ACCEPTED) == ["ns=2;s=late (point b): answers again"]


async def test_namespaces_are_resolved_anew_at_each_connect(server, opcua):
    """A server that numbers its namespaces otherwise after a restart: `nsu=` still means the same node."""
    array = server.server.get_node(ua.NodeId(2255))
    driver = opcua(server.port, {"a": "nsu=urn:test;s=n1"})
    await connected(driver)
    namespaces = await array.read_value()
    try:
        await array.write_value([*namespaces[:2], "urn:new", "urn:test"])
        await server.server.nodes.objects.add_variable(ua.NodeId("n1", 3), "moved", 77.0)
        await connected(driver)
        *_, batch = await driver.read(driver.scans[0])
    finally:
        await array.write_value(namespaces)
        await driver.close()

    assert batch.values.tolist() == [77.0]


async def test_the_server_says_who_it_is_and_that_it_was_started_anew(opcua_peer, opcua):
    """Identity at each connect, a restart when its start time has changed."""
    async with opcua_peer.serve() as port:
        driver = opcua(port, {"a": "ns=2;s=n1"})
        first = await driver.connect()
        await driver.close()
        again = await driver.connect()
    with pytest.raises(LinkLost):
        await drained(driver, lambda _: False)
    async with opcua_peer.serve(port):
        after = await driver.connect()
        *_, batch = await driver.read(driver.scans[0])
        await driver.close()

    assert "FreeOpcUa" in events(first, EventKind.IDENTITY)[0]
    assert events(again, EventKind.RESTART) == []
    assert events(after, EventKind.RESTART) == ["the server was started anew"]
    assert batch.values.tolist() == [1.0]


async def test_a_clock_that_is_off_is_said_once(server, opcua):
    """With how much, and again when it is right."""
    off_ns = [120_000_000_000]
    driver = opcua(server.port, {"a": "ns=2;s=n1"}, clock=lambda: time.time_ns() + off_ns[0])
    first, second = [events(await driver.connect(), EventKind.CLOCK) for _ in range(2)]
    off_ns[0] = 0
    third, tries = [], 0
    while not third and (tries := tries + 1) < 100:  # asyncua renews its clock once a second
        third = events(await driver.connect(), EventKind.CLOCK)
    await driver.close()

    assert re.fullmatch(r"the server's clock is -12\d\.\d s off ours", *first)
    assert (second, third) == ([], ["the server's clock is right"])


async def test_a_full_queue_in_the_server_is_an_event(server, opcua):
    """More samples between two publishes than it keeps: the newest are there, and the loss is told."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"}, publishing_ms=100, sampling_ms=100, outage_s=1)
    await connected(driver)
    for value in range(100):
        await server.set("n1", 1000.0 + value)
    found = await drained(driver, lambda found: any(value == 1099.0 for value, *_ in readings(found)))
    await driver.close()

    assert len(readings(found)) == 10
    if told := events(found, EventKind.OVERFLOW):  # asyncua 2.1.0 sets no overflow bit
        assert "n1 (point a): values lost in the server" in told[0]


async def test_a_missing_notification_is_told_and_everything_is_read(server, opcua):
    """A number that was left out, and that the server cannot send again: the values are whole again at once."""
    driver = opcua(server.port, {"a": "ns=2;s=n1", "b": "ns=2;s=n2"})
    await connected(driver)
    [subscription] = driver._connection.subscriptions._known.values()
    subscription.order.following -= 1
    server.server.iserver.subscription_service.subscriptions[subscription.made.id]._not_acknowledged_results.clear()
    await server.set("n1", 50.0)
    found = await drained(driver, lambda found: events(found, EventKind.OVERFLOW) and len(readings(found, 1)) == 1)
    await driver.close()

    assert "was expected" in events(found, EventKind.OVERFLOW)[0]
    assert readings(found, 1)[0][0] == 2.0


async def test_a_server_that_falls_silent_is_lost(server, opcua):
    """Its socket stays open, its keep-alives stop: lost after the keep-alive and the time-out, not before."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"}, keepalive_s=0.5, timeout_s=0.5)
    await connected(driver)
    [client] = server.server.bserver.clients
    client.transport.pause_reading()
    began = time.monotonic() - waited_s()
    with pytest.raises(LinkLost, match="no keep-alive"):
        await drained(driver, lambda _: False)
    took = time.monotonic() - waited_s() - began
    await driver.close()

    assert 0.5 < took < 4.0  # it answers the requests it holds first


async def test_a_quiet_server_is_not_lost(server, opcua):
    """Where nothing changes its keep-alives are enough."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"}, keepalive_s=0.5, timeout_s=1)
    await connected(driver)
    loop = asyncio.get_running_loop()
    until, found = loop.time() + 2, []
    while loop.time() < until:
        found.extend(await driver.read(driver.scans[-1]))
        await asyncio.sleep(0.02)
    await driver.close()

    assert found == []


async def test_a_slow_answer_is_a_time_out_and_its_late_arrival_is_dropped(server, opcua):
    """The conversation goes on, and no answer is taken for another."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"}, timeout_s=5)
    await connected(driver)
    scan = driver.scans[0]
    slow = type(scan)(scan.key, scan.device, scan.every_s, scan.rows, timeout_s=0.05)
    [client] = server.server.bserver.clients
    client.transport.pause_reading()
    with pytest.raises(TimeoutError):
        await driver.read(slow)
    client.transport.resume_reading()
    *_, batch = await driver.read(scan)
    late = driver._connection.session.channel.late
    await driver.close()

    assert (batch.values.tolist(), late) == ([1.0], 1)


async def test_what_came_before_the_end_is_handed_on(opcua_peer, opcua):
    """The server dies with changes under way: they are delivered, then the link is lost."""
    async with opcua_peer.serve() as port:
        driver = opcua(port, {"a": "ns=2;s=n1"})
        await connected(driver)
        await opcua_peer.set("n1", 66.0)
        await until(lambda: driver._inbox._waiting)
        for client in list(opcua_peer.server.bserver.clients):
            client.transport.abort()
        await until(lambda: driver._connection.session.channel.lost)
        found = await driver.read(driver.scans[-1])
        with pytest.raises(LinkLost):
            await driver.read(driver.scans[-1])
        await driver.close()
        await opcua_peer.set("n1", 1.0)

    assert readings(found) == [(66.0, 0, 0)]


async def test_devices_of_one_server_share_a_session(server, opcua, opcua_points):
    """One session, a subscription each, and each point from its own device."""
    driver = opcua_points(server.port, {"left": {"a": "ns=2;s=n1"}, "right": {"b": "ns=2;s=n2"}})
    await driver.connect()
    found = [*await driver.read(driver.scans[0]), *await driver.read(driver.scans[1])]
    sessions = len(server.server.bserver.clients)
    await server.set("n2", 22.0)
    found += await drained(driver, lambda found: (22.0, 0, 0) in readings(found, 1))
    await driver.close()

    assert sessions == 1
    assert readings(found)[0][0] == 1.0
    assert [scan.device for scan in driver.scans] == ["left", "right", "left", "right"]


async def test_closing_leaves_nothing_in_the_server(server, opcua):
    """Session and subscription are gone at once, not when they time out."""
    driver = opcua(server.port, {"a": "ns=2;s=n1"})
    await connected(driver)
    service = server.server.iserver.subscription_service
    [subscription] = driver._connection.subscriptions._known
    known = subscription in service.subscriptions
    await driver.close()
    await until(lambda: subscription not in service.subscriptions and not server.server.bserver.clients)

    assert known


async def test_what_the_cyber_checks_are_told(opcua_peer, opcua):
    """Each part of the build information, and how safe the session is: policy, mode, user, certificate, offers."""
    async with opcua_peer.serve() as port:
        driver = opcua(port, {"a": "ns=2;s=n1"})
        found = [each for each in await driver.connect() if isinstance(each, Sighting)]
        await driver.close()

    told = {kind: {each.function: each.facts["value"] for each in found if each.kind is kind} for kind in EventKind}
    assert told[EventKind.IDENTITY]["manufacturer"] == "FreeOpcUa"
    safe = told[EventKind.SECURITY]
    assert (safe["policy"], safe["mode"], safe["user"], safe["certificate"]) == ("None", "1", "anonymous", "none")
    assert "None/1" in safe["offered"]
