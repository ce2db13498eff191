"""Scan: who asks many hosts in a few seconds is told; inventories, the gateway and hosts that always did are not."""

import pytest
from sightings import ATTACKER, HMI, Bench, pair, sweep, talker

from detectors.model import Severity


def arp(source, targets, **told):
    return sweep(source, function="arp", protocol="arp", targets=targets, window_s=10, **told)


def tcp(source, targets, **told):
    return sweep(source, function="tcp", protocol="tcp", targets=targets, window_s=10, **told)


@pytest.mark.parametrize(("asks", "least"), [(arp, 8), (tcp, 15)])
def test_many_targets_in_ten_seconds_are_a_warning(asks, least):
    """From eight hardware addresses, or fifteen connections on; one fewer is nothing."""
    bench = Bench()
    bench.learned(talker(HMI))

    assert bench.sees(asks(ATTACKER, least - 1)) == []
    (found,) = bench.sees(asks(ATTACKER, least))
    assert (found.severity, found.technique, found.subject) == (Severity.WARNING, "T0846", ATTACKER)
    assert f"{ATTACKER} asks {least} addresses" in found.text


def test_scanners_and_the_gateway_itself_may_ask():
    """An inventory in the policy, and our own polling of many devices."""
    bench = Bench(scanners=["10.2.0.1"])
    bench.learned(pair("10.0.0.2", "10.0.0.11", live=True))

    assert bench.sees(tcp("10.2.0.1", 250), arp("10.0.0.2", 60), tcp("10.0.0.2", 60)) == []


def test_a_master_that_always_asked_many_may_ask_twice_as_many():
    """What it asked at most while all was learned is its measure; far more is a scan."""
    bench = Bench()
    bench.learned(arp(HMI, 12), arp(HMI, 20), arp(HMI, 9))

    assert bench.sees(arp(HMI, 40)) == []
    assert [each.severity for each in bench.sees(arp(HMI, 41))] == [Severity.WARNING]


def test_a_known_master_whose_targets_all_answer_is_info():
    """A control centre that comes back opens all its connections at once; a stranger who does so scans."""
    bench = Bench()
    bench.learned(talker(HMI))

    found = bench.sees(tcp(HMI, 30, answered=30), tcp(ATTACKER, 30, answered=30))
    assert [each.severity for each in found] == [Severity.INFO, Severity.WARNING]
