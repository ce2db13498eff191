"""The suite that every detector passes, whatever it looks for: add one to the union and it is tested here."""

import pickle
from dataclasses import astuple, replace
from itertools import chain
from typing import get_args

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import AnyDetector, build, chosen
from detectors.detector import sees
from detectors.kept import Kept
from detectors.limits import LimitsConfig
from detectors.model import Finding
from detectors.rate import RateConfig
from detectors.tflite.config import TfliteConfig
from protocols.model import Batch, Event, EventKind, Frame, Tick, sound
from protocols.point import DeviceConfig, Limits, PointConfig
from protocols.points import Points

NS = 1_000_000_000
KINDS = [kind for kind in get_args(get_args(AnyDetector)[0]) if kind is not TfliteConfig]
"""All but the one that needs a file: it has a suite of its own."""
every_detector = pytest.mark.parametrize("kind", KINDS, ids=[kind().detector for kind in KINDS])
LIMITS = Limits(low_low=-20, low=-10, high=10, high_high=20, on_delay_s=1, off_delay_s=1, rate_per_s=5)
DEVICES = {"bay1": 3, "empty": 0, "bay2": 2}
TOTAL = sum(DEVICES.values())


def table(devices):
    """Return points of `devices`, all with limits."""
    config = [PointConfig(name=f"p{index}", limits=LIMITS) for index in range(max(devices.values(), default=0))]
    return Points.of([(DeviceConfig(name=name), config[:count]) for name, count in devices.items()])


@st.composite
def batches(draw, elements=None):
    rows = sorted(draw(st.sets(st.integers(0, TOTAL - 1), min_size=1)))
    values = draw(st.lists(elements or st.floats(), min_size=len(rows), max_size=len(rows)))
    quality = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2, 1 << 13]), min_size=len(rows), max_size=len(rows)))
    times = draw(st.lists(st.integers(0, 2**61), min_size=len(rows), max_size=len(rows)))
    at_ns = draw(st.integers(1, 2**61))
    return Batch(
        np.array(rows, np.int32),
        np.array(values),
        np.array(quality, np.uint16),
        np.array(times),
        at_ns,
    )


EVENTS = st.builds(
    Event,
    st.sampled_from([*DEVICES, "unknown"]),
    st.sampled_from(EventKind),
    st.just("why"),
    st.integers(1, 2**61),
    st.lists(st.integers(0, TOTAL - 1), unique=True).map(tuple),
)


@st.composite
def frames(draw):
    values = np.array(draw(st.lists(st.floats(allow_infinity=False), min_size=TOTAL, max_size=TOTAL)))
    read = np.array(draw(st.lists(st.booleans(), min_size=TOTAL, max_size=TOTAL)))
    return Frame(draw(st.integers(1, 2**61)), draw(st.integers(1, 2**61)), values, read & np.isfinite(values))


SEEN = st.lists(batches() | EVENTS | st.builds(Tick, st.integers(1, 2**61)) | frames(), max_size=40)


@st.composite
def steady(draw):
    """Return what a calm hour brings: all points each second, with ticks, losses and refusals between."""
    seen = []
    for at_s in range(1, draw(st.integers(1, 30))):
        now_ns = (1_000_000 + at_s) * NS
        values = np.array([draw(st.sampled_from([0.0, 1.0, 15.0, 25.0, -15.0, np.nan])) for _ in range(TOTAL)])
        quality = np.array([draw(st.sampled_from([0, 0, 0, 1])) for _ in range(TOTAL)], np.uint16)
        all_rows = np.arange(TOTAL, dtype=np.int32)
        seen.append(Batch(all_rows, values, quality, np.full(TOTAL, now_ns), now_ns))
        if draw(st.booleans()):
            kind = draw(st.sampled_from(["lost", "connected", "refused", "accepted"]))
            seen.append(Event("bay1", EventKind(kind), kind, now_ns, (0, 2)))
        seen.append(Tick(now_ns + 1))
        known = (quality == 0) & np.isfinite(values)
        seen.append(Frame(now_ns + 1, now_ns + 1, np.where(known, values, np.nan), known))
    return seen


def said(detector, seen):
    """Return every finding, in the order of each thing seen, comparable even with NaN."""
    return [sorted(map(repr, map(astuple, detector.observe(each)))) for each in seen]


def findings(detector, seen):
    return [said for each in seen for said in detector.observe(each) if isinstance(said, Finding)]


def restarted(kind, detector, active):
    """Return a new detector that takes up what `detector` kept, and what is active."""
    after = kind().build(table(DEVICES))
    if isinstance(after, Kept):
        after.restore({name: array.copy() for name, array in detector.state().items()})
    after.resume(list(active.values()))
    return after


def split(batch, chosen):
    """Return `batch` as two, with rows that are not contiguous."""
    masks = [np.isin(batch.rows, list(chosen)), ~np.isin(batch.rows, list(chosen))]
    return [
        Batch(batch.rows[m], batch.values[m], batch.quality[m], batch.time_ns[m], batch.arrival_ns)
        for m in masks
        if m.any()
    ]


@every_detector
@pytest.mark.parametrize("devices", [{}, {"bay1": 0}, {"bay1": 1}], ids=["none", "empty", "one"])
def test_any_table(kind, devices):
    """It is built for any number of points, also for none, and lives with ticks and events."""
    detector = kind().build(table(devices))

    assert detector.resume([]) == []
    for event_kind in EventKind:
        assert isinstance(list(detector.observe(Event("bay1", event_kind, "why", NS))), list)
    assert [list(detector.observe(Tick(at_s * NS))) for at_s in (1, 2)] == [[], []]


