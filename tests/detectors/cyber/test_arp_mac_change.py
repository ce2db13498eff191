"""ARP: an IP address that moves is told after two frames; what moves by design is not; in the middle is critical."""

import pytest
from sightings import HMI, RELAY1, RELAY2, Bench, binding, pair

from detectors.model import Severity

OURS, THEIRS, OTHER = "00:50:c2:00:00:11", "00:0c:29:aa:bb:cc", "00:50:c2:00:00:12"


@pytest.fixture
def bench():
    found = Bench(virtual=["10.0.0.40", "02:99:*"])
    found.learned(pair(HMI, RELAY1), binding(RELAY1, OURS, ""), binding(RELAY2, OTHER, ""))
    return found


def test_two_frames_within_five_seconds_are_a_warning(bench):
    """Where it is, where it was, and which device it concerns."""
    assert bench.sees(binding(RELAY1, THEIRS, OURS)) == []
    bench.wait(2)

    (found,) = bench.sees(binding(RELAY1, THEIRS, OURS))
    assert (found.severity, found.technique, found.device) == (Severity.WARNING, "T0830", "relay1")
    assert found.text == f"{RELAY1} is at {THEIRS} now, it was at {OURS}"


def test_claims_of_ever_new_addresses_confirm_one_another(bench):
    """A flood of forged answers is one alarm about the address that they are for."""
    for number in range(50):
        bench.sees(binding(RELAY1, f"02:00:00:00:00:{number:02x}", OURS))

    assert list(bench.alarms) == [f"relay1/{RELAY1}/arp_mac_change"]


def test_one_frame_and_two_that_are_far_apart_are_none(bench):
    """A slip is none, and neither is another a minute later."""
    for _ in range(4):
        assert bench.sees(binding(RELAY1, THEIRS, OURS)) == []
        bench.wait(60)


def test_a_frame_that_another_address_sent_is_critical(bench):
    """The sender speaks of somebody else."""
    (found,) = bench.sees(binding(RELAY1, THEIRS, OURS, sender="00:0c:29:00:00:01", count=2))

    assert found.severity is Severity.CRITICAL
    assert "came from 00:0c:29:00:00:01" in found.text


def test_two_addresses_at_one_that_belongs_to_neither_are_critical(bench):
    """Somebody is in the middle: the second alarm says so, with both."""
    bench.sees(binding(RELAY1, THEIRS, OURS, count=2))

    (found,) = bench.sees(binding(RELAY2, THEIRS, OTHER, count=2))
    assert found.severity is Severity.CRITICAL
    assert f"{RELAY1} too: somebody may have put himself between them" in found.text


@pytest.mark.parametrize(
    "moved",
    [
        binding("10.0.0.40", THEIRS, OURS),
        binding(RELAY1, "00:00:5e:00:01:0a", OURS),
        binding(RELAY1, OURS, "00:00:0c:07:ac:01"),
        binding(RELAY1, "00:00:0c:9f:f0:01", OURS),
        binding(RELAY1, "02:99:00:00:00:01", OURS),
        binding("0.0.0.0", THEIRS, OURS),
    ],
)
def test_what_moves_by_design_is_none(bench, moved):
    """VRRP, HSRP, what the policy lists, and hosts that ask whether an address is free."""
    assert bench.sees(moved, moved, moved) == []


def test_an_address_that_is_seen_first_is_where_it_belongs(bench):
    """A new host is another check's; when it moves afterwards, it is ours."""
    assert bench.sees(binding("10.0.0.77", OURS, "", count=5)) == []
    assert len(bench.sees(binding("10.0.0.77", THEIRS, OURS, count=2))) == 1


def test_who_comes_back_is_none_and_an_exchange_can_be_approved(bench):
    """The old card is still the normal one, until a person says that the new one is."""
    bench.sees(binding(RELAY1, THEIRS, OURS, count=2))
    assert bench.sees(binding(RELAY1, OURS, THEIRS, count=2)) == []

    assert bench.cyber.baseline.approve("arp_mac_change", RELAY1, by="engineer", now_ns=bench.now_ns)
    bench.wait(400)
    assert bench.sees(binding(RELAY1, THEIRS, OURS, count=2)) == []


def test_who_speaks_for_another_is_a_warning_unless_it_always_did(bench):
    """The claim is true, and came from elsewhere; a proxy that was learned may."""
    proxy = Bench()
    proxy.learned(binding(RELAY1, OURS, "", sender=THEIRS))

    (found,) = bench.sees(binding(RELAY1, OURS, "", sender=THEIRS, count=2))
    assert found.text == f"{THEIRS} speaks for {RELAY1}, which is at {OURS}"
    assert proxy.sees(binding(RELAY1, OURS, "", sender=THEIRS, count=9)) == []
