"""Dissolved gas: a fault is told with its gases, and a transformer without one is left alone."""

import json

import numpy as np
import pytest

from detectors.assets.dissolved_gas import DissolvedGasConfig
from detectors.assets.theil_sen import theil_sen
from protocols.point import Limits

GASES = ("hydrogen", "methane", "ethane", "ethylene", "acetylene")
DAY_S = 86_400


def plant_of(assets, name="t1", high=None):
    limits = Limits(high=high) if high else None
    return assets.Plant({"monitor": [assets.point(g, g, limits, "ppm", transformer=name) for g in GASES]})


def analysed(assets, plant, detector, at_s, gases):
    """Hand in one analysis, and see it again a quarter of an hour later."""
    plant.set(**dict(zip(GASES, gases, strict=True)))
    return [each for t in (at_s, at_s + 900) for each in detector.observe(plant.frame(t))]


def test_a_fault_is_told_with_its_numbers(assets):
    """Gases above what is typical are one alarm with fault, both methods, causes and advice; it ends below."""
    plant = plant_of(assets)
    detector = DissolvedGasConfig().build(plant.points)
    calm = analysed(assets, plant, detector, 0, (20, 20, 20, 20, 0))
    (began,) = assets.findings(analysed(assets, plant, detector, DAY_S, (300, 180, 30, 260, 300)))
    (ended,) = assets.findings(analysed(assets, plant, detector, 2 * DAY_S, (20, 20, 20, 20, 0)))

    assert not assets.findings(calm)
    assert (began.kind, began.subject, began.severity, began.actual, began.expected) == (
        "dissolved_gas", "t1", "critical", 300, 20,
    )  # fmt: skip
    assert began.text == (
        "t1: acetylene 300 ppm (typical up to 20), hydrogen 300 ppm (typical up to 150), methane 180 ppm (typical up "
        "to 130); discharges of high energy (triangle D2: CH4 24 %, C2H4 35 %, C2H2 41 %; ratios D2: C2H2/C2H4 1.2, "
        "CH4/H2 0.6, C2H4/C2H6 8.7)"
    )
    assert began.rows[0] == 4
    assert "today" in began.advice
    assert not ended.active
    assert ended.text.endswith("gases are typical again")


def test_a_fault_that_becomes_serious_is_told_again(assets):
    """An alarm of a harmless fault is raised one severity when discharges show."""
    plant = plant_of(assets)
    detector = DissolvedGasConfig().build(plant.points)
    said = assets.findings(analysed(assets, plant, detector, 0, (50, 200, 300, 60, 0)))
    said += assets.findings(analysed(assets, plant, detector, DAY_S, (300, 280, 300, 860, 900)))

    assert [(each.kind, str(each.severity), each.active) for each in said] == [
        ("dissolved_gas", "warning", True), ("dissolved_gas", "critical", True),
    ]  # fmt: skip


def test_a_rise_is_found_below_the_typical_value(assets):
    """A gas that rises for weeks is told before it is typical no more, and the date when that will be."""
    plant = plant_of(assets)
    detector = DissolvedGasConfig().build(plant.points)
    random, said = np.random.default_rng(1), []
    for day in range(40):
        noisy = 30 + 1.5 * day + random.normal(0, 1)
        said += analysed(assets, plant, detector, day * DAY_S, (10, 10, 10, noisy, 0))
    began = assets.findings(said)[0]

    assert (began.kind, began.rows[0]) == ("gassing", 3)
    assert 400 < began.actual < 700
    last = assets.reports(said)[-1].body
    assert last["limit"] == "ethylene at its typical value"
    assert last["limit_date"].startswith("2024-0")
    json.dumps(last)


def test_noise_and_slow_laboratories_raise_nothing(assets):
    """Steady gases with the scatter of a monitor, and two analyses a year that differ by a tenth, are normal."""
    random, said = np.random.default_rng(2), []
    for every_d, count in ((1, 120), (180, 8)):
        plant = plant_of(assets)
        detector = DissolvedGasConfig().build(plant.points)
        for k in range(count):
            gases = np.array([40, 30, 30, 60, 1.0]) * random.normal(1, 0.05, 5)
            said += analysed(assets, plant, detector, k * every_d * DAY_S, gases)

    assert not assets.findings(said)


def test_a_limit_of_the_point_goes_before_the_table(assets):
    """What the owner knows of the transformer counts more than what is typical."""
    plant = plant_of(assets, high=1000.0)
    detector = DissolvedGasConfig().build(plant.points)

    assert not assets.findings(analysed(assets, plant, detector, 0, (900, 900, 900, 900, 900)))


def test_acetylene_of_a_shared_tap_changer(assets):
    """Where the tap changer shares the oil its acetylene is no fault."""
    plant = plant_of(assets)
    detector = DissolvedGasConfig(shared_oil=("t1",)).build(plant.points)

    assert not assets.findings(analysed(assets, plant, detector, 0, (100, 20, 20, 60, 200)))


def test_outlook_names_what_is_missing(assets):
    """A transformer without gases, and one with some of them."""
    plant = assets.Plant(
        {"m": [assets.point("x", "hydrogen", transformer="t1"), assets.point("y", "tap", transformer="t2")]}
    )
    told = DissolvedGasConfig().outlook(plant.points)

    assert [(each.subject, each.possible) for each in told] == [("t1", True), ("t2", False)]
    assert "methane" in told[0].text


def test_theil_sen():
    """The slope of a line with wild values is that of the line, and its interval holds it."""
    hours = np.arange(40.0)
    values = 3 + 0.5 * hours + np.where(hours % 7 == 0, 100, 0) + np.sin(hours)
    slope, low, high = theil_sen(hours, values)

    assert slope == pytest.approx(0.5, abs=0.05)
    assert low < 0.5 < high
    assert np.isnan(theil_sen(hours[:1], values[:1])).all()
