"""Who may set the clock of an outstation: only a gateway whose own clock is right, and only where it was told to."""

import pytest

from protocols.model import EventKind

POINTS = {"a": "analog:0"}


@pytest.fixture
def outstation(server):
    """An outstation that asks for the time."""
    [one] = server.outstations.values()
    one.need_time = True
    return one


@pytest.mark.parametrize("word", ["lan", "nonlan"])
async def test_a_clock_that_is_not_synchronised_is_handed_to_nobody(server, outstation, reader, word):
    """The outstation asks (IIN 1.4) and gets nothing, and it is said why; once our clock is right, it gets the time."""
    one = reader(server.port, POINTS, synchronised=False, time_sync=word)
    await one.driver.connect()
    await one.read()
    await one.read("events")

    assert outstation.set_to_ms is None
    assert any("not synchronised" in text for text in one.said(EventKind.CLOCK))

    one.synchronised = True
    await one.read("events")

    assert abs(outstation.set_to_ms - outstation.clock_ms()) < 5_000


async def test_nobody_is_given_the_time_unless_the_configuration_says_so(server, outstation, reader):
    """`time_sync: none` is the default, however right our clock is."""
    one = reader(server.port, POINTS, synchronised=True)
    await one.driver.connect()
    await one.read()

    assert outstation.set_to_ms is None
    assert outstation.need_time
