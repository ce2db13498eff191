"""Everyday traffic: the same for the same seed, in order, and nothing in it is broken for those who listen."""

from collections import Counter
from itertools import pairwise

import pytest

from protocols.model import EventKind
from protocols.sighting import Sighting
from protocols.tap.watch import Watch
from simulator.traffic import lan
from simulator.traffic.day import frames
from simulator.traffic.plan import NS, Plan

PLAN = Plan(quiet_s=60, day_s=1200, seed=3)
LOST = 0.0001
"""Of frames that the mirror loses, no more than this is made."""


@pytest.fixture(scope="module")
def made():
    return list(frames(PLAN))


@pytest.fixture(scope="module")
def heard(made):
    """Return what a tap read, as messages by protocol, and what it said."""
    read: Counter[str] = Counter()
    watch = Watch("tap1", trace=lambda protocol, _function, _client: read.update((protocol,)))
    said: list[Sighting] = []
    for number, (time_ns, frame) in enumerate(made):
        watch.frame(frame, time_ns)
        if number % 50 == 0:
            said += [each for each in watch.take(time_ns) if isinstance(each, Sighting)]
    assert (watch.faults, watch.malformed, watch.truncated) == (0, 0, 0), watch.fault
    return read, said


def test_the_same_seed_gives_the_same_frames(made):
    """Another seed gives others."""
    assert made == list(frames(PLAN))
    assert made[:500] != list(frames(Plan(quiet_s=60, day_s=1200, seed=4)))[:500]


def test_frames_come_in_the_order_of_their_times(made):
    """None is outside of the plan, none is longer than Ethernet carries or shorter than its header."""
    assert all(one[0] <= other[0] for one, other in pairwise(made))
    assert made[0][0] >= PLAN.begin_ns
    assert made[-1][0] <= PLAN.end_ns + 5 * NS
    assert all(14 <= len(frame) <= 1514 for _, frame in made)


def test_every_protocol_is_spoken(heard):
    """A tap reads all of them."""
    read, _ = heard

    assert {"modbus", "dnp3", "iec104", "mms", "opcua", "goose", "arp"} <= {one for one in read if read[one] > 20}


def test_nothing_is_malformed(heard):
    """What a tap finds odd in it is what the mirror has lost, and nothing else."""
    _, said = heard
    odd = [each for each in said if each.kind in (EventKind.MALFORMED, EventKind.ORPHAN)]

    assert len(odd) <= 3, [(each.protocol, each.detail) for each in odd]


def test_a_switch_that_restarts_forwards_nothing(made):
    """Meanwhile no frame comes, and afterwards everybody connects anew."""
    assert not [time_ns for time_ns, _ in made if time_ns in PLAN.reboot]

    after = {frame[26:34] for time_ns, frame in made if time_ns >= PLAN.reboot.to_ns and frame[47:48] == b"\x02"}
    assert len(after) >= len(lan.DEVICES)
