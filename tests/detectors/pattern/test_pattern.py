"""Patterns: a tag that leaves what it does at this hour is told once, and the day as it always was never."""

import copy
import functools

import numpy as np
import pytest
from frames import frame, points, told

from detectors.model import Severity
from detectors.pattern.config import PatternConfig
from detectors.pattern.likelihood import USUAL

DAY = 1440
MINUTE_S = 60
LEARNED = 5 * DAY


def days(minutes, begin=0, seed=0, tags=2):
    """Return float64[minutes, tags]: a load with a daily curve and noise."""
    rng = np.random.default_rng(seed)
    hour = np.arange(begin, begin + minutes) / 60
    return (100 + 10 * np.sin(2 * np.pi * hour / 24))[:, None] + rng.standard_normal((minutes, tags))


def frames(values, begin=0):
    return [frame((begin + k) * MINUTE_S, row) for k, row in enumerate(values)]


@functools.cache
def learned():
    detector = PatternConfig().build(points({"bay1": [None, None]}))
    assert not told(detector, frames(days(LEARNED)))
    return detector


@pytest.fixture
def ready():
    """Return a detector that has learned for five days."""
    return copy.deepcopy(learned())


def said_later(detector, values):
    return [finding for each in frames(values, LEARNED) for finding in detector.observe(each)]


def test_it_says_when_it_is_ready(ready):
    """After the day that makes the profile, three more are learned from."""
    [told_] = ready.learned()

    assert (told_.subject, told_.state, told_.share, told_.detail) == ("bay1", "ready", 1.0, "2 of 2 tags")


def test_ordinary_days_say_nothing(ready):
    """Two more days of the same curve and noise are no news."""
    assert not said_later(ready, days(2 * DAY, LEARNED, seed=1))


def test_a_level_of_another_hour(ready):
    """What is usual at noon is told at midnight, once, with what was expected, and that it is over."""
    values = days(600, LEARNED, seed=1)
    values[100:200, 0] += 30

    said = said_later(ready, values)

    assert [(f.kind, f.active, f.rows) for f in said] == [
        ("pattern_break", True, (0,)),
        ("pattern_break", False, (0,)),
    ]
    begun = said[0]
    assert begun.time_ns == frame((LEARNED + 100) * MINUTE_S, [0]).time_ns
    assert begun.expected == pytest.approx(104, abs=3)
    assert begun.score >= 1
    assert begun.severity in (Severity.INFO, Severity.WARNING)
    assert "bay1.p0 is 1" in begun.text
    assert "usual at 01 h UTC" in begun.text


def test_a_little_for_long(ready):
    """A level that is off by no more than its noise now and then reaches is told when it stays, within two hours."""
    values = days(600, LEARNED, seed=1)
    values[100:, 1] += 5

    said = said_later(ready, values)

    assert {(f.kind, f.rows) for f in said} == {("pattern_break", (1,))}
    assert said[0].time_ns < frame((LEARNED + 220) * MINUTE_S, [0]).time_ns


def test_unrest(ready):
    """A tag whose noise grows fivefold around the same mean is told."""
    values = days(600, LEARNED, seed=1)
    values[100:, 0] += 5 * np.random.default_rng(2).standard_normal(500)

    assert {f.rows for f in said_later(ready, values)} == {(0,)}


def test_data_of_five_minutes_is_taken_as_it_comes():
    """Where a reading comes once in five minutes, frames between change nothing: there is nothing new in them."""
    sparse, filled = (PatternConfig().build(points({"bay1": [None]})) for _ in range(2))
    values = days(400, tags=1)[:, 0]
    for k, value in enumerate(values):
        sparse.observe(frame(300 * k, [value]))
        for second in range(0, 300, 30):
            filled.observe(frame(300 * k + second, [value], fresh=[second == 0]))

    assert sparse.score.tolist() == filled.score.tolist()
    assert all((sparse.state()[name] == array).all() or np.isnan(array).any()
               for name, array in filled.state().items() if name != "_slot")  # fmt: skip


def test_quick_readings_are_taken_at_its_interval():
    """Of the readings of a minute one is taken."""
    detector = PatternConfig(every_s=60).build(points({"bay1": [None]}))
    for at_s in range(600):
        detector.observe(frame(at_s, [float(at_s)]))

    assert detector.state()["likelihood.profile_count"].tolist() == [10]


def test_a_slow_mean_does_not_stall():
    """From 110,000 towards 110,000.5 the mean of an hour arrives: it is kept in float64."""
    detector = PatternConfig().build(points({"bay1": [None]}))
    for k in range(12 * DAY // 10):
        detector.observe(frame(600 * k, [110_000.0 if k < DAY // 10 else 110_000.5]))

    assert detector.state()["likelihood._cells"][USUAL, 0] == pytest.approx(110_000.5, abs=0.1)


def test_its_state_is_small():
    """Less than half of the thousand bytes a tag."""
    detector = PatternConfig().build(points({"bay1": [None] * 100}))

    assert sum(array.nbytes for array in detector.state().values()) < 500 * 100


def test_a_resumed_finding_is_ended(ready):
    """What was active before a restart ends when the pattern is whole again."""
    values = days(300, LEARNED, seed=1)
    values[100:110, 0] += 40
    seen = frames(values, LEARNED)
    begun = [finding for each in seen[:105] for finding in ready.observe(each)]
    again = PatternConfig().build(points({"bay1": [None, None]}))
    again.restore({name: array.copy() for name, array in ready.state().items()})

    assert again.resume(begun) == begun
    assert [f.active for each in seen[105:] for f in again.observe(each)] == [False]
    assert again.resume([]) == []
