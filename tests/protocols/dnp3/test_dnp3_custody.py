"""Events between an outstation's buffer and our disk: there at the one or on the other, whatever comes between."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from protocols.dnp3 import custody
from protocols.model import EventKind, Receipt

POINTS = {"a": "analog:5", "b": "binary:1"}
T0 = 1_700_000_000_000
READ, CONFIRM = 1, 0


@pytest.fixture
def outstation(server):
    return server.outstations[10]


def burst(outstation, count, begin=T0):
    for at in range(count):
        outstation.change("binary", 1, at % 2, time_ms=begin + at)


def asked(outstation, function):
    return sum(fragment[1] == function for fragment in outstation.received)


def times(one):
    return [at for _, _, at in one.history("rtu1.b") if at]


async def a_while(one, seconds=0.1):
    """Read as the poller does, for a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await one.read("drain")
                await one.read("events")
                await asyncio.sleep(0.005)


async def started(reader, server, **keys):
    one = reader(server.port, POINTS, **keys)
    await one.driver.connect()
    await one.read()
    await one.until(lambda _: one.batches)
    one.batches.clear()
    server.outstations[10].received.clear()
    return one


async def test_each_fragment_waits_for_the_disk(server, outstation, reader):
    """An answer of many fragments goes on, one by one, as they come to the disk; nothing is asked meanwhile."""
    outstation.most_octets = 100
    one = await started(reader, server, unsolicited=False)
    burst(outstation, 30)
    one.stores = False
    await one.read("events")
    fragments = 0
    while outstation.events:
        before = len(outstation.events)
        assert len(one.receipts) == 1
        await a_while(one, 0.03)
        assert (len(outstation.events), asked(outstation, READ)) == (before, 1)
        fragments += 1
        one.settle()
        await one.until(lambda _, before=before: len(outstation.events) < before)

    assert (fragments, times(one)) == (4, list(range(T0, T0 + 30)))


async def test_a_receipt_stands_behind_its_events(server, outstation, reader):
    """What is handed on ends with the receipt, and says whether more waits for it."""
    outstation.most_octets = 100
    one = await started(reader, server, unsolicited=False)
    burst(outstation, 12)
    one.stores = False
    first = await one.driver.read(one.scans["rtu1"]["events"])
    first[-1].settle(True)
    second = await one.driver.read(one.scans["rtu1"]["drain"])

    assert [isinstance(each, Receipt) for each in first] == [False] * (len(first) - 1) + [True]
    assert (first[-1].urgent, second[-1].urgent) == (True, False)


async def test_an_integrity_poll_goes_on_where_it_stopped(server, outstation, reader):
    """The events of its answer first, each fragment in its turn, then the state of all points, once."""
    outstation.most_octets = 100
    burst(outstation, 30)
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    assert not one.history("rtu1.a")
    await one.until(lambda r: r.history("rtu1.a"))

    assert times(one) == list(range(T0, T0 + 30))
    assert len(one.batches[-1]) == 2
    assert [fragment[1] for fragment in outstation.received if fragment[1] != CONFIRM][:2] == [21, READ]


async def test_a_slow_answer_is_waited_for_as_long_as_where_it_began(server, outstation, reader):
    """Its next fragment may take what the poll may, though a drain, which is impatient, goes on with it."""
    outstation.most_octets = 100
    one = await started(reader, server, unsolicited=False)
    burst(outstation, 12)
    await one.read("events")
    server.conduct.delay_s = 0.1
    seen = await one.driver.read(replace(one.scans["rtu1"]["drain"], timeout_s=0.01))

    assert len(seen) == 4


async def test_nothing_is_asked_while_the_disk_refuses(server, outstation, reader, monkeypatch):
    """Not confirmed, not asked again, kept by the outstation, taken once, and said after a while; then all arrives."""
    monkeypatch.setattr(custody, "STORED_WITHIN_S", 0.05)
    monkeypatch.setattr("simulator.dnp3_server.CONFIRM_S", 0.05)
    one = await started(reader, server)
    one.stores = False
    burst(outstation, 3)
    await one.until(lambda r: r.receipts)
    burst(outstation, 3, T0 + 100)
    outstation.received.clear()
    await a_while(one, 0.3)
    await one.until(lambda r: r.said(EventKind.OVERFLOW))
    assert (len(outstation.events), list(outstation.received), times(one)) == (6, [], [T0, T0 + 1, T0 + 2])
    [said] = one.said(EventKind.OVERFLOW)
    assert said == "its events are not on disk after 0.05 s; not confirmed, so it keeps them"
    one.stores = True
    one.settle()
    await one.until(lambda _: not outstation.events)
    await one.read("drain")

    assert times(one) == [T0, T0 + 1, T0 + 2, T0 + 100, T0 + 101, T0 + 102]
    assert one.said(EventKind.OVERFLOW)[-1] == "its events are on disk again"


