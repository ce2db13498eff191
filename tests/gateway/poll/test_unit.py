"""What a device on a shared conversation may cost, and how it comes back."""

import numpy as np
import pytest

from gateway.poll.unit import Unit
from protocols.driver import Scan

FAST, SLOW = (Scan(key, "a", 1.0, np.array([key], np.int32)) for key in (0, 1))


def tried(unit, until_s, answers_in_s=float("inf"), now=0.0, interval_s=1.0):
    """Ask `unit` as the poller does; return the time of each attempt that failed and its cost, until it answers."""
    failed = []
    while (now := max(now, unit.next_try)) < until_s:
        patience = unit.patience(FAST)
        if answers_in_s <= patience:
            unit.answered(answers_in_s, FAST)
            return failed
        failed.append((now, patience))
        unit.failed(patience, FAST, now + patience)
        now += max(patience, interval_s)
    return failed


@pytest.mark.parametrize("timeout_s", [0.1, 1.0, 10.0, 60.0])
@pytest.mark.parametrize("before", ["never answered", "answered"])
def test_five_per_cent(timeout_s, before):
    """A dead device uses at most 5 % of a shared conversation over 1,000 s, however long it may take to answer."""
    unit = Unit("a", timeout_s, shared=True)
    if before == "answered":
        unit.answered(0.01, FAST)
    costs = tried(unit, 1000.0)

    assert sum(cost for _, cost in costs) <= 50.0
    assert len(costs) > 5


@pytest.mark.parametrize("answers_in_s", [0.2, 0.3, 0.9, 4.9])
def test_slow_device_is_found(answers_in_s):
    """A device that needs nearly its whole time-out is found, although the first probes are short."""
    unit = Unit("a", 5.0, shared=True)
    tried(unit, 1000.0, answers_in_s)

    assert unit.answering is True
    assert unit.patience(FAST) > answers_in_s


def test_probes_leave_room():
    """Of the probes of a dead device only one in twelve takes longer than half a second, whatever it may take."""
    unit = Unit("a", 5.0, shared=True)
    costs = [cost for _, cost in tried(unit, 1000.0)]

    assert sum(cost > 0.5 for cost in costs) <= len(costs) / 12 + 1


def test_one_lost_frame_costs_no_pause():
    """A device that answered is asked again at its next turn, and has not become lost."""
    unit = Unit("a", 1.0, shared=True)
    unit.answered(0.6, FAST)

    assert unit.failed(1.0, FAST, 10.0) is False
    assert (unit.next_try, unit.answering) == (0.0, True)
    assert unit.patience(FAST) >= 0.6
    assert unit.failed(1.0, FAST, 12.0) is True
    assert unit.next_try >= 12.0 + 1.0 / 0.05


def test_back_at_once():
    """The first good answer ends the back-off: no pause, no short patience, and told once."""
    unit = Unit("a", 1.0, shared=True)
    unit.answered(0.1, FAST)
    for at_s in range(10):
        unit.failed(0.5, FAST, float(at_s))

    assert (unit.answered(0.1, FAST), unit.answered(0.1, FAST)) == (True, False)
    assert (unit.next_try, unit.failures) == (0.0, 0)
    assert unit.patience(FAST) == pytest.approx(0.8)


def test_slow_scan_beside_a_fast_one():
    """A long scan of a slow device gets its own time: quick answers to a short one must not starve it."""
    unit, answered = Unit("a", 2.0, shared=True), False
    for _ in range(10):
        for _ in range(20):
            unit.answered(0.01, FAST)
        answered = unit.patience(SLOW) >= 0.9
        if answered:
            unit.answered(0.9, SLOW)
        else:
            unit.failed(unit.patience(SLOW), SLOW, 0.0)

    assert answered
    assert unit.patience(FAST) == 0.25


def test_alone_it_has_its_time():
    """On a conversation of its own a device always has its whole time-out, and no pause."""
    unit = Unit("a", 3.0, shared=False)
    for _ in range(5):
        assert unit.patience(FAST) == 3.0
        unit.failed(3.0, FAST, 10.0)

    assert unit.next_try == 0.0


def test_down_is_news_once():
    """The end of the conversation is news only for a device that was not lost before."""
    unit = Unit("a", 1.0, shared=False)

    assert (unit.down(), unit.down()) == (True, False)
    unit.answered(0.1, FAST)
    assert unit.down() is True


def test_what_only_fetches_is_no_scan():
    """Fetching what a device has sent of itself is neither counted nor timed; a turn that it missed is no loss."""
    unit = Unit("a", 1.0, shared=False)
    fetch = Scan(2, "a", 0.05, np.empty(0, np.int32), requests=0)
    unit.answered(0.2, FAST)
    unit.late(1, FAST)
    unit.answered(0.0001, fetch)
    unit.late(7, fetch)

    assert (unit.polls, unit.skipped, unit.usual_s) == (1, 1, 0.2)
