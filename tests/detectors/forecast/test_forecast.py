"""A load is forecast for 48 hours, with a band that holds; whatever it brings, nothing breaks."""

import json
import pickle

import numpy as np
import pytest

from detectors.forecast.config import ForecastConfig
from detectors.model import Finding, Report
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

H = 3_600_000_000_000
WEEK = 168
START = 2_600 * WEEK
"""A Thursday, in hours since 1970."""


def table(*roles):
    """Return a device with a point a role."""
    points = [PointConfig(name=f"p{k}", unit="MW", role=role) for k, role in enumerate(roles)]
    return Points.of([(DeviceConfig(name="bay"), points)])


def detector(loads=1, **keys):
    return ForecastConfig(**keys).build(table(*[Role(quantity="active_power")] * loads))


def curve(hours, seed=1, noise=0.2):
    """Return a load with a day and a week, float64[hours]."""
    at = np.arange(hours)
    weekend = np.where(at // 24 % 7 >= 5, 0.8, 1.0)
    return weekend * (20 + 6 * np.sin(2 * np.pi * at / 24)) + np.random.default_rng(seed).normal(0, noise, hours)


def frames(values, first=START, step=1.0):
    """Yield a frame a row of float64[hours] or float64[hours, loads]; `step` is in hours."""
    for k, row in enumerate(np.atleast_2d(values.T).T):
        at_ns = int((first + k * step) * H)
        yield Frame(at_ns, at_ns, row, np.isfinite(row))


def said(of, seen, kind):
    return [each for frame in seen for each in of.observe(frame) if isinstance(each, kind)]


@pytest.fixture(scope="module")
def five_weeks():
    """Return the state of a detector after five weeks of `curve`."""
    of = detector()
    for frame in frames(curve(5 * WEEK)):
        of.observe(frame)
    return {name: array.copy() for name, array in of.state().items()}


@pytest.fixture
def trained(five_weeks):
    of = detector()
    of.restore(five_weeks)
    return of


def rest(values):
    """Yield the frames after the five weeks."""
    return frames(values[5 * WEEK :], START + 5 * WEEK)


def test_an_hourly_report_says_what_comes(trained):
    """48 hours from the next full hour on, the band around them, the peak, and how good it has been."""
    values = curve(6 * WEEK)

    reports = said(trained, rest(values[: 5 * WEEK + 1]), Report)

    body = reports[-1].body
    assert (reports[-1].kind, reports[-1].subject) == ("forecast", "bay.p0")
    assert body["start"] == "2019-12-05T00:00:00.000Z"
    assert [len(body[key]) for key in ("p10", "p50", "p90")] == [48, 48, 48]
    assert np.abs(np.array(body["p50"]) - values[5 * WEEK : 5 * WEEK + 48]).mean() < 1.5
    assert body["peak"]["value"] == max(body["p50"][:24])
    assert body["error_percent"]["day"] < 5
    assert body["mase"]["day"] < 0.8
    assert 0.7 < body["covered"] < 0.9
    assert body["method"] == "seasonal"
    json.dumps(body, allow_nan=False)


def test_before_two_weeks_it_is_yesterday():
    """From the second day on the same hour of the day before is told, and said to be that."""
    values = curve(3 * 24)

    reports = said(detector(), frames(values), Report)

    assert len(reports) == 3 * 24 - 24
    assert reports[0].body["method"] == "naive"
    np.testing.assert_allclose(reports[0].body["p50"][:24], values[:24], rtol=1e-5)


@pytest.mark.slow
def test_the_band_holds_what_it_says():
    """Of hours that nobody tuned on, about 80 % lie between p10 and p90."""
    values = curve(12 * WEEK, seed=7, noise=1.0)
    of, inside = detector(), []
    for k, frame in enumerate(frames(values[:-24])):
        bodies = [report.body for report in of.observe(frame)] if k > 5 * WEEK else of.observe(frame) and []
        inside += [body["p10"][23] <= values[k + 23] <= body["p90"][23] for body in bodies]

    assert 0.74 < np.mean(inside) < 0.86


def test_half_hours_give_96_steps_once_an_hour():
    """With step_s 1800 a forecast has 96 steps, and still comes once an hour."""
    values = np.repeat(curve(WEEK), 2)

    reports = said(detector(step_s=1800), frames(values, step=0.5), Report)

    assert len(reports[-1].body["p50"]) == 96
    assert len(reports) == WEEK - 24
    assert reports[-1].body["step_s"] == 1800


def test_a_load_that_stays_away_is_one_alarm(trained):
    """Half of the load is lost for a day: one alarm after three hours, and its end; causes and advice are told."""
    values = curve(5 * WEEK + 90)
    values[5 * WEEK + 10 : 5 * WEEK + 34] *= 0.5

    found = said(trained, rest(values), Finding)

    assert [(each.kind, each.active) for each in found] == [("forecast_exceeded", True), ("forecast_exceeded", False)]
    assert found[0].time_ns == (START + 5 * WEEK + 13) * H
    assert found[0].text.startswith("bay.p0 ")
    assert "below for 3 h the forecast of the day before" in found[0].text
    assert found[0].causes
    assert found[0].advice
    assert found[0].score >= 1


@pytest.mark.parametrize("lasts", [1, 2])
def test_an_hour_or_two_is_no_alarm(lasts, trained):
    """What is over by then was a short outage, which others tell."""
    values = curve(5 * WEEK + 40)
    values[5 * WEEK + 10 : 5 * WEEK + 10 + lasts] = 0.0

    assert not said(trained, rest(values), Finding)


def test_a_week_without_readings_is_no_alarm(trained):
    """State goes on: what is forecast after it is what was usual before."""
    values = curve(6 * WEEK + 60)
    values[5 * WEEK + 5 : 6 * WEEK + 5] = np.nan

    found = said(trained, rest(values), Finding | Report)

    assert not [each for each in found if isinstance(each, Finding)]
    usual = curve(9 * WEEK, noise=0)[6 * WEEK + 60 :][:24]
    np.testing.assert_allclose(found[-1].body["p50"][:24], usual, atol=3)


def test_a_gateway_that_was_away_for_a_week_goes_on(trained):
    """No frame for a week is no alarm either, and day and week stay what they were."""
    later = [*frames(curve(6 * WEEK + 60)[6 * WEEK + 3 :], START + 6 * WEEK + 3)]
    first = said(trained, later[:1], Report)[0].body

    np.testing.assert_allclose(first["p50"], curve(9 * WEEK, noise=0)[6 * WEEK + 3 :][:48], atol=3)
    assert not said(trained, later[1:], Finding)


def test_one_holiday_does_not_bend_the_week_after(trained):
    """A day at half load moves the forecast of the same day of the next week by an eighth at most."""
    values = curve(6 * WEEK + 1)
    values[5 * WEEK : 5 * WEEK + 24] *= 0.5

    body = said(trained, rest(values), Report)[-1].body

    np.testing.assert_allclose(body["p50"][:24], curve(8 * WEEK, noise=0)[6 * WEEK :][:24], rtol=0.12)


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(3 * WEEK),
        np.full(3 * WEEK, 7.0),
        np.full(3 * WEEK, np.nan),
        np.full(3 * WEEK, -3e14),
        np.resize([1e300, -1e300, 0.0, 1e-300], 3 * WEEK),
        np.where(np.arange(3 * WEEK) == WEEK + 40, 1e12, 10.0),
        np.where(np.arange(3 * WEEK) < WEEK + 40, 0.0, 10.0),
        np.where(np.arange(3 * WEEK) % 24 == 3, np.nan, 10.0),
    ],
    ids=["zero", "constant", "unknown", "huge", "absurd", "one spike", "wakes up", "never at night"],
)
def test_odd_loads_break_nothing(values):
    """No warning, no exception, no alarm, and every body is JSON."""
    of = detector()

    for frame in frames(values):
        for each in of.observe(frame):
            assert isinstance(each, Report)
            json.dumps(each.body, allow_nan=False)