@pytest.mark.parametrize("unsolicited", [True, False])
async def test_what_fell_out_of_ram_comes_again(server, outstation, reader, monkeypatch, unsolicited):
    """It is not confirmed, and the outstation is asked again or tells it again."""
    monkeypatch.setattr("simulator.dnp3_server.CONFIRM_S", 0.05)
    one = await started(reader, server, unsolicited=unsolicited)
    one.stores = False
    burst(outstation, 3)
    await one.until(lambda r: r.receipts, "drain" if unsolicited else "events")
    one.settle(kept=False)
    assert len(outstation.events) == 3
    one.stores = True
    await one.until(lambda _: not outstation.events, "drain" if unsolicited else "events")

    assert times(one) == [T0, T0 + 1, T0 + 2] * 2


@pytest.mark.parametrize("unsolicited", [True, False])
async def test_a_link_that_is_lost_on_the_way(server, outstation, reader, unsolicited):
    """Nothing is asked over the new link before the disk has what came over the old one; then all is confirmed."""
    one = await started(reader, server, unsolicited=unsolicited)
    one.stores = False
    burst(outstation, 3)
    await one.until(lambda r: r.receipts, "drain" if unsolicited else "events")
    await one.driver.connect()
    outstation.received.clear()
    await a_while(one, 0.05)
    assert (len(outstation.events), list(outstation.received)) == (3, [])
    one.stores = True
    one.settle()
    await one.until(lambda _: not outstation.events)

    assert sorted(set(times(one))) == [T0, T0 + 1, T0 + 2]


async def test_our_confirm_came_too_late(server, outstation, reader, monkeypatch):
    """The outstation gave up and tells the same events again: confirmed at once, as they are on disk; told once."""
    monkeypatch.setattr("simulator.dnp3_server.CONFIRM_S", 0.02)
    one = await started(reader, server, unsolicited=False, timeout_s=0.1)
    one.stores = False
    burst(outstation, 3)
    await one.read("events")
    await asyncio.sleep(0.1)
    one.settle()
    await one.read("drain")
    assert len(outstation.events) == 3
    await one.read("events")

    assert not one.receipts
    await one.until(lambda _: not outstation.events)
    assert times(one) == [T0, T0 + 1, T0 + 2]


async def test_events_that_cross_a_request(server, outstation, reader):
    """An outstation holds its answer back until its unsolicited response is confirmed: that comes first."""
    one = await started(reader, server)
    one.stores = False
    dialogue = next(iter(server.masters))._ends[10].dialogue
    burst(outstation, 3)
    dialogue.tell()
    await one.read("integrity")
    assert (times(one), len(one.history("rtu1.a"))) == ([T0, T0 + 1, T0 + 2], 0)
    one.stores = True
    one.settle()
    await one.until(lambda r: r.history("rtu1.a"))

    assert asked(outstation, READ) == 1
    assert not outstation.events


async def test_a_response_without_events_is_confirmed_at_once(server, outstation, reader):
    """As an outstation begins with after a restart."""
    one = await started(reader, server)
    one.stores = False
    next(iter(server.masters))._ends[10].dialogue.tell(null=True)
    await one.until(lambda _: asked(outstation, CONFIRM))

    assert not one.receipts


async def test_another_response_takes_the_place_of_one_on_its_way(server, outstation, reader):
    """Its number may be the same, so the first one's confirm would delete events that nobody has."""
    one = await started(reader, server)
    one.stores = False
    end = next(iter(server.masters))._ends[10]
    burst(outstation, 1)
    await one.until(lambda r: r.receipts)
    burst(outstation, 1, T0 + 50)
    end.dialogue.unconfirmed = None  # as an outstation does that builds each repetition anew
    end.dialogue.tell()
    await a_while(one, 0.05)
    one.settle()
    await a_while(one, 0.05)
    assert len(outstation.events) == 2
    one.stores = True
    end.dialogue.tell_again()
    await one.until(lambda _: not outstation.events)

    assert sorted(set(times(one))) == [T0, T0 + 50]
