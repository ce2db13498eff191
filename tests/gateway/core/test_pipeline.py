"""The pipeline: the same input gives the same messages, and a restart neither forgets nor repeats an alarm."""

from dataclasses import fields, replace

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import build
from gateway.core.messages import Alarm, AlarmState, Change, Summary
from gateway.core.pipeline import Pipeline
from gateway.core.rules import AlarmRules
from protocols.model import Batch, Quality, Tick
from protocols.point import PointConfig

EVERYTHING = AlarmRules(chatter_count=1000, fleeting_count=1000, flood_count=10_000, suppression="never")
"""Rules under which every change of every alarm is said."""
VALUES = st.sampled_from([0.0, 0.5, 5.0, 10.5, 11.0, 50.0, -11.0, np.nan, np.inf])


@st.composite
def recordings(draw):
    """Return some minutes of a station: polls, losses, refusals, ticks, and a clock that jumps."""
    seen, at_s = [], 0.0
    for _ in range(draw(st.integers(1, 40))):
        at_s += draw(st.sampled_from([0.25, 0.25, 1, 3, 30, -0.5, -30]))
        seen.append((at_s, draw(st.sampled_from(["poll", "poll", "poll", "lost", "connected", "refused", "accepted"]))))
    return [(at_s, what, draw(st.lists(VALUES, min_size=4, max_size=4)), draw(QUALITY)) for at_s, what in seen]


QUALITY = st.sampled_from([0, 0, 0, Quality.INVALID, Quality.QUESTIONABLE])


def played(core, recording):
    """Return `recording` as batches, events and ticks."""
    for at_s, what, values, quality in recording:
        if what == "poll":
            yield core.batch(at_s, dict(enumerate(values)), quality)
        else:
            yield core.event(at_s, what, rows=(0, 2))
        yield Tick(core.ns(at_s))


@pytest.fixture(scope="module")
def make(core):
    def pipeline(**keys):
        points = core.points(**keys)
        return Pipeline(points, build((), points), 10, EVERYTHING)

    return pipeline


def plain(message):
    """Return `message` as text that tells every bit of it."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    return repr({key: v.tolist() if isinstance(v, np.ndarray) else v for key, v in values.items()})


def carried(pipeline, seen):
    return [message for each in seen for message in pipeline.observe(each)]


@examples(20)
@given(recording=recordings())
def test_replay(core, make, recording):
    """A recording that is played twice gives the same messages, in the same order."""
    first, second = ([*map(plain, carried(make(), played(core, recording)))] for _ in range(2))

    assert first == second


@examples(30)
@given(before=recordings(), after=recordings())
def test_restart(core, make, before, after):
    """After a restart what was active is active, nothing is raised twice, and what ends is ended once."""
    old, new = make(), make()
    carried(old, played(core, before))
    kept = {alarm.id: alarm for alarm in old.alarms}

    assert new.resume(kept.values(), core.ns(0)) == []
    assert {alarm.id: alarm for alarm in new.alarms} == kept
    active = {id_: alarm.active for id_, alarm in kept.items()}
    counts = {id_: alarm.count for id_, alarm in kept.items()}
    for message in carried(new, played(core, after)):
        if isinstance(message, Alarm) and message.kind != "stale":
            assert message.active != active.get(message.id, False)
            assert message.count == counts.get(message.id, 0) + message.active
            active[message.id], counts[message.id] = message.active, message.count


def test_restart_without_news(core, make):
    """What stays as it was over a restart is not mentioned at all; what ended meanwhile is, once."""
    old = make()
    carried(old, [core.batch(0, {0: 50.0, 1: 50.0, 3: 1.0}), Tick(core.ns(2)), core.event(3, "lost", "bay2")])
    carried(old, [core.event(3, "refused", rows=(2,)), Tick(core.ns(6))])
    new = make()
    new.resume(old.alarms, core.ns(100))
    seen = [Tick(core.ns(100)), core.event(100, "lost", "bay2"), core.event(100, "connected")]
    seen += [core.event(101, "refused", rows=(2,)), core.batch(101, {0: 50.0, 1: 1.0}), Tick(core.ns(104))]
    told = [(m.id, m.state) for m in carried(new, seen) if isinstance(m, Alarm)]

    assert {alarm.id for alarm in old.alarms} == {
        "bay1/va/limit_high",
        "bay1/vb/limit_high",
        "bay1/cb/bad_address",
        "bay2/comm_lost",
    }
    assert told == [("bay1/vb/limit_high", AlarmState.RETURNED_UNACKED)]


def test_removed_limits_after_restart(core):
    """A limit that left the configuration while its alarm was active ends that alarm, and stops no gateway."""
    points = core.points()
    old = Pipeline(points, build((), points), 10)
    carried(old, [core.batch(0, {0: 50.0}), core.batch(0.5, {0: 99.0}), Tick(core.ns(2))])
    assert {alarm.kind for alarm in old.alarms} == {"limit_high", "rate_of_change"}
    bare = replace(points, configs=tuple(PointConfig(name=name) for name in points.names))
    new = Pipeline(bare, build((), bare), 10)

    forgotten = new.resume(old.alarms, core.ns(10))
    assert [alarm.state for alarm in forgotten] == [AlarmState.NORMAL] * 2
    assert carried(new, [core.batch(11, {0: 1.0}), Tick(core.ns(12))]) == []


def test_message_order(core, make):
    """A closed window goes before what opened the next; a change before the alarm about it."""
    pipeline = make(deadband=1.0)
    messages = carried(pipeline, [core.batch(0, {0: 0.0}), core.batch(10, {0: 90.0}), core.batch(11, {0: 90.0})])

    assert [type(message) for message in messages] == [Change, Summary, Change, Alarm]


def test_no_finite_number_is_invalid(core, make):
    """A driver that passes on NaN or infinity as good spoils no mean, no dead-band and no alarm."""
    pipeline = make(deadband=1.0)
    seen = [core.batch(at, {0: value}) for at, value in enumerate([1.0, np.inf, np.inf, np.nan, 3.0])]
    messages = [*carried(pipeline, seen), *pipeline.flush(core.ns(5))]
    [summary] = [message for message in messages if isinstance(message, Summary)]

    assert (summary.count[0], summary.mean[0], summary.max[0]) == (2, 2.0, 3.0)
    assert summary.quality[0] == Quality.INVALID
    assert [type(message) for message in messages] == [Change] * 3 + [Summary]


def test_empty_batch(core, make):
    """A device that answers with nothing changes nothing."""
    none = np.array([], np.int32)
    empty = Batch(none, none.astype(float), none.astype(np.uint16), none.astype(np.int64), core.ns(1))

    assert list(make().observe(empty)) == []


def test_loss(core, make):
    """A lost device: its status points change quality at once, its window says so, its alarm names it."""
    pipeline = make()
    carried(pipeline, [core.batch(0, {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0})])
    seen = [
        core.event(1, "lost"),
        *(each for s in (3.1, 7, 10, 20) for each in (core.batch(s, {3: 1.0}), Tick(core.ns(s)))),
    ]
    messages = carried(pipeline, seen)

    assert [type(message) for message in messages] == [Change, Alarm, *[Summary] * 4]
    assert (messages[0].quality.tolist(), messages[1].id) == ([Quality.COMM_LOST], "bay1/comm_lost")
    assert [(m.device, int(m.count[0]), int(m.quality[0])) for m in messages[2:]] == [
        ("bay1", 1, Quality.COMM_LOST),
        ("bay2", 3, 0),
        ("bay1", 0, Quality.COMM_LOST),
        ("bay2", 1, 0),
    ]
