"""Refused: the point is named once, and released by word or by a good reading."""

import pytest

from detectors.refused import RefusedConfig


@pytest.fixture
def build(bench):
    points = bench.points({"bay1": [bench.measured(name) for name in "abc"]})
    return lambda **keys: RefusedConfig(**keys).build(points)


def test_refused_and_accepted(build, bench):
    """Each refused point is found once, and ends when it is accepted."""
    detector = build()

    assert len(bench.said(detector, *[bench.event(at_s, "refused", rows=(0, 2)) for at_s in range(3)])) == 2
    assert bench.said(detector, bench.event(4, "accepted", rows=(1, 2))) == [("bad_address", False)]


def test_good_reading_ends_what_an_earlier_run_found(build, bench):
    """A driver that was started anew does not know what was refused before: the first good reading ends the alarm."""
    [finding] = build().observe(bench.event(0, "refused", rows=(1,)))
    detector = build()

    assert detector.resume([finding]) == [finding]
    assert bench.said(detector, bench.batch(1, {0: 1.0, 1: float("nan")}, bench.quality.BAD_REFERENCE)) == []
    assert bench.said(detector, bench.batch(2, {0: 1.0, 1: 1.0}), bench.batch(3, {1: 1.0})) == [("bad_address", False)]


def test_points_pattern_chooses(build, bench):
    """Points that do not match are not watched."""
    detector = build(points=("bay1.a",))
    [finding] = build().observe(bench.event(0, "refused", rows=(1,)))

    assert bench.said(detector, bench.event(0, "refused", rows=(1,))) == []
    assert detector.resume([finding]) == []
