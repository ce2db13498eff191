"""OPC UA over a link that breaks: the session is taken up again, and what the server has kept comes once, in order."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from asyncua import ua
from told import PATIENCE_S, drained, events, outlasted, readings
from way import Network

from protocols.driver import LinkLost
from protocols.model import EventKind

NODES = {"left": {"a": "ns=2;s=n1"}, "right": {"b": "ns=2;s=n2"}}
EVERY_S = 0.04
COUNT = 30
MOST = 60
"""Readings: fewer than are counted are taken, and the rest find room afterwards."""


@pytest.fixture
async def way(opcua_peer):
    """Return a way to the server, which can be cut."""
    async with opcua_peer.serve(), Network(opcua_peer.port).open() as way:
        yield way
        for n in (1, 2):
            with suppress(KeyError):
                await opcua_peer.set(f"n{n}", float(n))


@asynccontextmanager
async def counting(peer):
    """Count n1 and n2 from 100 on, EVERY_S apart, while the context lasts; to the end of it."""

    async def count():
        for value in range(100, 100 + COUNT):
            await peer.set("n1", float(value))
            await peer.set("n2", float(value))
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(count())
    try:
        yield task
    finally:
        task.cancel()


async def drain(driver, enough):
    """Drain every device until there is `enough`, connecting anew as the poller does; return all of it."""
    return await outlasted(driver, enough, scans=len(driver._devices))


def arrived(found):
    """Return what was counted at both nodes."""
    return [[value for value, *_ in readings(found, row) if value >= 100] for row in (0, 1)]


def up_to(last):
    return lambda found: all(each and each[-1] >= last for each in arrived(found))


async def lost(driver):
    """Drain until the link is lost, and close as the poller does; return what came before."""
    found = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                for scan in driver.scans[-len(driver._devices) :]:
                    found.extend(await driver.read(scan))
            except LinkLost:
                await driver.close()
                return found
            await asyncio.sleep(0.01)


async def began(driver):
    """Connect, and take the values that the subscriptions begin with."""
    found = list(await driver.connect())
    return found + await drain(driver, lambda found: readings(found, 0) and readings(found, 1))


def service(peer):
    return peer.server.iserver.subscription_service


def of(peer, driver):
    """Return the server's side of the one subscription of a driver."""
    [known] = driver._connection.subscriptions._known
    return service(peer).subscriptions[known]


async def test_a_link_that_is_cut_loses_nothing(way, opcua_peer, opcua_points):
    """Two devices of one session: every change before, during and after the outage arrives once, in its order."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    session = driver._connection.session
    async with counting(opcua_peer):
        found = await drain(driver, up_to(105))
        await way.cut()
        found += await lost(driver)
        await asyncio.sleep(EVERY_S * 10)
        await way.mend()
        found += await drain(driver, up_to(99 + COUNT))
    same = driver._connection.session is session
    await driver.close()

    assert same
    assert arrived(found) == [[float(value) for value in range(100, 100 + COUNT)]] * 2
    assert events(found, EventKind.OVERFLOW) == []


async def test_what_was_on_the_wire_when_it_broke_comes_again(way, opcua_peer, opcua_points):
    """The server had sent it, and kept it because it was never acknowledged."""
    driver = opcua_points(way.place, NODES, keepalive_s=0.5, timeout_s=0.5)
    await began(driver)
    async with counting(opcua_peer):
        found = await drain(driver, up_to(105))
        way.spoil = way.silent
        found += await lost(driver)
        way.spoil = way.honest
        unsent = [len(each._not_acknowledged_results) for each in service(opcua_peer).subscriptions.values()]
        found += await drain(driver, up_to(99 + COUNT))
    await driver.close()

    assert sum(unsent)
    assert arrived(found) == [[float(value) for value in range(100, 100 + COUNT)]] * 2
    assert events(found, EventKind.OVERFLOW) == []


async def test_links_that_break_again_and_again(way, opcua_peer, opcua_points):
    """Each time what was missed comes, and comes once."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    found = []
    async with counting(opcua_peer):
        for upto in (103, 108, 113, 118, 123):
            found += await drain(driver, up_to(upto))
            await way.cut()
            await way.mend()
        found += await drain(driver, up_to(99 + COUNT))
    await driver.close()

    assert arrived(found) == [[float(value) for value in range(100, 100 + COUNT)]] * 2
    assert events(found, EventKind.OVERFLOW) == []


