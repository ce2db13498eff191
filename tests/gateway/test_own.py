"""The gateway knows its own addresses: those that lead to its devices, and nothing is sent."""

import pytest
from sightings import RELAY1, Bench, pair, query

from gateway.own import own


async def test_the_address_that_leads_to_a_device_is_ours():
    """By its address or its name; a serial line, and what is no host, lead nowhere."""
    found = await own("127.0.0.2", 7)

    assert (found.source, found.target, found.live, found.time_ns) == ("127.0.0.1", "127.0.0.2", True, 7)
    assert (await own("localhost", 7)).source in ("127.0.0.1", "::1")
    assert [await own(host, 7) for host in ("", "no.host.invalid", "10.0.0.300")] == [None] * 3


@pytest.mark.parametrize("known", [True, False])
async def test_what_the_checks_were_told_is_ours_is_not_judged(known):
    """The gateway's first look at a device that was added is no alarm; the same of somebody else is."""
    bench = Bench()
    bench.learned(pair("10.0.0.5", RELAY1))
    if known:
        bench.sees(await own("127.0.0.1", 0))

    bench.sees(pair("127.0.0.1", RELAY1), query("127.0.0.1", RELAY1, protocol="modbus", action="discover"))
    assert (bench.alarms == {}) is known
