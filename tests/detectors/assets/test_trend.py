"""Trend: a drift towards a limit is told with its date; days, weeks and weather are none."""

import json

import numpy as np
import pytest

from detectors.assets.trend import TrendConfig
from protocols.point import Limits

HOUR_S = 3600


def run(assets, values, *, quantity="other", limits=None, config=None):
    """Show one value an hour; return what is said, and the detector."""
    plant = assets.Plant({"d": [assets.point("x", quantity, limits or Limits(low=0, high=100), "bar")]})
    detector = (config or TrendConfig()).build(plant.points)
    said = []
    for hour, value in enumerate(values):
        plant.set(x=value)
        said += detector.observe(plant.frame(HOUR_S * hour))
    return said, detector


def days(count):
    return np.arange(24 * count) / 24


def test_a_leak_is_told_with_its_date(assets):
    """Pressure that sinks by 0.5 a day under the cycle of a day is told a week ahead, within two days."""
    day = days(40)
    values = 18 - 0.5 * day + 2 * np.sin(2 * np.pi * day) + np.random.default_rng(0).normal(0, 0.2, len(day))
    said, _ = run(assets, values)

    began = assets.findings(said)[0]
    told_day = (began.time_ns / 1e9 - assets.start_s) / 86_400
    assert (began.kind, began.rows, began.expected) == ("trend", (0,), 0)
    assert began.text.startswith("d.x falls 0.501 bar a day, reaches low limit 0 bar about 2023-12-1")
    assert told_day + began.evidence["days_likely"] == pytest.approx(32, abs=2)
    assert began.evidence["days_likely"] > 6
    json.dumps([each.body for each in assets.reports(said)])


def test_what_is_no_trend(assets):
    """Cycles of days and weeks, weather, noise, a constant, gaps, a step and silence raise nothing in five weeks."""
    day, random = days(35), np.random.default_rng(5)
    values = {
        "days": 60 + 35 * np.sin(2 * np.pi * day),
        "weeks": np.where(day % 7 < 5, 95.0, 40.0) + 3 * np.sin(2 * np.pi * day),
        "weather": 60 + 10 * np.sin(2 * np.pi * day) + 8 * np.sin(2 * np.pi * day / 9.3),
        "noise": 90 + random.normal(0, 3, len(day)),
        "constant": np.full(len(day), 99.9),
        "gaps": np.where(random.random(len(day)) < 0.5, np.nan, 50 + 20 * np.sin(2 * np.pi * day)),
        "step": np.where(day < 16, 50.0, 90.0) + random.normal(0, 0.1, len(day)),
        "silence": np.full(len(day), np.nan),
    }
    plant = assets.Plant({"d": [assets.point(name, "other", Limits(low=0, high=100)) for name in values]})
    detector = TrendConfig().build(plant.points)
    said = []
    for hour in range(len(day)):
        plant.set(**{name: each[hour] for name, each in values.items()})
        said += assets.findings(detector.observe(plant.frame(HOUR_S * hour)))

    assert not said


def test_it_ends_when_the_value_stands(assets):
    """A drift that stops is told to have stopped."""
    day = days(34)
    said, _ = run(assets, 40 + 2 * np.minimum(day, 22))

    assert [each.active for each in assets.findings(said)] == [True, False]


def test_a_gas_rises_to_what_is_typical(assets):
    """A gas without limits is followed to its typical value."""
    said, _ = run(assets, 100 + 3 * days(14), quantity="hydrogen", limits=Limits())

    assert assets.findings(said)[0].expected == 150


def test_its_state_is_small(assets):
    """At most 1 kB a point."""
    _, detector = run(assets, [1.0])

    assert sum(array.nbytes for array in detector.state().values()) < 1024