async def test_a_read_that_is_not_answered_breaks_the_link_and_not_the_session(way, opcua_peer, opcua_points):
    """The server may only be frozen: it must not find the end of its session when it wakes."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    session = driver._connection.session
    way.spoil = way.silent
    with pytest.raises(TimeoutError):
        await driver.read(replace(driver.scans[0], timeout_s=0.3))
    await driver.close()
    await opcua_peer.set("n1", 101.0)
    await opcua_peer.set("n2", 102.0)
    way.spoil = way.honest
    found = await drain(driver, up_to(101))
    same = driver._connection.session is session
    await driver.close()

    assert same
    assert events(found, EventKind.OVERFLOW) == []


async def test_taking_up_that_is_broken_off_can_be_tried_again(way, opcua_peer, opcua_points):
    """The poller gives up a connection that takes too long, and keeps nothing from the next."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    session = driver._connection.session
    await way.cut()
    await lost(driver)
    await opcua_peer.set("n1", 101.0)
    await opcua_peer.set("n2", 102.0)
    await way.mend()
    way.spoil = way.silent
    way.asked.clear()
    connecting = asyncio.create_task(driver.connect())
    await way.asked.wait()
    connecting.cancel()
    await asyncio.wait([connecting])
    await driver.close()
    way.spoil = way.honest
    found = await drain(driver, up_to(101))
    same = driver._connection.session is session
    await driver.close()

    assert same
    assert arrived(found) == [[101.0], [102.0]]


async def test_nobody_drains_for_a_while(way, opcua_peer, opcua_points):
    """While there is no room here the server is asked for nothing, and keeps it; that is no silence of the server."""
    driver = opcua_points(way.place, NODES, keepalive_s=0.5, timeout_s=0.5)
    await began(driver)
    driver._inbox._most = MOST
    async with counting(opcua_peer) as task:
        await task
    waiting = driver._inbox._readings
    found = await drain(driver, up_to(99 + COUNT))
    await driver.close()

    assert MOST / 2 < waiting < 2 * COUNT
    assert arrived(found) == [[float(value) for value in range(100, 100 + COUNT)]] * 2
    assert events(found, EventKind.OVERFLOW) == []


async def test_values_are_read_after_what_was_kept(way, opcua_peer, opcua_points):
    """What is read at once after an outage is newer than what the server had kept."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    await way.cut()
    await lost(driver)
    for value in (101.0, 102.0, 103.0):
        await opcua_peer.set("n1", value)
    await way.mend()
    await driver.connect()
    found = await driver.read(driver.scans[0])
    await driver.close()

    assert [value for value, *_ in readings(found)] == [101.0, 102.0, 103.0, 103.0]


async def test_a_notification_that_is_missing_is_asked_for_again(way, opcua_peer, opcua):
    """In the running conversation: what came after it waits, and all is in its order."""
    driver = opcua(way.place, {"a": "ns=2;s=n1"})
    await driver.connect()
    await drained(driver, readings)
    theirs = of(opcua_peer, driver)
    await opcua_peer.set("n1", 101.0)
    theirs._pop_publish_result()  # sent, and never seen
    await opcua_peer.set("n1", 102.0)
    found = await drained(driver, lambda found: len(readings(found)) >= 2)
    await driver.close()

    assert [value for value, *_ in readings(found)] == [101.0, 102.0]
    assert events(found, EventKind.OVERFLOW) == []


async def test_only_what_was_handed_on_is_acknowledged(way, opcua_peer, opcua):
    """The server keeps what nobody has taken yet, and forgets what was."""
    driver = opcua(way.place, {"a": "ns=2;s=n1", "b": "ns=2;s=n2"})
    await driver.connect()
    theirs = of(opcua_peer, driver)
    ours = driver._connection.subscriptions
    async with asyncio.timeout(PATIENCE_S):
        for value in (101.0, 102.0, 103.0):
            await opcua_peer.set("n1", value)
            [known] = ours._known.values()
            following = known.order.following
            while known.order.following == following:  # noqa: ASYNC110  nobody drains
                await asyncio.sleep(0.01)
        kept = sorted(theirs._not_acknowledged_results)
        for value in range(200, 300):
            await drained(driver, lambda _: True)
            await driver.read(driver.scans[-1])
            await opcua_peer.set("n2", float(value))
            if kept[-1] not in theirs._not_acknowledged_results:
                break
            await asyncio.sleep(0.05)
    await driver.close()

    assert kept == list(range(1, kept[-1] + 1))
    assert len(kept) >= 3
    assert not set(kept) & set(theirs._not_acknowledged_results)


async def test_a_session_that_the_server_has_forgotten(way, opcua_peer, opcua_points):
    """A new one, with all values anew; that changes may be lost is told for each device."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    await way.cut()
    await lost(driver)
    await opcua_peer.forget()
    await opcua_peer.set("n1", 101.0)
    await opcua_peer.set("n2", 102.0)
    await way.mend()
    found = await drain(driver, up_to(101))
    await driver.close()

    told = (
        "the session cannot be taken up again: the server refuses to activate session: BadSessionIdInvalid: "
        "changes may be lost, all values are read"
    )
    assert events(found, EventKind.OVERFLOW) == [told] * 2
    assert arrived(found) == [[101.0], [102.0]]


