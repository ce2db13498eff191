"""Windows against a model in plain Python that keeps every reading."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.summary import Windows
from protocols.model import UNUSABLE, Quality

NS = 1_000_000_000
GOOD = np.zeros(4, np.uint16)


class Model:
    """Keeps the readings of the open window as they came."""

    def __init__(self, length_s):
        self.length_ns, self.start_ns, self.readings = length_s * NS, 0, []

    def turn(self, now_ns):
        """Return the closed window if `now_ns` is beyond the open one."""
        return None if now_ns < self.start_ns + self.length_ns else self._begin(now_ns)

    def step(self, now_ns, by_ns):
        """Return the closed window if the clock was set by more than a leap second."""
        return None if abs(by_ns) <= 1.5 * NS or not self.start_ns else self._begin(now_ns)

    def _begin(self, now_ns):
        closed = (self.start_ns, self.readings) if self.start_ns else None
        self.start_ns, self.readings = now_ns // self.length_ns * self.length_ns, []
        return closed

    def told(self, closed):
        """Return what the summaries of `closed` should say, by row."""
        rows = {}
        for row, value, quality in closed[1]:
            rows.setdefault(row, ([], []))[1].append(quality)
            if not quality & UNUSABLE:
                rows[row][0].append(value)
        return {row: told(values, qualities) for row, (values, qualities) in rows.items() if values or any(qualities)}


def told(values, qualities):
    union = 0
    for quality in qualities:
        union |= quality
    if not values:
        return (0, None, None, None, None, union)
    return (len(values), min(values), max(values), pytest.approx(math.fsum(values) / len(values)), values[-1], union)


def by_row(points, summaries):
    """Return what `summaries` say, by row, where they say anything."""
    found = {}
    for s in summaries:
        rows = points.rows_of[s.device]
        for k, row in enumerate(rows):
            numbers = [None if math.isnan(each[k]) else each[k] for each in (s.min, s.max, s.mean, s.last)]
            if s.count[k] or s.quality[k]:
                found[row] = (int(s.count[k]), *numbers, int(s.quality[k]))
    return found


VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
QUALITY = st.sampled_from([0, 0, 0, Quality.INVALID, Quality.QUESTIONABLE, Quality.COMM_LOST, Quality.OLD])
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0.4, 1, 3, 3.999, 4, 9, 1000]),
        st.sampled_from([0, 0, 0, 1, -1, 1.5, -2, 3, -5, 3600, -3600, 31_536_000, -1_000_000]),
        st.dictionaries(st.integers(0, 3), VALUES),
        QUALITY,
    ),
    max_size=50,
)


@given(steps=STEPS)
def test_against_the_model(core, steps):
    """Count, extremes, mean, last and the union of qualities are those of the readings, however the clock is set.

    Nothing is lost or counted twice; windows begin at whole multiples, none is longer than it may be or negative, none
    is empty, and only a clock that was set back opens an earlier one.
    """
    points, at_s, put, got = core.points(), 40_000_000.0, 0, 0
    windows, model = Windows(points, 4), Model(4)
    starts = []

    def compare(summaries, closed):
        nonlocal got
        assert by_row(points, summaries) == (model.told(closed) if closed else {})
        assert {s.start_ns for s in summaries} <= {closed[0] if closed else 0}
        assert all(0 <= s.length_ns <= 4 * NS and (s.count.any() or s.quality.any()) for s in summaries)
        got += sum(int(s.count.sum()) for s in summaries)
        starts.extend(s.start_ns for s in summaries[:1])

    for passed_s, step_s, readings, quality in steps:
        at_s += passed_s + step_s
        if step_s:
            by_ns = int(step_s * NS)
            compare(windows.step(core.ns(at_s), by_ns, GOOD), model.step(core.ns(at_s), by_ns))
        compare(windows.turn(core.ns(at_s), GOOD), model.turn(core.ns(at_s)))
        if readings:
            windows.observe(core.batch(at_s, readings, quality))
            model.readings += [(row, readings[row], quality) for row in sorted(readings)]
            put += 0 if quality & UNUSABLE else len(readings)
    compare(windows.flush(core.ns(at_s)), (model.start_ns, model.readings) if model.start_ns else None)

    assert got == put == windows.good
    assert all(start % (4 * NS) == 0 for start in starts)
    if all(step_s >= 0 for _, step_s, _, _ in steps):
        assert starts == sorted(starts)


def test_late_reading_does_not_reopen_a_window(core):
    """A reading that comes after the tick that closed its window counts to the next: no window is sent twice."""
    windows = Windows(core.points(), 10)
    windows.turn(core.ns(9.9), GOOD)
    windows.observe(core.batch(9.9, {0: 1.0}))
    [first] = windows.turn(core.ns(10.01), GOOD)

    assert windows.turn(core.ns(9.99), GOOD) == ()
    windows.observe(core.batch(9.99, {0: 2.0}))
    [second] = windows.turn(core.ns(20), GOOD)
    assert (first.start_ns, second.start_ns) == (core.ns(0), core.ns(10))
    assert (first.count[0], second.count[0]) == (1, 1)


def test_a_clock_set_back_by_an_hour(core):
    """The open window closes with the length that has passed, and the next one ends within its length."""
    windows = Windows(core.points(), 10)
    windows.turn(core.ns(7202), GOOD)
    windows.observe(core.batch(7202, {0: 1.0}))
    [cut] = windows.step(core.ns(3605), -3600 * NS, GOOD)
    windows.observe(core.batch(3605, {0: 2.0}))
    [after] = windows.turn(core.ns(3610), GOOD)

    assert (cut.start_ns, cut.length_ns) == (core.ns(7200), 5 * NS)
    assert (after.start_ns, after.length_ns, after.last[0]) == (core.ns(3600), 10 * NS, 2.0)


def test_a_leap_second_cuts_no_window(core):
    """A second that comes twice, or is left out, belongs to the window around it."""
    windows = Windows(core.points(), 10)
    windows.turn(core.ns(9), GOOD)
    windows.observe(core.batch(9, {0: 1.0}))
    assert windows.step(core.ns(9.2), -NS, GOOD) == windows.step(core.ns(9.5), NS, GOOD) == ()
    [summary] = windows.turn(core.ns(10), GOOD)

    assert (summary.start_ns, summary.length_ns, summary.count[0]) == (core.ns(0), 10 * NS, 1)


@pytest.mark.parametrize(("states", "said"), [((1, 1, 1), True), ((1, 0, 1), False), ((0, 1, 1), False)])
def test_a_window_says_whether_the_clock_was_synchronised(core, states, said):
    """Only if it was throughout."""
    windows = Windows(core.points(), 10)
    windows.trust(synchronised=bool(states[0]))
    windows.turn(core.ns(0), GOOD)
    windows.observe(core.batch(0, {0: 1.0}))
    for state in states:
        windows.trust(synchronised=bool(state))
    [summary] = windows.turn(core.ns(10), GOOD)

    assert summary.synchronised is said


def test_loss_goes_on_in_the_next_window(core):
    """While a device is lost each window says so, with no readings; a window that was told nothing is not sent."""
    windows = Windows(core.points(), 10)
    lost = np.array([Quality.COMM_LOST | Quality.OLD, Quality.COMM_LOST, Quality.COMM_LOST, 0], np.uint16)
    windows.turn(core.ns(0), GOOD)
    assert windows.turn(core.ns(10), lost) == ()
    [summary] = windows.turn(core.ns(20), GOOD)

    assert (summary.device, summary.count.tolist()) == ("bay1", [0, 0, 0])
    assert summary.quality.tolist() == [Quality.COMM_LOST] * 3
    assert windows.turn(core.ns(30), GOOD) == ()


def test_flush(core):
    """At a stop the open window is closed with the length it has, once."""
    windows = Windows(core.points(), 10)
    assert windows.flush(core.ns(0)) == ()
    windows.turn(core.ns(2), GOOD)
    windows.observe(core.batch(2, {0: 1.0}))
    [summary] = windows.flush(core.ns(4.5))

    assert (summary.start_ns, summary.length_ns) == (core.ns(0), 4.5 * NS)
    assert windows.flush(core.ns(5)) == ()


def test_summary_keeps_its_arrays(core):
    """What was sent does not change when the next window fills."""
    windows = Windows(core.points(), 10)
    windows.turn(core.ns(0), GOOD)
    windows.observe(core.batch(0, {0: 1.0}))
    [summary] = windows.turn(core.ns(10), GOOD)
    windows.observe(core.batch(10, {0: 5.0}))

    assert (summary.last[0], summary.max[0], summary.mean[0], summary.count[0]) == (1.0, 1.0, 1.0, 1)
