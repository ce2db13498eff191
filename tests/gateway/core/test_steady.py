"""A clock that is set, forward or back, by a second or a year: no delay fires or hangs, and it is told."""

from dataclasses import replace

import pytest
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.config import build
from detectors.stuck import StuckConfig
from gateway.core.alarms import SHELVE_MAX_NS
from gateway.core.messages import Alarm, AlarmState, Change, Summary
from gateway.core.pipeline import Pipeline
from protocols.model import Tick

NS = 1_000_000_000
YEAR_S = 31_536_000
START_S = 2 * YEAR_S
"""Late enough that a clock a year behind is still after 1970."""

VALUES = st.sampled_from([0.0, 0.5, 5.0, 10.5, 50.0, -11.0])
WHAT = st.sampled_from(["lost", "connected", "refused", "accepted"])
STEP_S = st.sampled_from([0, 0, 0, 0, 1, -1, 0.25, 45, -45, 3600, -3600, YEAR_S, -YEAR_S])
"""Steps that a device whose own clock is right would show beside ours are hours: see OURS_NS."""


@st.composite
def recordings(draw):
    """Return some minutes of a station whose readings have no time, our time, or their own."""
    poll = draw(st.sampled_from(["poll", "poll by our time", "poll by its time"]))
    steps = STEP_S.filter(lambda step_s: poll != "poll by its time" or abs(step_s) > 1)
    what = st.just(poll) | st.just(poll) | st.just(poll) | WHAT
    length = st.sampled_from([0.25, 0.25, 1, 3, 30])
    return draw(st.lists(st.tuples(length, what, st.lists(VALUES, min_size=4, max_size=4), steps), max_size=40))


@pytest.fixture(scope="module")
def make(core):
    def pipeline():
        points = core.points()
        return Pipeline(points, build((StuckConfig(after_s=20),), points), 10)

    return pipeline


def played(core, recording, *, stepped):
    """Yield what is seen, and how far the clock is ahead by then; `stepped` or with a clock that nobody sets."""
    at_s, ahead_s = START_S, 0.0
    for passed_s, what, values, step_s in recording:
        by_s = step_s if stepped else 0
        at_s, ahead_s = at_s + passed_s, ahead_s + by_s
        yield Tick(core.ns(at_s + ahead_s), int(by_s * NS)), ahead_s
        if what.startswith("poll"):
            time_ns = {"poll": 0, "poll by our time": core.ns(at_s + ahead_s), "poll by its time": core.ns(at_s)}[what]
            yield core.batch(at_s + ahead_s, dict(enumerate(values)), time_ns=time_ns), ahead_s
        else:
            yield core.event(at_s + ahead_s, what, rows=(0, 2)), ahead_s


def alarms(messages):
    return [message for message in messages if isinstance(message, Alarm) and message.detector != "clock"]


CALM_AFTER_A_STEP = [
    *((0.25, "poll by our time", [value] * 4, 0) for value in (0.0, 50.0, 0.0, 50.0, 0.0, 50.0, 0.0, 50.0)),
    (30, "poll by our time", [0.0] * 4, 0),
    (30, "poll by our time", [0.0] * 4, 1),
]
"""An alarm that chattered is told again after a step; it turned before."""


@examples(30)
@example(recording=CALM_AFTER_A_STEP)
@given(recording=recordings())
def test_alarms_know_nothing_of_the_steps(core, make, recording):
    """The same alarms, at the same moments, as under a clock that nobody sets.

    When each has turned is told in the time that was told at that moment, should it be told again later.
    """
    still, set_, aheads_ns = make(), make(), set()
    quiet, wild = played(core, recording, stepped=False), played(core, recording, stepped=True)

    for (seen, _), (moved, ahead_s) in zip(quiet, wild, strict=True):
        aheads_ns.add(int(ahead_s * NS))
        expected, told = alarms(still.observe(seen)), alarms(set_.observe(moved))
        assert [timeless(alarm) for alarm in expected] == [timeless(alarm) for alarm in told]
        turned = zip(told, expected, strict=True)
        assert aheads_ns.issuperset(one.last_ns - other.last_ns for one, other in turned)


def timeless(alarm):
    return replace(alarm, first_ns=0, last_ns=0)


@examples(30)
@given(recording=recordings())
def test_every_reading_is_told_once(core, make, recording):
    """Windows hold what was read, and there are no more of them than time has passed and steps were made."""
    pipeline, messages, at_ns = make(), [], 0
    for seen, _ in played(core, recording, stepped=True):
        messages += pipeline.observe(seen)
        at_ns = seen.time_ns if isinstance(seen, Tick) else at_ns
    messages += pipeline.flush(at_ns)
    windows = [message for message in messages if isinstance(message, Summary)]
    passed_s, steps = sum(step[0] for step in recording), sum(bool(step[3]) for step in recording)

    assert sum(int(window.count.sum()) for window in windows) == pipeline.good
    assert len({(w.start_ns, w.length_ns) for w in windows}) <= passed_s / 10 + steps + 2
    assert all(0 <= window.length_ns <= 10 * NS for window in windows)


