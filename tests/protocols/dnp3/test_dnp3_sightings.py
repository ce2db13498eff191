"""What an outstation's conversation tells the cyber checks: restarts, unasked reports, its clock, strangers."""

from contextlib import suppress

import pytest
from dnp3.datalink.builder import build_link_status
from hypothesis import given
from hypothesis import strategies as st

from protocols.dnp3.attributes import MOST_CHARACTERS, NAMES, text
from protocols.dnp3.decode import decode
from protocols.dnp3.requests import Request
from protocols.model import EventKind
from simulator.dnp3_outstation import Dialogue

POINTS = {"a": "analog:0", "b": "binary:1"}


@pytest.fixture
def outstation(server):
    return server.outstations[10]


async def test_a_restart_is_an_edge(server, outstation, reader):
    """Of one that was up when it was met first nobody knows when it was; the next one is news."""
    outstation.restarted = True
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    [met] = one.told(EventKind.RESTART)
    assert (met.function, met.facts["edge"]) == ("IIN1.7", False)

    outstation.restart()
    await one.read()
    assert [each.facts["edge"] for each in one.told(EventKind.RESTART)] == [False, True]
    await one.read()
    assert len(one.told(EventKind.RESTART)) == 2


async def test_reports_that_were_switched_off(server, outstation, reader):
    """Unsolicited data after the outstation has agreed to send none; they come, and that is told."""
    outstation.insists = True
    one = reader(server.port, POINTS, unsolicited=False)
    await one.driver.connect()
    await one.read()
    outstation.change("binary", 1, 0)
    await one.until(lambda r: r.told(EventKind.UNSOLICITED))

    assert one.told(EventKind.UNSOLICITED)[0].facts == {"enabled": False}


async def test_reports_that_were_switched_on(server, outstation, reader):
    """Are what was asked for."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    outstation.change("binary", 1, 0)
    await one.until(lambda r: len(r.history("rtu1.b")) == 2)

    assert not one.told(EventKind.UNSOLICITED)


async def test_how_far_its_clock_is_ahead(server, outstation, reader):
    """Told with the newest event of a message, at most once a second, where our own clock is right."""
    one = reader(server.port, POINTS, synchronised=True)
    await one.driver.connect()
    await one.read()
    for ahead_ms in (60_000, 61_000):
        outstation.change("binary", 1, 0, time_ms=outstation.clock_ms() + ahead_ms)
        await one.read("events")
    [told] = one.told(EventKind.CLOCK)

    assert told.facts["offset_s"] == pytest.approx(60, abs=2)
    assert (told.live, told.protocol, told.source) == (True, "dnp3", "127.0.0.1")


async def test_a_clock_that_we_cannot_judge(server, outstation, reader):
    """Nothing is told while our own is not synchronised."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    outstation.change("binary", 1, 0, time_ms=outstation.clock_ms() + 60_000)
    await one.read("events")

    assert not one.told(EventKind.CLOCK)


async def test_a_stranger_on_the_link(server, reader):
    """Frames of a station that nobody asked are counted."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    for _ in range(2):
        one.driver._link._take(build_link_status(1, 77, False))
    await one.read()

    [told] = one.told(EventKind.ORPHAN)
    assert (told.count, told.facts["why"]) == (2, "unit")


ME = {252: "Acme", 250: "RTU 7", 248: "4711", 242: "1.2"}


async def test_who_it_is_is_asked_only_where_that_is_wanted(server, outstation, reader):
    """By default an outstation is asked nothing that it may not know."""
    outstation.attributes |= ME
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()

    assert not one.told(EventKind.IDENTITY)
    assert all(fragment[2:3] != b"\0" for fragment in outstation.received)


async def test_who_it_is(server, outstation, reader):
    """Each part that it has, once a connection, and again after six hours."""
    outstation.attributes |= ME
    one = reader(server.port, POINTS, identify="ask")
    await one.driver.connect()
    await one.read()
    await one.read()
    told = {each.function: each.facts["value"] for each in one.told(EventKind.IDENTITY)}
    assert told == {"vendor": "Acme", "model": "RTU 7", "serial": "4711", "firmware": "1.2"}
    assert len(one.told(EventKind.IDENTITY)) == 4
    assert one.said(EventKind.REFUSED) == []

    outstation.attributes[242] = "6.6"
    one.driver._outstations["rtu1"]._identified_ns -= 6 * 3_600_000_000_000
    await one.read()
    assert [each.facts["value"] for each in one.told(EventKind.IDENTITY)][4:] == ["Acme", "RTU 7", "4711", "6.6"]


async def test_one_that_falls_silent_when_it_is_asked_is_left_in_peace(server, outstation, reader, monkeypatch):
    """After three times; its points are read all the while."""
    monkeypatch.setattr("protocols.dnp3.attributes.REQUESTS", (Request("what it hangs at", 129),))
    taken = Dialogue.take
    monkeypatch.setattr(Dialogue, "take", lambda self, each: None if each[1] == 129 else taken(self, each))
    one = reader(server.port, POINTS, identify="ask")
    for _ in range(5):
        await one.driver.connect()
        with suppress(TimeoutError):
            await one.read(timeout_s=0.2)
    await one.driver.connect()
    await one.read()

    assert one.driver._outstations["rtu1"]._broken_off == 3


@given(st.binary(max_size=80), st.sampled_from([252, 242, 1]))
def test_any_octets_are_an_attribute_or_none(octets, variation):
    """Whatever an outstation says of itself: short, printable texts under names that we know."""
    whole = decode(b"\xc0\x81\0\0\0" + bytes([variation]) + octets).attributes
    for found in (text(variation, octets), text(variation, b"\0\0\1" + octets), whole):
        assert found.keys() <= set(NAMES.values())
        assert all(0 < len(said) <= MOST_CHARACTERS and said.isprintable() for said in found.values())


def test_attributes_one_after_the_other():
    """What is no text is passed over; one that is cut off is not told."""
    one = bytes([0, 252, 0, 0, 0, 1, 4]) + b"Acme"
    number = bytes([0, 242, 0, 0, 0, 2, 1, 7])

    assert decode(b"\xc0\x81\0\0" + number + one + one[:-1]).attributes == {"vendor": "Acme"}
