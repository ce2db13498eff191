"""The grid of turns: never drifts, and counts exactly what it misses."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.poll.schedule import Schedule
from protocols.driver import Scan

EVERY = st.sampled_from([0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 300.0])


def scan(every_s):
    return Scan(0, "a", every_s, np.array([0], np.int32))


@given(
    every=EVERY, phase=st.floats(0, 1), start=st.floats(0, 1e7), took=st.lists(st.floats(0, 5), min_size=1, max_size=50)
)
def test_stays_on_the_grid(every, phase, start, took):
    """However long turns take, each but the first is due at phase + k * interval, and every k is done or counted."""
    only = scan(every)
    schedule = Schedule([only], phase=phase * every, now=start)
    now, turns, missed = start, [], 0
    for took_s in took:
        due, _ = schedule.first()
        turns.append((due - phase * every) / every)
        now = max(now, due) + took_s * every
        missed += schedule.done(only, now)
    last = (schedule.first()[0] - phase * every) / every

    assert schedule.first()[0] >= now - 1e-5 * every
    assert all(math.isclose(turn, round(turn), abs_tol=1e-4) for turn in [*turns[1:], last])
    first = math.floor(turns[0] + 0.5 + 1e-6)  # the first turn on the grid is at least half an interval away
    assert round(last) - first == len(turns) + missed


def test_a_day_without_drift():
    """After a day of turns that each take a while, the due time is exact."""
    only = scan(0.1)
    schedule = Schedule([only], phase=0.03, now=0.03)
    for _ in range(864_000):
        due, _ = schedule.first()
        assert schedule.done(only, due + 0.07) == 0

    assert math.isclose(schedule.first()[0], 86_400.03, abs_tol=1e-6)


def test_missed_turns():
    """A turn that takes three and a half intervals has missed three; the next is on the grid."""
    only = scan(1.0)
    schedule = Schedule([only], phase=0.0, now=10.0)

    assert (schedule.done(only, 13.5), schedule.first()[0]) == (3, 14.0)
    assert (schedule.done(only, 14.2), schedule.first()[0]) == (0, 15.0)
    assert (schedule.done(only, 17.0), schedule.first()[0]) == (1, 17.0)


def test_longest_waiting_first():
    """On an overloaded line every scan gets its turn."""
    scans = [scan(1.0) for _ in range(5)]
    schedule, now, turns = Schedule(scans, phase=0.0, now=0.0), 0.0, dict.fromkeys(scans, 0)
    for _ in range(100):
        due, chosen = schedule.first()
        now = max(now, due) + 0.7
        turns[chosen] += 1
        schedule.done(chosen, now)

    assert set(turns.values()) == {20}


def test_postponed():
    """A turn that waits is taken then, and the one after is on the grid again."""
    only = scan(10.0)
    schedule = Schedule([only], phase=0.0, now=0.0)
    schedule.postpone(only, 23.5)

    assert schedule.first() == (23.5, only)
    assert (schedule.done(only, 24.0), schedule.first()[0]) == (0, 30.0)
