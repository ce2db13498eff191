"""Stale: silence of single points while their device is connected."""

import pytest

from detectors.stale import StaleConfig


@pytest.fixture
def points(bench):
    slow = bench.measured("slow", every_s=10.0)
    return bench.points({"bay1": [bench.measured("va"), bench.measured("vb"), slow], "bay2": [bench.measured("p")]})


@pytest.fixture
def build(points):
    return lambda **keys: StaleConfig(**keys).build(points)


def silent(detector, *seen):
    """Return the sets of silent rows that `detector` tells."""
    return [finding.rows for each in seen for finding in detector.observe(each)]


def ticks(bench, begin_s, end_s):
    return bench.every(1, begin_s, end_s, bench.tick)


def test_silence_of_a_point(build, bench):
    """A point is silent after five of its own intervals, at least 5 s; a reading of any quality ends it."""
    detector = build()
    polls = [
        each
        for at_s in range(8)
        for each in (bench.batch(at_s, {0: 1.0, 3: 1.0} if at_s else {0: 1.0, 1: 1.0, 3: 1.0}), bench.tick(at_s))
    ]

    assert silent(detector, *polls) == [(1,)]
    assert silent(detector, bench.batch(8, {0: 1.0, 1: 0.0, 3: 1.0}, 1), bench.tick(8)) == [()]


def test_each_change_of_the_set(build, bench):
    """One finding a device, renewed when its set of silent points changes."""
    assert silent(build(), *ticks(bench, 0, 60)) == [(0, 1), (3,), (0, 1, 2)]


def test_lost_device_is_not_stale(build, bench):
    """A lost device is another alarm; when it is back, silence counts from there."""
    detector = build()

    assert silent(detector, bench.event(0, "lost"), bench.event(0, "lost", "bay2"), *ticks(bench, 0, 100)) == []
    assert silent(detector, bench.event(100, "connected"), *ticks(bench, 101, 105)) == []
    assert silent(detector, *ticks(bench, 106, 106)) == [(0, 1)]


def test_loss_ends_the_stale_alarm(build, bench):
    """When the whole device is lost, its stale alarm gives way, and says why."""
    detector = build(points=("bay1.v*",))
    silent(detector, *ticks(bench, 0, 10))
    detector.observe(bench.event(10, "lost"))
    [finding] = detector.observe(bench.tick(11))

    assert (finding.active, finding.text) == (False, "bay1 is lost as a whole")


@pytest.mark.parametrize("step_s", [-5000, 5000])
def test_clock_step_is_no_silence(build, bench, step_s):
    """A clock that is set forth or back makes nobody silent, and nobody who is silent heard."""
    detector = build(points=("bay1.v*",))
    polls = [each for at_s in range(8) for each in (bench.batch(at_s, {0: 1.0}), bench.tick(at_s))]

    assert silent(detector, *polls) == [(1,)]
    assert silent(detector, *ticks(bench, 8 + step_s, 13 + step_s)) == []
    assert silent(detector, *ticks(bench, 14 + step_s, 14 + step_s)) == [(0, 1)]


def test_resume_stays_silent(build, bench):
    """After a restart neither the first tick nor the connection ends the alarm, only a reading does."""
    before = build(points=("bay1.v*",))
    [finding] = [finding for seen in ticks(bench, 0, 10) for finding in before.observe(seen)]
    detector = build(points=("bay1.v*",))

    assert detector.resume([finding]) == [finding]
    assert silent(detector, bench.tick(20), bench.event(20, "connected"), *ticks(bench, 20, 30)) == []
    assert silent(detector, bench.batch(30, {0: 1.0}), bench.tick(31)) == [(1,)]
    assert silent(detector, bench.batch(31, {0: 1.0, 1: 1.0}), bench.tick(32)) == [()]
    assert build(points=("bay2.*",)).resume([finding]) == []
