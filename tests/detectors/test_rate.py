"""Rate of change: by the readings' own times, and only where there are two good ones."""

import math

import pytest

from detectors.rate import RateConfig
from protocols.point import Limits


@pytest.fixture
def build(bench):
    def make(**keys):
        limits = Limits(**{"rate_per_s": 10.0, **keys})
        return RateConfig().build(bench.points({"bay1": [bench.measured("f", limits=limits), bench.measured("x")]}))

    return make


@pytest.fixture
def one(bench):
    return lambda at_s, value, quality=0, **keys: bench.batch(at_s, {0: value, 1: value}, quality, **keys)


def test_fast_then_calm(build, bench, one):
    """Faster than allowed begins, a calm step ends; exactly as fast as allowed is calm."""
    detector = build()

    assert bench.said(detector, one(0, 0), one(1, 10)) == []
    assert bench.said(detector, one(2, 21), one(3, 40), one(4, 41)) == [
        ("rate_of_change", True),
        ("rate_of_change", False),
    ]


def test_off_delay(build, bench, one):
    """It ends when nothing was fast for the off-delay."""
    detector = build(off_delay_s=3)

    assert bench.said(detector, one(0, 0), one(1, 20), one(3, 21)) == [("rate_of_change", True)]
    assert bench.said(detector, one(4, 21)) == [("rate_of_change", False)]


def test_device_time_counts(build, bench, one):
    """Readings that arrive in a burst are judged by their own times."""
    detector = build()

    assert bench.said(detector, one(10, 0, time_s=1), one(10.01, 9, time_s=2), one(10.02, 18, time_s=3)) == []


def test_bad_readings_are_no_step(build, bench, one):
    """Neither a bad quality nor a NaN nor an infinite value is a fast change, nor the base of one."""
    detector = build()
    seen = [one(0, 0), one(1, 500, 1), one(2, math.nan), one(3, math.inf), one(4, 1)]

    assert bench.said(detector, *seen) == []


def test_from_end_to_end_of_float64(build, bench, one):
    """The widest step there is counts as fast, without a warning."""
    assert bench.said(build(), one(0, -1.7e308), one(1, 1.7e308)) == [("rate_of_change", True)]


def test_same_or_older_time_is_no_rate(build, bench, one):
    """Two readings of the same time, or of a clock set back, have no rate: nothing is divided by nothing."""
    detector = build()
    seen = [one(0, 0), one(1, 20), one(2, 90, time_s=1), one(3, 90, time_s=1), one(4, 0, time_s=-50)]

    assert bench.said(detector, *seen) == [("rate_of_change", True)]


def test_clock_set_back_ends_the_off_delay(build, bench, one):
    """An alarm does not wait for a clock that was set back to catch up."""
    detector = build(off_delay_s=3)

    assert bench.said(detector, one(5000, 0), one(5001, 20), one(1000, 20), one(1001, 20)) == [("rate_of_change", True)]
    assert bench.said(detector, one(1004, 20)) == [("rate_of_change", False)]


def test_resume_then_clear(build, bench, one):
    """After a restart the first reading alone is no evidence; the second, calm one ends the alarm with a real rate."""
    detector = build()
    detector.observe(one(0, 0))
    [finding] = detector.observe(one(1, 20))
    again = build()

    assert again.resume([finding]) == [finding]
    assert bench.said(again, one(10, 0)) == []
    [ended] = again.observe(one(11, 5))
    assert (ended.active, ended.actual) == (False, 5.0)


def test_resume_without_the_limit(build, bench, one):
    """An alarm whose limit left the configuration is not taken up."""
    detector = build()
    detector.observe(one(0, 0))
    [finding] = detector.observe(one(1, 20))

    assert build(rate_per_s=None).resume([finding]) == []
