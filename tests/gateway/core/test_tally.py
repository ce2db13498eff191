"""The summary of a day says how many alarms were raised in its bay."""

from dataclasses import replace

import pytest

from detectors.model import Report, Severity
from gateway.core.messages import Alarm, AlarmState
from gateway.core.tally import Tally
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

RAISED = Alarm(
    id="m/p/limit_high", state=AlarmState.ACTIVE_UNACKED, severity=Severity.WARNING, kind="limit_high",
    detector="limits", device="m", points=("p",), first_ns=1, last_ns=1, count=1, text="", active=True, acked=False,
)  # fmt: skip
DAY = Report("daily", "f1", 1, {"complete": True})


@pytest.fixture
def tally():
    points = (PointConfig(name="p", role=Role(bay="f1")), PointConfig(name="q", role=Role(bay="f2")))
    return Tally(Points.of([(DeviceConfig(name="m"), points)]))


def counts(tally, report=DAY):
    return list(tally.joined(report).body["alarms"].values())


def test_each_beginning_counts_once(tally):
    """Acknowledging, escalating and shelving are no beginnings; coming again is."""
    for alarm in (
        RAISED,
        replace(RAISED, state=AlarmState.ACTIVE_ACKED, acked=True),
        replace(RAISED, severity=Severity.CRITICAL),
        replace(RAISED, state=AlarmState.RETURNED_UNACKED, active=False),
        replace(RAISED, count=2),
    ):
        tally.observe(alarm)

    assert counts(tally) == [0, 2, 0, 0]


def test_a_day_that_is_complete_begins_the_next(tally):
    """One that is told so far does not."""
    tally.observe(RAISED)

    assert counts(tally, Report("daily", "f1", 1, {"complete": False})) == [0, 1, 0, 0]
    assert counts(tally) == [0, 1, 0, 0]
    assert counts(tally) == [0, 0, 0, 0]


def test_an_alarm_counts_where_its_points_are(tally):
    """In each of their bays; that of a device in all of its bays; other reports are left alone."""
    tally.observe(replace(RAISED, points=("p", "m.q")))
    tally.observe(replace(RAISED, id="m/comm_lost", points=(), severity=Severity.CRITICAL))

    assert counts(tally) == counts(tally, Report("daily", "f2", 1, {"complete": True})) == [0, 1, 1, 0]
    other = Report("asset", "f1", 1, {})
    assert tally.joined(other) is other


def test_what_was_raised_before_a_restart_was_counted_then(tally):
    """It is told again, and counts no second time."""
    tally.resume([RAISED])
    tally.observe(RAISED)

    assert counts(tally) == [0, 0, 0, 0]
