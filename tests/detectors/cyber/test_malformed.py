"""Malformed: three broken messages in a minute are told; one, a habit, and what a lossy capture makes are not."""

import pytest
from sightings import ATTACKER, HMI, RELAY1, Bench, drops, malformed, pair

from detectors.cyber.malformed import TRICKS
from protocols.tap.dnp3.transport import FRAGMENT


def broken(source=ATTACKER, why="length", **told):
    return malformed(source, RELAY1, why=why, protocol="modbus", **told)


def bench():
    found = Bench(only="malformed")
    found.learned(pair(HMI, RELAY1))
    return found


def test_three_in_a_minute_between_two_are_a_warning():
    """Whatever is wrong with each of them, and whichever of the two sends it."""
    desk = bench()

    assert desk.sees(broken(), broken(why="crc")) == []
    (found,) = desk.sees(malformed(RELAY1, ATTACKER, why="id", protocol="modbus"))
    assert (found.technique, found.device) == ("T0814", "relay1")
    assert "broken modbus messages: id" in found.text


def test_repeats_that_the_tap_counted_count():
    """Three of the same in one second are one sighting of three."""
    assert len(bench().sees(broken(count=3))) == 1


def test_two_in_a_minute_are_none():
    """A slip of the line is nobody's attack."""
    desk = bench()
    for _ in range(10):
        assert desk.sees(broken()) == []
        desk.wait(31)


def test_after_the_capture_lost_frames_nothing_is_judged_for_ten_seconds():
    """What was not captured looks broken."""
    desk = bench()

    assert desk.sees(drops(dropped=100, of=1000), broken(count=50)) == []
    desk.wait(10)
    assert len(desk.sees(broken(count=3))) == 1


def test_what_a_device_always_did_wrong_is_its_habit():
    """Learned as any fact; another fault of it is none."""
    desk = Bench(only="malformed")
    desk.learned(broken(HMI))

    assert desk.sees(broken(HMI, count=100)) == []
    assert len(desk.sees(broken(HMI, why="function", count=3))) == 1


@pytest.mark.parametrize("why", sorted(TRICKS))
def test_one_trick_is_enough(why):
    """What no stack does is told at once, also while the capture is lossy; a habit of the first week is not."""
    assert len(bench().sees(drops(dropped=100, of=1000), broken(why=why))) == 1

    desk = Bench(only="malformed")
    desk.learned(broken(HMI, why=why))
    assert desk.sees(broken(HMI, why=why)) == []


def test_one_message_of_another_protocol_is_enough():
    """A browser at the port of Modbus is no slip of a device, and the tap tells it once a connection."""
    assert len(bench().sees(broken(why="other protocol: HTTP"))) == 1

    desk = Bench(only="malformed")
    desk.learned(broken(HMI, why="other protocol: TLS"))
    assert desk.sees(broken(HMI, why="other protocol: TLS")) == []


def test_a_dnp3_fragment_that_nobody_can_take_is_one_of_them():
    """The tap gives it up by this name, so what it says is not read."""
    assert f"fragment over {FRAGMENT} octets" in TRICKS
