"""Stack change: two systems behind one pair of addresses are told; exchanged hardware and a learned NAT are not."""

from sightings import Bench

from detectors.model import Severity
from protocols.model import EventKind
from protocols.sighting import Sighting

RTU, MAC, MASTER = "10.0.0.9", "02:00:00:00:00:09", "10.0.0.5"


def begins(hops, *, ip=RTU, mac=MAC):
    facts = {"what": "hops", "value": str(hops), "mac": mac}
    ends = {"source": ip, "target": MASTER, "port": 20_000}
    return Sighting("tap1", EventKind.IDENTITY, "", 0, protocol="ip", function="hops", facts=facts, **ends)


def test_another_system_with_the_addresses_of_a_host_is_a_warning():
    """The host itself was learned; who stands in for it is told, and told again after the alarm was over."""
    bench = Bench()
    bench.learned(begins(128))
    bench.sees(begins(128))
    assert not bench.warnings

    bench.sees(begins(64))
    assert bench.warnings == [f"tap1/{RTU}-{MASTER}/stack_change"]
    bench.wait(400)
    assert not bench.warnings
    bench.sees(begins(64))
    assert bench.warnings == [f"tap1/{RTU}-{MASTER}/stack_change"]


def test_a_host_that_was_added_later_is_taken_as_it_is():
    """Its first number is normal, another is not."""
    bench = Bench()
    bench.learned(begins(128))
    bench.sees(begins(64, ip="10.0.0.77"))
    assert not bench.warnings

    bench.sees(begins(255, ip="10.0.0.77"))
    assert len(bench.warnings) == 1


def test_other_hardware_at_an_address_begins_anew():
    """A relay that was exchanged: its hardware address is told by others."""
    bench = Bench()
    bench.learned(begins(128))
    bench.sees(begins(64, mac="02:00:00:00:00:10"))

    assert not bench.warnings


def test_several_systems_behind_one_address_are_learned():
    """A NAT: each is info while all is learned, and nothing afterwards."""
    bench = Bench()
    bench.learned(begins(128), begins(64), begins(128))
    assert {each.severity for each in bench.said if each.kind == "stack_change"} == {Severity.INFO}

    bench.wait(400)
    bench.sees(begins(64), begins(128))
    assert bench.alarms == {}


def test_hosts_that_stand_in_for_one_another_by_design_are_not_told():
    """By a hardware address of VRRP, or as the policy lists them."""
    bench = Bench(virtual=(RTU,))
    virtual = "00:00:5e:00:01:07"
    bench.learned(begins(128), begins(128, ip="10.0.0.1", mac=virtual))
    bench.sees(begins(64), begins(64, ip="10.0.0.1", mac=virtual))

    assert not bench.warnings


def test_in_a_maintenance_window_it_is_info():
    """A system is installed anew then."""
    bench = Bench(maintenance=(("2000-01-01", "2100-01-01"),))
    bench.learned(begins(128))
    bench.sees(begins(64))

    assert [each.severity for each in bench.alarms.values()] == [Severity.INFO]