def test_a_step_is_an_alarm_until_the_clock_is_left_alone(core, make):
    """It says by how much, each time; it returns after a minute, and somebody has to acknowledge it."""
    pipeline = make()
    pipeline.observe(Tick(core.ns(5000)))
    [first] = pipeline.observe(Tick(core.ns(1400.25), -3600 * NS))
    *_, second = pipeline.observe(Tick(core.ns(1405.5), 5 * NS))
    assert pipeline.observe(Tick(core.ns(1465.25))) == []
    [over] = pipeline.observe(Tick(core.ns(1465.5)))

    assert (first.id, first.text, first.evidence) == (
        "gateway/clock_stepped", "clock stepped by -3600.0 s", {"stepped_s": -3600.0}
    )  # fmt: skip
    assert (second.text, second.state, second.count) == ("clock stepped by +5.0 s", AlarmState.ACTIVE_UNACKED, 2)
    assert over.state is AlarmState.RETURNED_UNACKED


def test_the_alarm_of_the_clock_outlives_a_restart(core, make):
    """It still returns by itself, and what returned still waits for its acknowledgement."""
    old, new = make(), make()
    old.observe(Tick(core.ns(0)))
    [alarm] = old.observe(Tick(core.ns(10), 9 * NS))

    assert new.resume([alarm], core.ns(20)) == []
    assert new.observe(Tick(core.ns(69))) == []
    [over] = new.observe(Tick(core.ns(70)))
    newest = make()
    assert newest.resume([over], core.ns(80)) == []
    assert [alarm.state for alarm in newest.alarms] == [AlarmState.RETURNED_UNACKED]


def test_a_step_that_nobody_notices_is_none(core, make):
    """Less than half a second makes no alarm."""
    pipeline = make()
    pipeline.observe(Tick(core.ns(0)))

    assert pipeline.observe(Tick(core.ns(0.65), int(0.4 * NS))) == []


def test_a_step_back_hides_no_alarm_for_longer(core, make):
    """Shelved for a minute is shelved for a minute of real time."""
    pipeline = make()
    pipeline.observe(Tick(core.ns(10_000)))
    [alarm] = pipeline.alarms.observe(core.finding(10_000))
    pipeline.alarms.shelve(alarm.id, until_ns=core.ns(10_060), by="anna", now_ns=core.ns(10_000))
    moved = pipeline.observe(Tick(core.ns(6430), -3600 * NS))

    assert [each.shelved_until_ns for each in moved if each.id == alarm.id] == [core.ns(6460)]
    assert alarms(pipeline.observe(Tick(core.ns(6459)))) == []
    assert [each.state for each in alarms(pipeline.observe(Tick(core.ns(6460))))] == [AlarmState.ACTIVE_UNACKED]


def test_a_shelf_of_a_clock_that_ran_ahead_ends(core, make):
    """After a restart with the right time, an alarm shelved under a wrong one comes back at once."""
    pipeline = make()
    alarm = replace(pipeline.alarms.observe(core.finding(0))[0], shelved_until_ns=core.ns(10) + SHELVE_MAX_NS + 1)
    pipeline.resume([replace(alarm, state=AlarmState.SHELVED)], core.ns(10))

    assert [each.state for each in pipeline.observe(Tick(core.ns(10)))] == [AlarmState.ACTIVE_UNACKED]


def test_messages_say_whether_the_clock_is_synchronised(core, make):
    """Changes, alarms and windows carry what was known of the clock when they were made."""
    pipeline = make()
    said = []
    for at_s, synchronised in ((0, True), (5, True), (10, True), (15, False), (20, True)):
        said += pipeline.observe(Tick(core.ns(at_s), 0, synchronised))
        said += pipeline.observe(core.batch(at_s, {2: at_s % 10, 3: 1.0}))
    windows = [message.synchronised for message in said if isinstance(message, Summary) and message.device == "bay2"]

    assert windows == [True, False]
    assert [each.synchronised for each in said if isinstance(each, Change)] == [True, True, True, False, True]


def test_ages_survive_a_step(core, make):
    """A reading of a second ago is one of a second ago, whatever the clock says."""
    pipeline = make()
    pipeline.observe(core.batch(100, {0: 1.0}))
    pipeline.observe(Tick(core.ns(YEAR_S + 101), YEAR_S * NS))

    assert pipeline.image.arrival_ns.tolist() == [core.ns(YEAR_S + 100), 0, 0, 0]
