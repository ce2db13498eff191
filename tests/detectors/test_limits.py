"""Limits: each level with its hysteresis and its delays, and what must not move a state."""

import math
from dataclasses import replace

import pytest

from detectors.limits import LimitsConfig
from detectors.model import Severity
from protocols.point import Limits

LIMITS = {"low_low": 180.0, "low": 207.0, "high": 253.0, "high_high": 264.0, "hysteresis": 2.0}


@pytest.fixture
def build(bench):
    def make(**keys):
        points = bench.points({"bay1": [bench.measured("va", unit="V", limits=Limits(**{**LIMITS, **keys}))]})
        return LimitsConfig().build(points)

    return make


@pytest.fixture
def one(bench):
    return lambda at_s, value, quality=0: bench.batch(at_s, {0: value}, quality)


@pytest.mark.parametrize(
    ("value", "levels"),
    [
        (230.0, []),
        (207.0, []),
        (206.9, ["limit_low"]),
        (179.9, ["limit_low_low", "limit_low"]),
        (253.0, []),
        (253.1, ["limit_high"]),
        (264.1, ["limit_high", "limit_high_high"]),
        (math.inf, ["limit_high", "limit_high_high"]),
        (-math.inf, ["limit_low_low", "limit_low"]),
    ],
)
def test_crossed_levels(build, bench, one, value, levels):
    """Every level that is crossed is found; the limit itself is still normal."""
    assert bench.said(build(), one(1, value)) == [(level, True) for level in levels]


@pytest.mark.parametrize(("beyond", "back"), [(206.0, 209.0), (254.0, 251.0)])
def test_hysteresis(build, bench, one, beyond, back):
    """An alarm ends only when the value came back by the hysteresis, and begins again only beyond the limit."""
    detector = build()
    inside = (beyond + back) / 2

    assert [active for _, active in bench.said(detector, one(1, beyond), one(2, inside), one(3, back))] == [True, False]
    assert bench.said(detector, one(4, inside)) == []


def test_finding_tells_the_story(build, one):
    """A finding names point, value, unit and limit; LL and HH are one step more severe."""
    low_low, low = build().observe(one(1, 170.0))

    assert (low_low.severity, low.severity) == (Severity.CRITICAL, Severity.WARNING)
    assert low.text == "bay1.va 170 V is below low 207 V"
    assert (low.expected, low.actual, low.evidence["beyond"]) == (207.0, 170.0, 37.0)


def test_on_delay_fires_between_scans(build, bench, one):
    """The on-delay ends on time even when the next reading is far away."""
    detector = build(on_delay_s=2)

    assert bench.said(detector, one(0, 260), bench.tick(1.75)) == []
    assert bench.said(detector, bench.tick(2)) == [("limit_high", True)]


def test_short_crossing_is_no_alarm(build, bench, one):
    """A value that comes back within the on-delay begins it anew next time."""
    detector = build(on_delay_s=2)

    assert bench.said(detector, one(0, 260), one(1, 230), one(2, 260), bench.tick(3.5)) == []
    assert bench.said(detector, one(4, 260)) == [("limit_high", True)]


def test_off_delay_fires_between_scans(build, bench, one):
    """The return to normal waits for the off-delay, and fires on a tick."""
    detector = build(off_delay_s=2)

    assert bench.said(detector, one(0, 260), one(1, 230), bench.tick(2.9)) == [("limit_high", True)]
    assert bench.said(detector, bench.tick(3)) == [("limit_high", False)]


@pytest.mark.parametrize("quality", ["INVALID", "COMM_LOST", "FAILURE", "BAD_REFERENCE", "RESTART"])
def test_bad_quality_holds(build, bench, one, quality):
    """A value that cannot be trusted neither begins nor ends an alarm."""
    detector, bad = build(), bench.quality[quality]

    assert bench.said(detector, one(0, 300, bad), one(1, 260), one(2, 230, bad), one(3, math.nan)) == [
        ("limit_high", True)
    ]
    assert bench.said(detector, one(4, 230)) == [("limit_high", False)]


@pytest.mark.parametrize("gap", ["bad", "nan", "lost"])
def test_delay_needs_good_readings(build, bench, one, gap):
    """A delay never ends on a value that is not known any more, and begins anew with the next good reading."""
    detector = build(on_delay_s=10)
    unknown = {"bad": one(1, 260, 1), "nan": one(1, math.nan), "lost": bench.event(1, "lost")}[gap]

    assert bench.said(detector, one(0, 260), unknown, bench.tick(11), one(12, 260), bench.tick(21)) == []
    assert bench.said(detector, bench.tick(22)) == [("limit_high", True)]


def test_clock_set_back_during_delay(build, bench, one):
    """A clock that is set back makes a delay longer by itself at most, not by the step."""
    detector = build(on_delay_s=2)

    assert bench.said(detector, one(5000, 260), bench.tick(1000)) == []
    assert bench.said(detector, bench.tick(1002)) == [("limit_high", True)]


def test_resume_then_clear(build, bench, one):
    """An alarm from before a restart is not raised twice, and ends with the first normal reading."""
    [finding] = build().observe(one(0, 260))
    detector = build()

    assert detector.resume([finding]) == [finding]
    assert bench.said(detector, one(1, 261)) == []
    assert bench.said(detector, one(2, 230)) == [("limit_high", False)]


@pytest.mark.parametrize("left", [None, Limits(low=200.0)])
def test_resume_without_the_limit(bench, build, one, left):
    """An alarm whose limit left the configuration is not taken up, and no reading stumbles over it."""
    [finding] = build().observe(one(0, 260))
    detector = LimitsConfig().build(bench.points({"bay1": [bench.measured("va", limits=left)]}))

    assert detector.resume([finding]) == []
    assert bench.said(detector, one(1, 230), one(2, 300)) == []


def test_points_pattern_chooses(bench, one):
    """Only points that match are judged; others are not resumed either."""
    points = bench.points({"bay1": [bench.measured("va", limits=Limits(high=1.0))]})
    [finding] = LimitsConfig().build(points).observe(one(0, 2))
    other = LimitsConfig(points=("bay2.*",)).build(points)

    assert bench.said(other, one(0, 2)) == []
    assert other.resume([replace(finding)]) == []
