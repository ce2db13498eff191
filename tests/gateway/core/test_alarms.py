"""Alarms: single promises of ISA-18.2; the whole life stands in test_alarm_life."""

from dataclasses import replace

import pytest

from detectors.model import Severity
from gateway.core.alarms import SHELVE_MAX_NS, AlarmError, Alarms
from gateway.core.messages import AlarmState
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

ID = "bay1/va/limit_high"


@pytest.fixture
def alarms(core):
    return Alarms(core.points())


def test_same_finding_twice_is_one_alarm(core, alarms):
    """What is active already is not told again."""
    assert [len(alarms.observe(core.finding(at))) for at in range(3)] == [1, 0, 0]


def test_return_without_alarm_is_nothing(core, alarms):
    """An end without a beginning makes no alarm."""
    assert (alarms.observe(core.finding(active=False)), len(alarms)) == ((), 0)


def test_ids_name_the_source(core, alarms):
    """The same condition of the same source has the same id for ever; a device's alarm names the device."""
    findings = [core.finding(), core.finding(rows=(), kind="comm_lost"), core.finding(rows=(1,), kind="stale")]

    assert [alarms.observe(each)[0].id for each in findings] == [ID, "bay1/comm_lost", "bay1/stale"]


def test_count_and_times(core, alarms):
    """An alarm that comes again before it was acknowledged counts on, and keeps its first time."""
    for at_s in (0, 2):
        alarms.observe(core.finding(at_s))
        alarms.observe(core.finding(at_s + 1, active=False))
    [alarm] = alarms

    assert (alarm.count, alarm.first_ns, alarm.last_ns) == (2, core.ns(0), core.ns(3))
    assert alarms.acknowledge(ID, by="ann", now_ns=core.ns(4)).state is AlarmState.NORMAL
    assert alarms.observe(core.finding(5))[0].count == 1


def test_ack_survives_a_change_of_points(core, alarms):
    """Another set of points, or another severity, of an acknowledged alarm is told, and stays acknowledged by whom."""
    stale = core.finding(kind="stale", rows=(0,))
    alarms.observe(stale)
    alarms.acknowledge("bay1/stale", by="ann", now_ns=core.ns(1))
    [wider] = alarms.observe(replace(stale, rows=(0, 1)))
    [worse] = alarms.observe(replace(stale, rows=(0, 1), severity=Severity.CRITICAL))

    assert [(a.state, a.count, a.by) for a in (wider, worse)] == [(AlarmState.ACTIVE_ACKED, 1, "ann")] * 2
    assert (wider.points, worse.severity) == (("va", "vb"), Severity.CRITICAL)


def test_shelf_has_an_end(core, alarms):
    """Shelving ends in the future, and no later than 30 days from now."""
    alarms.observe(core.finding())
    for until_ns in (core.ns(1), core.ns(1) + SHELVE_MAX_NS + 1):
        with pytest.raises(AlarmError, match="30 days"):
            alarms.shelve(ID, until_ns=until_ns, by="ann", now_ns=core.ns(1))

    assert alarms.shelve(ID, until_ns=core.ns(1) + SHELVE_MAX_NS, by="ann", now_ns=core.ns(1)).by == "ann"


def test_commands_on_nothing(core, alarms):
    """A command on an alarm that is not there says so."""
    for order in (alarms.acknowledge, alarms.unshelve):
        with pytest.raises(AlarmError, match="no alarm 'x'"):
            order("x", by="ann", now_ns=1)
    alarms.observe(core.finding())
    with pytest.raises(AlarmError, match="not shelved"):
        alarms.unshelve(ID, by="ann", now_ns=1)


def test_shelves_end_in_a_fixed_order(core, alarms):
    """Shelves that end together end in the same order in every run: a replay must not depend on how strings hash."""
    rows = (2, 0, 1)
    for row in rows:
        alarms.observe(core.finding(rows=(row,)))
    for alarm in alarms:
        alarms.shelve(alarm.id, until_ns=core.ns(9), by="ann", now_ns=core.ns(1))

    assert [alarm.id for alarm in alarms.tick(core.ns(9))] == sorted(alarm.id for alarm in alarms)


def restored(core, alarms, points):
    """Return the alarms of before under another table of points."""
    again = Alarms(points)
    again.restore(alarms)
    return again


def test_forget_what_left(core, alarms):
    """What left the configuration returns to normal, acknowledged and off the shelf, and says why."""
    alarms.observe(core.finding())
    alarms.shelve(ID, until_ns=core.ns(9), by="ann", now_ns=core.ns(1))
    [gone] = alarms.forget(["limits"], [], core.ns(2))

    assert (gone.state, gone.active, gone.text) == (AlarmState.NORMAL, False, "t (no longer watched)")
    assert (len(alarms), alarms.tick(core.ns(99))) == (0, [])


@pytest.mark.parametrize(
    "devices",
    [{"bay1": ["vb"]}, {"bay2": ["va"]}, {"bay1": []}, {}],
    ids=["point gone", "point moved to another device", "empty device", "nothing"],
)
@pytest.mark.parametrize("active", [True, False])
def test_forget_points_that_left(core, alarms, devices, active):
    """An alarm of a point that is gone, or moved to another device, is no alarm of what has its name now."""
    alarms.observe(core.finding())
    if not active:
        alarms.observe(core.finding(1, active=False))
    points = Points.of([(DeviceConfig(name=d), [PointConfig(name=p) for p in ps]) for d, ps in devices.items()])
    again = restored(core, alarms, points)

    assert again.findings() == {}
    assert [alarm.id for alarm in again.forget(["limits"], [], core.ns(2))] == [ID]


def test_rows_follow_the_name(core, alarms):
    """After points were added before it, an alarm stands at the new row of its point."""
    alarms.observe(core.finding())
    points = Points.of([(DeviceConfig(name="bay1"), [PointConfig(name=name) for name in ("new", "va")])])
    [finding] = restored(core, alarms, points).findings()["limits"]

    assert finding.rows == (1,)


def test_forget_keeps_what_is_watched(core, alarms):
    """What its detector took up, and what returned but is not acknowledged, stays."""
    alarms.observe(core.finding())
    alarms.observe(core.finding(rows=(1,)))
    alarms.observe(core.finding(1, rows=(1,), active=False))

    assert alarms.forget(["limits"], [core.finding()], core.ns(2)) == []
    assert [alarm.id for alarm in alarms.forget(["rate"], [core.finding()], core.ns(2))] == [ID, "bay1/vb/limit_high"]