def test_clocks_that_jump_break_nothing(trained):
    """Back by an hour, by years, forward by years: it goes on, with no alarm."""
    for jump in (-1, -50_000, 90_000, 30, -300):
        assert not said(trained, frames(curve(40), START + 5 * WEEK + jump), Finding)


def test_only_loads_and_what_is_named():
    """Total active power is taken; a phase is not, and any measured value that is named."""
    points = table(Role(quantity="active_power", phase="total"), Role(quantity="active_power", phase="a"), Role(), None)

    assert [each.subject for each in ForecastConfig().build(points).learned()] == ["bay.p0"]
    assert [each.subject for each in ForecastConfig(points=("bay.p3",)).build(points).learned()] == ["bay.p3"]
    assert [(each.subject, each.possible) for each in ForecastConfig().outlook(points)] == [("bay.p0", True)]
    assert [each.possible for each in ForecastConfig().outlook(table(None))] == [False]


def test_it_says_how_far_it_has_learned():
    """Learning until there are two weeks, then ready."""
    of = detector()
    said(of, frames(curve(WEEK + 1)), Report)

    assert [(each.state, each.share) for each in of.learned()] == [("learning", 0.5)]
    said(of, frames(curve(WEEK + 1), START + WEEK + 1), Report)
    assert [(each.state, each.share) for each in of.learned()] == [("ready", 1.0)]


def test_a_restart_changes_nothing(five_weeks):
    """State taken out and put back anywhere, even within an hour, gives the very same reports and findings."""
    values = curve(5 * WEEK + 70)
    values[5 * WEEK + 9 : 5 * WEEK + 40] *= 0.4
    seen = [*frames(np.repeat(values[5 * WEEK :], 2), START + 5 * WEEK, step=0.5)]
    whole, before, after = detector(), detector(), detector()
    whole.restore(five_weeks)
    before.restore(five_weeks)
    expected = [each for frame in seen for each in whole.observe(frame)]

    got = [each for frame in seen[:35] for each in before.observe(frame)]
    after.restore({name: array.copy() for name, array in before.state().items()})
    active = [each for each in got if isinstance(each, Finding)]
    assert after.resume(active) == active
    got += [each for frame in seen[35:] for each in after.observe(frame)]

    assert len(active) == 1
    assert [repr(each) for each in got] == [repr(each) for each in expected]


def test_a_state_of_another_shape_is_refused():
    """It says so, and nothing is changed."""
    one, two = detector(1), detector(2)

    with pytest.raises(ValueError, match="state"):
        one.restore(two.state())


def test_memory_stays_flat(trained):
    """A load takes less than 2.5 kB, however long it runs."""
    before = len(pickle.dumps(trained))
    said(trained, rest(curve(7 * WEEK)), Report)

    assert len(pickle.dumps(trained)) <= before + 256
    assert sum(array.nbytes for array in detector(100).state().values()) / 100 < 2500
