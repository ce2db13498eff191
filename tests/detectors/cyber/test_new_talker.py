"""New talker: who is neither configured nor was there is told; who belongs here is not, and a flood is few alarms."""

import pytest
from sightings import ATTACKER, HMI, RELAY1, Bench, binding, talker

from detectors.cyber.episodes import SUBJECTS_MAX
from detectors.model import Severity


def test_an_address_that_was_never_there_is_an_alarm_that_names_it():
    """After the learning, a stranger is a warning with its hardware address and what to do."""
    bench = Bench()
    bench.learned(talker(HMI))

    (found,) = bench.sees(talker(ATTACKER, "00:0c:29:aa:bb:cc"))

    assert (found.severity, found.technique, found.subject) == (Severity.WARNING, "T0864", ATTACKER)
    assert found.text == f"{ATTACKER} speaks here for the first time, hardware address 00:0c:29:aa:bb:cc"
    assert "gridsentinel learn" in found.advice


def test_who_was_there_or_is_configured_is_known():
    """What was learned, the devices of the configuration and who the policy names raise nothing."""
    bench = Bench(masters=["10.1.0.0/24"], scanners=["10.2.0.1"], own=["10.0.0.2"], virtual=["02:aa:*"])
    bench.learned(talker(HMI))

    known = [talker(HMI), talker(RELAY1), talker("10.1.0.7"), talker("10.2.0.1"), talker("10.0.0.2")]
    virtual = [talker("10.9.0.1", "00:00:5e:00:01:0a"), talker("10.9.0.2", "02:aa:00:00:00:01")]
    assert bench.sees(*known, *virtual) == []


def test_all_is_normal_while_it_is_learned():
    """The first week says nothing, and a restart in it changes nothing."""
    bench = Bench()
    bench.sees(talker(HMI))
    bench.restart()

    assert bench.sees(talker(ATTACKER)) == []
    bench.learned()
    assert bench.sees(talker(ATTACKER), talker(HMI)) == []


@pytest.mark.parametrize("who", ["224.0.0.1", "10.0.0.255", "169.254.3.4", "0.0.0.0", "ff02::1", "fe80::1"])
def test_addresses_of_many_and_of_nobody_yet_are_info(who):
    """Multicast, broadcast and link-local addresses appear whenever a laptop starts."""
    bench = Bench()
    bench.learned(talker(HMI))

    assert [each.severity for each in bench.sees(talker(who))] == [Severity.INFO]


def test_a_maintenance_window_makes_it_info():
    """Who is new while work is going on is told, and wakes nobody."""
    bench = Bench(maintenance=[("2023-11-14T00:00", "2023-11-16T00:00")])
    bench.learned(talker(HMI))

    assert [each.severity for each in bench.sees(talker(ATTACKER))] == [Severity.INFO]


def test_a_flood_of_strangers_is_a_few_alarms():
    """Thousands of spoofed addresses are as many alarms as of one kind may be, one of them for all the others."""
    bench = Bench()
    bench.learned(talker(HMI))
    for number in range(5000):
        bench.sees(talker(f"10.{number >> 8}.{number & 255}.7"))
        if number % 500 == 0:
            bench.wait(100)
    bench.sees(talker("", "", count=195_000))

    began = [each for each in bench.said if each.active]
    assert len(began) == SUBJECTS_MAX + 1
    assert sum(each.subject == "others" for each in began) == 1


def test_strangers_that_the_capture_only_counted_are_told():
    """When more came at once than are told one by one, the alarm says how many."""
    bench = Bench()
    bench.learned(talker(HMI))

    assert [each.text for each in bench.sees(talker("", "", count=400))] == [
        "400 more addresses speak for the first time"
    ]


def test_a_hardware_address_waits_for_its_ip_address():
    """ARP before the first packet, and any frame after it, is the same stranger: one alarm, with both addresses."""
    bench = Bench()
    bench.learned(talker(HMI))
    strange = "00:0c:29:aa:bb:cc"

    assert bench.sees(talker("", strange)) == []
    bench.wait(1)
    assert [each.subject for each in bench.sees(talker(ATTACKER, strange), talker("", strange))] == [ATTACKER]
    bench.wait(10)
    assert len(bench.said) == 1


def test_a_hardware_address_without_an_ip_address_is_told_after_two_seconds():
    """A publisher of GOOSE has none; a host that was there with its IP address is known without it."""
    bench = Bench()
    bench.learned(talker(HMI, "00:0c:29:00:00:05"))
    bench.sees(talker("", "00:0c:29:aa:bb:cc"), talker("", "00:0c:29:00:00:05"))

    assert bench.wait(1) == []
    assert [each.subject for each in bench.wait(2)] == ["00:0c:29:aa:bb:cc"]


def test_a_known_address_from_hardware_that_was_never_here_is_a_warning():
    """Who takes the address of the control centre is told even without ARP; a device that was off is not."""
    bench = Bench()
    bench.learned(talker(HMI, "00:0c:29:00:00:05"))

    (found,) = bench.sees(talker(HMI, "00:0c:29:aa:bb:cc"), talker(RELAY1, "00:50:c2:00:00:11"))
    assert found.text == f"00:0c:29:aa:bb:cc, which was never here, speaks as {HMI}"
    assert len(bench.sees(talker(RELAY1, "00:0c:29:aa:bb:dd"))) == 1


def test_a_known_host_that_sends_as_another_is_a_warning():
    """Both hardware addresses were always here: it is told who sends in whose name, once, until it is approved."""
    master, other = "00:0c:29:00:00:05", "00:0c:29:00:00:77"
    bench = Bench(masters=[HMI])
    bench.learned(binding(HMI, master, ""), talker(HMI, master), talker("10.0.0.77", other))

    (found,) = bench.sees(talker(HMI, other))
    assert found.text == f"{other} speaks as {HMI}, which is at {master}"
    assert (found.severity, found.technique) == (Severity.WARNING, "T0848")
    (approved,) = [each for each in bench.cyber.baseline.waiting() if each.key == f"{HMI} at {other}"]
    bench.cyber.baseline.approve(approved.check, approved.key, by="1000", now_ns=bench.now_ns)
    bench.wait(400)
    assert bench.sees(talker(HMI, other)) == []


def test_routers_teams_and_virtual_addresses_send_as_many():
    """Benign: what came from two before, what stands in for others by design, and hosts of which ARP says nothing."""
    one, two, shared = "00:0c:29:00:00:01", "00:0c:29:00:00:02", "00:00:5e:00:01:0a"
    bench = Bench(virtual=["10.0.0.1"])
    bench.learned(
        talker("10.9.0.1", one), talker("10.8.0.1", two),
        talker(HMI, one), talker(HMI, two), binding(HMI, one, ""),
        binding("10.0.0.1", one, ""), talker("10.0.0.1", one),
    )  # fmt: skip
    bench.restart()
    bench.wait(1)

    assert bench.sees(talker("10.9.0.1", two), talker(HMI, two), talker("10.0.0.1", two), talker(HMI, shared)) == []


def test_a_flood_of_hardware_addresses_waits_in_little_room():
    """More than may wait are told at once, within what alarms of one kind there may be."""
    bench = Bench()
    bench.learned(talker(HMI))
    for number in range(3000):
        bench.sees(talker("", f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"))
    bench.wait(5)

    assert len(bench.alarms) == SUBJECTS_MAX + 1
