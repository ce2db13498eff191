"""A frame is the plant as it was known at a full second: what is new in it, and what is not known."""

import numpy as np

from detectors.model import Finding, Report, Severity
from gateway.core.pipeline import Pipeline
from protocols.model import Frame, Quality, Tick


class Watcher:
    """Keeps the frames it sees; says once what it was given."""

    def __init__(self, *says):
        self.frames, self._says = [], list(says)

    def observe(self, seen):
        if not isinstance(seen, Frame):
            return ()
        self.frames.append(seen)
        said, self._says = self._says, []
        return said

    def resume(self, active):
        return active


def watched(core, *says):
    watcher = Watcher(*says)
    return Pipeline(core.points(), {"watcher": [watcher]}, window_s=10), watcher


def test_one_frame_a_second(core):
    """However often it ticks, and whatever was read, a frame comes with the first tick of each second."""
    pipeline, watcher = watched(core)

    for quarter in range(9):
        pipeline.observe(Tick(core.ns(quarter / 4)))

    assert [frame.time_ns for frame in watcher.frames] == [core.ns(0), core.ns(1), core.ns(2)]


def test_what_was_read_is_fresh_once(core):
    """A point that was not read again keeps its value and is not fresh; one that is not usable has none."""
    pipeline, watcher = watched(core)

    pipeline.observe(core.batch(0, {0: 1.0, 1: 2.0}))
    pipeline.observe(Tick(core.ns(0)))
    pipeline.observe(core.batch(0.5, {0: 3.0, 3: np.inf}))
    pipeline.observe(core.batch(0.5, {1: 9.0}, quality=Quality.INVALID))
    pipeline.observe(Tick(core.ns(1)))

    first, second = watcher.frames
    np.testing.assert_array_equal(first.values, [1.0, 2.0, np.nan, np.nan])
    np.testing.assert_array_equal(first.fresh, [True, True, False, False])
    np.testing.assert_array_equal(second.values, [3.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(second.fresh, [True, False, False, False])


def test_a_lost_device_is_not_known(core):
    """Its last values are no values of now."""
    pipeline, watcher = watched(core)

    pipeline.observe(core.batch(0, {0: 1.0, 3: 2.0}))
    pipeline.observe(core.event(0.1, "lost"))
    pipeline.observe(Tick(core.ns(1)))

    np.testing.assert_array_equal(watcher.frames[0].values, [np.nan, np.nan, np.nan, 2.0])


def test_a_clock_that_is_set_moves_the_calendar_only(core):
    """The time that detectors live in goes on; UTC is told beside it."""
    pipeline, watcher = watched(core)

    pipeline.observe(Tick(core.ns(0)))
    pipeline.observe(Tick(core.ns(3601), stepped_ns=core.ns(3600) - core.ns(0)))

    assert [(frame.time_ns, frame.utc_ns) for frame in watcher.frames] == [
        (core.ns(0), core.ns(0)), (core.ns(1), core.ns(3601))
    ]  # fmt: skip


def test_a_report_is_a_message_and_is_kept(core):
    """It goes upstream as it is, and the last one of each subject is there to be asked for."""
    report = Report("asset", "t1", core.ns(0), {"health": 97})
    pipeline, _ = watched(core, report)

    assert report in pipeline.observe(Tick(core.ns(0), synchronised=False))
    assert pipeline.reports == {("asset", "t1"): report}


def test_a_finding_of_a_frame_is_an_alarm(core):
    """Whatever it was found by."""
    pipeline, _ = watched(core, Finding("watcher", "odd", "bay1", Severity.INFO, core.ns(0), "odd", rows=(0,)))

    assert "bay1/va/odd" in [getattr(message, "id", "") for message in pipeline.observe(Tick(core.ns(0)))]


def test_a_frame_is_complete_when_every_point_is_fresh_and_believable(core):
    """Nobody has to look at a complete frame for what is missing; one old, or one absurd, value makes it none."""
    pipeline, watcher = watched(core)
    everything = dict.fromkeys(range(len(core.points())), 1.0)

    for at_s, readings in enumerate([everything, {0: 1.0}, everything | {0: 1e300}, everything]):
        pipeline.observe(core.batch(at_s, readings))
        pipeline.observe(Tick(core.ns(at_s)))

    assert [frame.complete for frame in watcher.frames] == [True, False, False, True]
