"""The summary of a day is what one would add up by hand; nothing of it depends on restarts."""

import json

import numpy as np
import pytest

from detectors.daily.calendar import day_at, zone
from detectors.daily.config import DailyConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
MIDNIGHT_S = 1_700_006_400 - 3 * 3600
"""2023-11-15 in Nairobi begins, which is three hours ahead of UTC."""
BAY = {"bay": "f1", "bus": "b1"}


class Breaker(PointConfig):
    """A breaker's position."""

    @property
    def status(self) -> bool:
        return True


def table():
    points = [
        PointConfig(name="p", unit="kW", role=Role(**BAY, quantity="active_power", phase="total")),
        PointConfig(name="va", unit="V", role=Role(**BAY, quantity="voltage", phase="a", rating=230.0)),
        PointConfig(name="f", unit="Hz", role=Role(bus="b1", quantity="frequency", rating=50.0)),
        Breaker(name="cb", role=Role(**BAY, quantity="breaker")),
    ]
    return Points.of([(DeviceConfig(name="meter"), points)])


def detector():
    return DailyConfig(customers_in=("f1",)).at("Africa/Nairobi").build(table())


def frames(until_s=86_400 + 60, step_s=60):
    """Yield a day, a frame a minute.

    100 kW from 0:00, 300 kW from 12:00, 500 kW from 18:00 to 18:30, 0 while the breaker is open from 20:00 to 20:30, of
    which the last ten minutes are not known; 204 V from 6:00 to 7:00; 50.6 Hz from 3:00 for five minutes.
    """
    for at_s in range(0, until_s, step_s):
        hour = at_s / 3600 % 24
        open_ = 20 <= hour < 20.5
        power = 0.0 if open_ else 500.0 if 18 <= hour < 18.5 else 300.0 if hour >= 12 else 100.0
        volts, hertz = 204.0 if 6 <= hour < 7 else 230.0, 50.6 if 3 <= hour < 3 + 1 / 12 else 50.0
        values = np.array([power, volts, hertz, float(not open_)])
        if 20 + 1 / 3 <= hour < 20.5:
            values[:] = np.nan
        at_ns = (MIDNIGHT_S + at_s) * NS
        yield Frame(at_ns, at_ns, values, np.isfinite(values))


def test_a_day_by_hand():
    """Every number of the summary, added up on paper.

    Quarters of an hour: 48 of 100 kW, 2 of 500 kW, 2 of 0 kW of which the second has five known minutes of fifteen and
    does not count, 44 of 300 kW: 95 in all, sum 4,800 + 1,000 + 13,200 = 19,000 kW, mean 200 kW, energy 4,750 kWh. The
    bay was known to be off at 20:00 and to be on again at 20:30.
    """
    of = detector()

    (report,) = [report for frame in frames() for report in of.observe(frame)]

    assert (report.kind, report.subject, report.time_ns) == ("daily", "f1", (MIDNIGHT_S + 86_400) * NS)
    assert report.body == {
        "date": "2023-11-15",
        "timezone": "Africa/Nairobi",
        "start": "2023-11-14T21:00:00.000Z",
        "end": "2023-11-15T21:00:00.000Z",
        "complete": True,
        "unit": "kW",
        "peak": {"value": 500.0, "start": "2023-11-15T15:00:00.000Z"},
        "minimum": {"value": 0.0, "start": "2023-11-15T17:00:00.000Z"},
        "mean": 200.0,
        "energy": 4750.0,
        "load_factor": 0.4,
        "known_share": 0.989583,
        "voltage": {
            "intervals": 143,
            "en50160_10_percent": 6,
            "en50160_always": 0,
            "ansi_a": 6,
            "ansi_b": 6,
            "lowest_percent": 88.6957,
            "highest_percent": 100.0,
        },
        "frequency": {"intervals": 1430, "1_percent": 5, "always": 0, "lowest": 50.0, "highest": 50.6},
        "interruptions": {"count": 1, "long": 1, "minutes": 30.0},
    }


def test_the_day_so_far():
    """On demand, with the time up to which it goes; it begins nothing anew."""
    of = detector()
    for frame in frames(6 * 3600 + 60):
        of.observe(frame)

    (report,) = of.so_far()

    assert report.body["complete"] is False
    assert report.body["end"] == "2023-11-15T03:00:00.000Z"
    assert (report.body["mean"], report.body["energy"]) == (100.0, 600.0)
    assert of.so_far() == [report]


def test_a_restart_changes_nothing():
    """State put back in the middle of a day gives the same report; one that comes back a day later tells the day."""
    seen = [*frames()]
    before, after, late = detector(), detector(), detector()
    whole = detector()
    expected = [repr(each) for frame in seen for each in whole.observe(frame)]
    for frame in seen[:1220]:
        assert not before.observe(frame)
    after.restore({name: array.copy() for name, array in before.state().items()})
    late.restore({name: array.copy() for name, array in before.state().items()})

    assert [repr(each) for frame in seen[1220:] for each in after.observe(frame)] == expected
    (told,) = late.observe(Frame(seen[-1].time_ns + 10**14, seen[-1].utc_ns + 10**14, seen[-1].values, seen[-1].fresh))
    assert told.body["date"] == "2023-11-15"
    assert told.body["known_share"] < 0.86


@pytest.mark.parametrize("value", [np.nan, 0.0, -5.0, 1e300])
def test_odd_days_are_json(value):
    """Nothing known, nothing flowing, power that is fed back, and nonsense."""
    of = detector()
    told = [
        each
        for frame in frames(86_400 + 600, 600)
        for each in of.observe(Frame(frame.time_ns, frame.utc_ns, np.full(4, value), frame.fresh))
    ]

    assert len(told) == 1
    json.dumps(told[0].body, allow_nan=False)


def test_clocks_that_jump_break_nothing():
    """Back by a minute and by years, forward by years."""
    of = detector()
    for jump_s in (0, -60, -(10**9), 10**9, 0):
        for frame in frames(3600):
            of.observe(Frame(frame.time_ns, frame.utc_ns + jump_s * NS, frame.values, frame.fresh))


def test_days_have_23_to_25_hours():
    """Where summer time begins or ends, the local day is what counts."""
    berlin = zone("Europe/Berlin")
    hours = [
        (day.end_ns - day.start_ns) / 3600 / NS
        for day in (day_at(at * NS, berlin) for at in (1_711_850_000, 1_729_990_000, 1_720_000_000))
    ]

    assert hours == [23.0, 25.0, 24.0]
    assert day_at(0, zone("UTC")).date.isoformat() == "1970-01-01"