@every_detector
@examples(4)
@given(seen=SEEN)
def test_a_check_has_nothing_to_say_to_what_it_does_not_see(kind, seen):
    """The pipeline leaves out what such a check would leave unanswered."""
    detector = kind().build(table(DEVICES))

    for each in seen:
        assert list(detector.observe(each)) == [] or type(each) in sees(detector)


@every_detector
@examples(12)
@given(seen=SEEN)
def test_a_check_says_the_same_where_it_need_not_look(kind, seen):
    """A batch that is told to be complete, as the pipeline does where all readings are sound, is only cheaper."""
    one, other = kind().build(table(DEVICES)), kind().build(table(DEVICES))
    for each in seen:
        told = sound(each) if isinstance(each, Batch) else each
        plain = replace(told, complete=False) if isinstance(told, Batch) else told

        assert list(one.observe(told)) == list(other.observe(plain))
    if isinstance(one, Kept):
        assert all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(
            one.state().values(), other.state().values(), strict=True
        ))  # fmt: skip


def test_what_no_point_has_is_not_asked_for():
    """Limits and rates are of no interest where no point has any."""
    points = Points.of([(DeviceConfig(name="a"), [PointConfig(name="p")])])

    assert sees(LimitsConfig().build(points)) == sees(RateConfig().build(points)) == ()


@every_detector
@examples(12)
@given(seen=SEEN)
def test_no_input_breaks_it(kind, seen):
    """Whatever it sees, in any order, with any number, time and quality, raises nothing and warns of nothing."""
    detector = kind().build(table(DEVICES))

    for finding in findings(detector, seen):
        assert finding.detector == kind().detector
        assert finding.text
        assert finding.device in DEVICES


@every_detector
@examples(5)
@given(seen=steady())
def test_same_input_same_findings(kind, seen):
    """It asks no clock and no chance: the same input gives the same findings."""
    assert said(kind().build(table(DEVICES)), seen) == said(kind().build(table(DEVICES)), seen)


@every_detector
@examples(5)
@given(seen=steady(), chosen=st.sets(st.integers(0, TOTAL - 1)))
def test_how_rows_are_batched_is_no_matter(kind, seen, chosen):
    """Points that come in one contiguous batch, or spread over two, give the same findings."""
    whole, parts = kind().build(table(DEVICES)), kind().build(table(DEVICES))

    for each in seen:
        together = said(whole, [each])
        apart = said(parts, split(each, chosen) if isinstance(each, Batch) else [each])
        assert sorted(chain(*apart)) == sorted(chain(*together))


@every_detector
@examples(5)
@given(seen=steady())
def test_begins_and_ends_by_turns(kind, seen):
    """Of each source and kind, it says begin and end by turns, except where the points of the source change."""
    detector, active = kind().build(table(DEVICES)), {}
    for finding in findings(detector, seen):
        source = (finding.device, finding.kind, *(finding.rows if finding.kind != "stale" else ()))
        assert finding.active != active.get(source, False) or finding.kind == "stale"
        active[source] = finding.active


@every_detector
@examples(5)
@given(seen=steady(), data=st.data())
def test_a_restart_changes_nothing(kind, seen, data):
    """What it keeps, and what is active, is all there is to know: after a restart at any time it says the same."""
    cut = data.draw(st.integers(0, len(seen)))
    before, active = kind().build(table(DEVICES)), {}
    for finding in findings(before, seen[:cut]):
        active.pop((finding.device, finding.kind, finding.subject, finding.rows), None)
        if finding.kind == "stale":
            active = {key: each for key, each in active.items() if each.device != finding.device}
        if finding.active:
            active[finding.device, finding.kind, finding.subject, finding.rows] = finding

    after = restarted(kind, before, active)

    assert said(after, seen[cut:]) == said(before, seen[cut:])


@every_detector
def test_state_does_not_grow(kind):
    """After the first batches, three thousand more and their events take no memory."""
    detector, rows = kind().build(table(DEVICES)), np.arange(TOTAL, dtype=np.int32)
    quality = np.zeros(TOTAL, np.uint16)

    def live(begin, end):
        for at_s in range(begin, end):
            now_ns = (1_000_000 + at_s) * NS
            values = np.full(TOTAL, at_s % 500 / 10)
            detector.observe(Batch(rows, values, quality, np.full(TOTAL, now_ns), now_ns))
            detector.observe(Frame(now_ns, now_ns, values, np.ones(TOTAL, np.bool_)))
            if at_s % 25 == 0:
                for event_kind in ("lost", "connected", "refused", "accepted"):
                    detector.observe(Event("bay1", EventKind(event_kind), f"reason {at_s}", now_ns, (0, 1)))
                detector.observe(Tick(now_ns))

    live(0, 600)
    before = len(pickle.dumps(detector))
    live(600, 3_600)

    assert len(pickle.dumps(detector)) < before + 256


def test_always_unless_configured():
    """What always looks does so once; a configured one takes its place, and `enabled: false` its work."""
    points = table(DEVICES)

    assert list(build((), points)) == [config.detector for config in chosen(())]
    assert [len(group) for group in build((LimitsConfig(), LimitsConfig()), points).values()].count(2) == 1
    assert "limits" not in build((LimitsConfig(enabled=False),), points)
