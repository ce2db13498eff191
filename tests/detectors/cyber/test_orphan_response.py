"""Orphan response: forged answers are found; starts, losses and single slips are not."""

import pytest
from sightings import HMI, RELAY1, Bench, drops, orphan, pair, seen

from protocols.model import EventKind


@pytest.fixture
def bench():
    """Return a bench where the pair is known for long."""
    bench = Bench(only="orphan_response")
    bench.learned(pair(HMI, RELAY1))
    return bench


def ours(bench):
    """Return what this check says; others may have something to say of the same."""
    return [name for name in bench.alarms if name.endswith("orphan_response")]


def forged(why="function", **told):
    return orphan(RELAY1, HMI, "not what was asked", protocol="modbus", function="3", why=why, **told)


@pytest.mark.parametrize("why", ["unit", "function"])
def test_an_answer_of_another_kind_is_told_at_once(bench, why):
    """No network makes an answer of another unit or function."""
    bench.sees(forged(why))

    assert ours(bench) == [f"relay1/{RELAY1}-{HMI}/orphan_response"]


@pytest.mark.parametrize("why", ["request", "sequence", "late"])
def test_what_happens_by_itself_needs_to_happen_often(bench, why):
    """Two in a minute, or one a minute for an hour, are slips of a network; three in a minute are not."""
    bench.sees(forged(why), forged(why))
    for _ in range(10):
        bench.wait(61)
        bench.sees(forged(why))
    assert ours(bench) == []

    bench.sees(forged(why, count=2))
    assert ours(bench) == [f"relay1/{RELAY1}-{HMI}/orphan_response"]


def test_not_right_after_the_start():
    """A capture begins in the middle of conversations."""
    bench = Bench(only="orphan_response")
    bench.sees(forged())
    bench.wait(8)
    bench.sees(forged())
    assert ours(bench) == []

    bench.wait(3)
    bench.sees(forged())
    assert len(ours(bench)) == 1


def test_not_right_after_the_first_sighting_of_a_pair(bench):
    """The request may have been before the first frame that was seen of the two."""
    stranger = "10.0.0.99"
    told = orphan(stranger, HMI, protocol="modbus", function="3", why="function")
    bench.sees(pair(HMI, stranger), told)
    bench.wait(9)
    bench.sees(told)
    assert ours(bench) == []

    bench.wait(2)
    bench.sees(told)
    assert len(ours(bench)) == 1


def test_not_right_after_a_loss(bench):
    """Frames that the capture lost may have been requests."""
    bench.sees(drops(dropped=12, of=1000), forged())
    assert ours(bench) == []

    bench.wait(11)
    bench.sees(forged())
    assert len(ours(bench)) == 1


def test_in_our_own_conversation(bench):
    """A driver that was just connected waits as well; later an answer that does not fit is told of its device."""
    told = orphan(device="relay2", protocol="modbus", function="3", why="unit", live=True)
    bench.sees(seen(EventKind.CONNECTED, device="relay2"), told)
    assert ours(bench) == []

    bench.wait(11)
    bench.sees(told)
    assert ours(bench) == ["relay2/orphan_response"]
