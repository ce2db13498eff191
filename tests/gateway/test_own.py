"""The gateway knows its own addresses: those that lead to its devices, each once, and nothing is sent."""

import pytest
from sightings import RELAY1, Bench, pair, query

from gateway.own import own


def test_the_address_that_leads_to_a_device_is_ours():
    """Names, serial lines and what is no address are left out; many devices behind one address say it once."""
    said = list(own(["127.0.0.1", "127.0.0.2", "relay1", "", "10.0.0.300"], 7))

    assert [(each.source, each.live, each.time_ns) for each in said] == [("127.0.0.1", True, 7)]


@pytest.mark.parametrize("known", [True, False])
def test_what_the_checks_were_told_is_ours_is_not_judged(known):
    """The gateway's first look at a device that was added is no alarm; the same of somebody else is."""
    bench = Bench()
    bench.learned(pair("10.0.0.5", RELAY1))
    if known:
        bench.sees(*own(["127.0.0.1"], 0))

    bench.sees(pair("127.0.0.1", RELAY1), query("127.0.0.1", RELAY1, protocol="modbus", action="discover"))
    assert (bench.alarms == {}) is known