async def test_a_subscription_that_the_server_has_forgotten(way, opcua_peer, opcua_points):
    """Its session is worth nothing: given up, and that changes may be lost is told."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    await way.cut()
    await lost(driver)
    await service(opcua_peer).delete_subscriptions(list(service(opcua_peer).subscriptions))
    await opcua_peer.set("n1", 101.0)
    await opcua_peer.set("n2", 102.0)
    await way.mend()
    found = await drain(driver, up_to(101))
    await driver.close()

    assert set(events(found, EventKind.OVERFLOW)) == {
        "the session is given up: changes may be lost, all values are read"
    }
    assert arrived(found) == [[101.0], [102.0]]


@pytest.mark.parametrize("forgets", [True, False])
async def test_a_server_that_was_started_anew_knows_no_session_of_before(way, opcua_peer, opcua, forgets):
    """Even where somebody's session has the same number: a new session, and both are told."""
    driver = opcua(way.place, {"a": "ns=2;s=n1"})
    await driver.connect()
    await drained(driver, readings)
    await way.cut()
    await lost(driver)
    if forgets:
        await opcua_peer.forget()
    await opcua_peer.server.get_node(ua.NodeId(2257)).write_value(datetime.now(UTC))
    await way.mend()
    found = list(await driver.connect())
    found += await drained(driver, readings)
    await driver.close()

    assert events(found, EventKind.RESTART) == ["the server was started anew"]
    assert "changes may be lost, all values are read" in events(found, EventKind.OVERFLOW)[0]
    assert readings(found)[0][0] == 1.0


async def test_a_stop_closes_the_session_that_was_taken_up(way, opcua_peer, opcua_points):
    """Nothing is left in the server."""
    driver = opcua_points(way.place, NODES)
    await began(driver)
    await way.cut()
    await lost(driver)
    await way.mend()
    await drain(driver, lambda _: driver._connection is not None)
    known = len(service(opcua_peer).subscriptions)
    await driver.close()

    assert (known, len(service(opcua_peer).subscriptions)) == (2, 0)


async def test_a_server_that_keeps_less_than_asked_says_so(way, opcua_peer, opcua):
    """With who it is: an operator sees how long an outage may last."""
    before, opcua_peer.server.iserver.max_session_timeout_ms = opcua_peer.server.iserver.max_session_timeout_ms, 30_000
    try:
        driver = opcua(way.place, {"a": "ns=2;s=n1"})
        found = await driver.connect()
        await driver.close()
    finally:
        opcua_peer.server.iserver.max_session_timeout_ms = before

    [said] = events(found, EventKind.IDENTITY)
    assert "; while the link is broken it keeps the session 30 s, subscriptions 120 s and 1000 samples" in said
    assert "120 s and 1000 samples were asked" in said
