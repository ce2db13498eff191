"""Stuck: standing still while being read; zeros, status points and silence are something else."""

import numpy as np
import pytest

from detectors.deviation.config import DeviationConfig
from detectors.stuck import StuckConfig
from gateway.core.messages import Alarm
from gateway.core.pipeline import Pipeline


@pytest.fixture
def build(bench):
    def make(points=("*",)):
        table = bench.points({"bay1": [bench.measured("va"), bench.status("cb")]})
        return StuckConfig(after_s=10, points=points).build(table)

    return make


def polled(bench, begin_s, end_s, value):
    """Read both points once a second, with a tick after each."""
    pairs = bench.every(1, begin_s, end_s, lambda at_s: (bench.batch(at_s, {0: value, 1: value}), bench.tick(at_s)))
    return [each for pair in pairs for each in pair]


def test_stuck_and_freed(build, bench):
    """A value that stood still for the time is found once, and ends when it moves by a digit; a status may stand."""
    detector = build()

    assert bench.said(detector, *polled(bench, 0, 9, 5.0)) == []
    assert bench.said(detector, *polled(bench, 10, 30, 5.0)) == [("stuck", True)]
    assert bench.said(detector, *polled(bench, 31, 31, 5.0000001)) == [("stuck", False)]


def test_exact_zero_may_stand(build, bench):
    """A de-energised feeder measures zero for months."""
    assert bench.said(build(), *polled(bench, 0, 100, 0.0)) == []


@pytest.mark.parametrize("connected", [True, False])
def test_silence_is_not_standing_still(build, bench, connected):
    """A point that was not read, or read badly, did not stand still: after the silence counting begins anew."""
    detector = build()
    silence = [bench.tick(at_s) for at_s in range(1, 60)] + [bench.batch(59.5, {0: 9.0}, 1)]
    back = [bench.event(60, "lost"), bench.event(60, "connected")] if connected else []

    assert bench.said(detector, *polled(bench, 0, 0, 5.0), *silence, *back, *polled(bench, 60, 69, 5.0)) == []
    assert bench.said(detector, *polled(bench, 70, 71, 5.0)) == [("stuck", True)]


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_clock_step_is_not_standing_still(build, bench, step_s):
    """A clock that is set forth or back adds nothing to the time a value stood still, and takes away only what was."""
    detector = build()

    assert bench.said(detector, *polled(bench, 0, 5, 5.0), *polled(bench, 6 + step_s, 15 + step_s, 5.0)) == []
    assert bench.said(detector, *polled(bench, 16 + step_s, 17 + step_s, 5.0)) == [("stuck", True)]


def test_resume_then_clear(build, bench):
    """After a restart the same value is still stuck, without a second finding; another one frees it."""
    before = build()
    [finding] = [finding for seen in polled(bench, 0, 10, 5.1) for finding in before.observe(seen)]
    detector = build()

    assert detector.resume([finding]) == [finding]
    assert bench.said(detector, *polled(bench, 20, 60, 5.1)) == []
    assert bench.said(detector, *polled(bench, 61, 61, 5.2)) == [("stuck", False)]
    assert build(points=("bay1.cb",)).resume([finding]) == []


def test_one_value_that_stands_still_is_one_alarm(bench):
    """The data-quality bank calls it stuck as well: whoever is first says it, the other adds nothing; it ends once."""
    table = bench.points({"bay1": [bench.measured("va")]})
    detectors = {"stuck": [StuckConfig(after_s=600).build(table)], "deviation": [DeviationConfig().build(table)]}
    pipeline = Pipeline(table, detectors, 3600)
    noise = np.random.default_rng(1).normal(100, 1, 4_500).round(3)
    noise[3_700:4_400] = 100.0
    alarms = []
    for at_s, value in enumerate(noise.tolist()):
        for seen in (bench.batch(at_s, {0: value}), bench.tick(at_s)):
            alarms += [each for each in pipeline.observe(seen) if isinstance(each, Alarm)]

    assert [(each.id, each.detector, each.active, each.count) for each in alarms] == [
        ("bay1/va/stuck", "deviation", True, 1),
        ("bay1/va/stuck", "deviation", False, 1),
    ]
