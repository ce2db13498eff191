"""Communication lost: after its delay, once, and back at once."""

import pytest

from detectors.comm_lost import CommLost


@pytest.fixture
def build(bench):
    points = bench.points({"bay1": [bench.measured("a")], "bay2": [bench.measured("a")], "empty": []})
    return lambda **keys: CommLost(**keys).build(points)


def test_delay_and_back(build, bench):
    """A device that is away for longer than the delay is found once; its return is found at once."""
    detector = build()

    assert bench.said(detector, bench.event(0, "lost"), bench.event(1, "lost"), bench.tick(1.9)) == []
    assert bench.said(detector, bench.tick(2), bench.tick(3), bench.event(4, "lost")) == [("comm_lost", True)]
    [finding] = detector.observe(bench.event(63, "connected"))
    assert (finding.active, finding.text) == (False, "bay1 answers again after 63 s")


def test_short_loss_is_no_alarm(build, bench):
    """A device that is back within the delay was never away."""
    seen = [bench.event(0, "lost"), bench.event(1, "connected"), bench.tick(60)]

    assert bench.said(build(), *seen) == []


def test_no_delay(build, bench):
    """Without a delay the loss itself is the alarm."""
    assert bench.said(build(after_s=0), bench.event(0, "lost")) == [("comm_lost", True)]


def test_clock_set_back_during_delay(build, bench):
    """A clock that is set back does not put the alarm off by the step."""
    detector = build()

    assert bench.said(detector, bench.event(5000, "lost"), bench.tick(1000)) == []
    assert bench.said(detector, bench.tick(1002)) == [("comm_lost", True)]


def test_resume_does_not_hide_another(build, bench):
    """A device that was lost before a restart is not lost twice, and does not hide the loss of another."""
    [finding] = build(after_s=0).observe(bench.event(0, "lost"))
    detector = build()

    assert detector.resume([finding]) == [finding]
    assert bench.said(detector, bench.event(10, "lost", "bay2"), bench.tick(12)) == [("comm_lost", True)]
    assert bench.said(detector, bench.event(13, "lost"), bench.tick(20)) == []
    assert bench.said(detector, bench.event(21, "connected")) == [("comm_lost", False)]


def test_only_devices_with_watched_points(build, bench):
    """A device without points, or without one that matches, is not watched; nor one that is not configured."""
    chosen = build(after_s=0, points=("bay2.*",))
    seen = [bench.event(0, "lost", device) for device in ("bay1", "empty", "gone")]
    [finding] = build(after_s=0).observe(bench.event(0, "lost"))

    assert bench.said(chosen, *seen) == []
    assert chosen.resume([finding]) == []
