"""What an outstation's conversation tells the cyber checks: restarts, unasked reports, its clock, strangers."""

import pytest
from dnp3.datalink.builder import build_link_status

from protocols.model import EventKind

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
