"""Thermal: temperatures as IEC 60076-7 has them, and an alarm where the oil is warmer than that explains."""

import json
from pathlib import Path

import numpy as np
import pytest

from detectors.assets.thermal import ThermalConfig
from detectors.assets.thermal_config import ThermalUnit

GOLDEN = json.loads((Path(__file__).parent / "thermal_golden.json").read_text())
KEYS = (
    "oil_rise_k", "hot_spot_rise_k", "loss_ratio", "oil_exponent", "winding_exponent",
    "k11", "k21", "k22", "oil_minutes", "winding_minutes",
)  # fmt: skip
DAY_S = 86_400


def run(plant, detector, seconds):
    """Return all that is said over `seconds`, each (time, values)."""
    said = []
    for at_s, values in seconds:
        plant.set(**values)
        said += detector.observe(plant.frame(at_s))
    return said


def loaded(amperes, ambient=20.0, **others):
    return {"ia": amperes, "ib": amperes, "ic": amperes, "ambient": ambient, **others}


@pytest.mark.parametrize("case", GOLDEN, ids=[case["name"] for case in GOLDEN])
def test_temperatures_are_those_of_the_oracle(assets, case):
    """Top oil and hot spot equal those of transformer-thermal-model within 1e-6 K, step by step."""
    plant = assets.Plant({"t1": assets.transformer("t1", oil=False)})
    unit = ThermalUnit(name="t1", **dict(zip(KEYS, case["build"], strict=True)))
    detector = ThermalConfig(transformers=(unit,)).build(plant.points)
    oil, hot_spot = [], []
    for minutes, load, ambient in zip(case["minutes"], case["load"], case["ambient"], strict=True):
        plant.set(**loaded(load * 1000, ambient))
        detector.observe(plant.frame(60 * minutes))
        oil.append(float(detector.expected[0]))
        hot_spot.append(float(detector.hot_spot[0]))

    assert np.abs(np.array(oil) - case["oil"]).max() < 1e-6
    assert np.abs(np.array(hot_spot) - case["hot_spot"]).max() < 1e-6


def test_the_table_of_the_standard_at_rated_load(assets):
    """At rated load and 20 degC the hot spot of every class ends at 98 degC (IEC 60076-7): ageing 1 of plain kraft."""
    for size, cooling in (("distribution", "onan"), ("power", "onan"), ("power", "ofaf"), ("power", "odaf")):
        plant = assets.Plant({"t1": assets.transformer("t1", oil=False)})
        detector = ThermalConfig(size=size, cooling=cooling, paper="kraft").build(plant.points)
        run(plant, detector, [(60 * minute, loaded(1000.0)) for minute in range(0, 600, 10)])

        assert detector.hot_spot[0] == pytest.approx(98.0)
        assert detector._day_rate[0] == pytest.approx(1.0)
        assert detector._life_h[0] == pytest.approx(590 / 60)


def test_a_failure_of_the_cooling_is_found_and_ends(assets):
    """Oil that goes on warming where load and ambient do not explain it is one alarm, with the numbers."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig().build(plant.points)
    normal = 20 + 52 * ((1 + 6 * 0.8**2) / 7) ** 0.8

    calm = run(plant, detector, [(t, loaded(800.0, oil=normal + 0.2)) for t in range(0, 2 * DAY_S, 300)])
    warm = run(plant, detector, [(t, loaded(800.0, oil=normal + 14)) for t in range(2 * DAY_S, 2 * DAY_S + 3600, 60)])
    cool = run(plant, detector, [(t, loaded(800.0, oil=normal)) for t in range(2 * DAY_S + 3600, 3 * DAY_S, 300)])

    assert not assets.findings(calm)
    (began,) = assets.findings(warm)
    (ended,) = assets.findings(cool)
    assert (began.kind, began.subject, began.active, began.device) == ("thermal", "t1", True, "bay")
    assert began.expected == pytest.approx(normal + 0.2, abs=0.2)
    assert began.actual == pytest.approx(normal + 14)
    assert began.text == (
        "t1: top oil 72.7 °C, load 0.80 of rating and ambient 20.0 °C explain 59.0 °C: 13.7 K too warm"
    )
    assert set(began.rows) == {0, 1, 2, 3, 4}
    assert "fans" in began.causes[0]
    assert (ended.kind, ended.active) == ("thermal", False)


def test_an_overload_tells_when_the_limit_is_reached(assets):
    """A load that cannot be borne is told before the hot spot is too hot, with the minutes that are left."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig(delay_s=60).build(plant.points)
    said = []
    for minute in range(1200):
        plant.set(**loaded(500.0 if minute < 600 else 1500.0))
        plant.set(oil=float(detector._oil[0]) if minute else 40.0)
        said += assets.findings(detector.observe(plant.frame(60 * minute)))
        detector._life_h.fill(0)

    assert [(each.kind, each.active) for each in said[:2]] == [("thermal_overload", True), ("hot_spot", True)]
    began, reached = said[:2]
    assert "reaches 120 °C in" in began.text
    left = began.evidence["minutes_to_hot_spot_limit"]
    assert (reached.time_ns - began.time_ns) / 60e9 == pytest.approx(left, abs=16)


def test_a_dead_device_is_no_failure(assets):
    """A week without readings begins nothing and ends nothing, costs no life, and the return is no alarm."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig().build(plant.points)
    said = run(plant, detector, [(t, loaded(900.0, oil=65.0)) for t in range(0, DAY_S, 300)])
    lost = dict.fromkeys(("ia", "ib", "ic", "ambient", "oil"), np.nan)
    life_h = float(detector._life_h[0])
    said += run(plant, detector, [(t, lost) for t in range(DAY_S, 8 * DAY_S, 1800)])

    assert detector._life_h[0] == life_h
    said += run(plant, detector, [(t, loaded(200.0, ambient=5.0, oil=30.0)) for t in range(8 * DAY_S, 9 * DAY_S, 300)])
    assert not [each for each in assets.findings(said) if each.kind != "ageing"]


def test_a_broken_thermometer_is_no_failure(assets):
    """A reading that no oil has is not judged."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig().build(plant.points)
    said = run(plant, detector, [(t, loaded(500.0, oil=250.0 if t > 7200 else 38.0)) for t in range(0, DAY_S, 300)])

    assert not assets.findings(said)


def test_no_number_is_told_before_there_is_one(assets):
    """Nobody is told that the oil is `nan K` from the model while too little of it was measured."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig().build(plant.points)
    young = [each.detail for each in detector.learned()]
    run(plant, detector, [(0, loaded(500.0, oil=44.0))])

    assert young
    assert "nan" not in " ".join((*young, *(each.detail for each in detector.learned())))


def test_a_wrong_rating_shows_as_the_models_error(assets):
    """A steady error of the parameters is learned, told, and no alarm within the margin."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig().build(plant.points)
    said = run(plant, detector, [(t, loaded(500.0, oil=44.0)) for t in range(0, 2 * DAY_S, 300)])

    assert not assets.findings(said)
    assert detector.expected[0] == pytest.approx(44, abs=0.2)
    assert [each.state for each in detector.learned()] == ["ready"]
    last = assets.reports(said)[-1]
    assert (last.kind, last.subject, last.body["asset"]) == ("asset", "t1.thermal", "t1")
    assert last.body["confidence"] in (0.6, 0.9)


def test_a_state_is_told_each_hour_and_when_it_changes(assets):
    """One report an hour while nothing happens."""
    plant = assets.Plant({"bay": assets.transformer("t1")})
    detector = ThermalConfig().build(plant.points)
    said = run(plant, detector, [(t, loaded(500.0, oil=37.0)) for t in range(0, 10 * 3600, 60)])

    assert len(assets.reports(said)) == 10
    json.dumps([each.body for each in assets.reports(said)])


def test_what_carries_the_load(assets):
    """Currents before apparent power before P and Q; a phase that is missing leaves the others to tell."""
    amperes = [assets.point(f"i{p}", "current", transformer="t1", phase=p, rating=100.0) for p in "abc"]
    apparent = assets.point("s", "apparent_power", transformer="t2", rating=10.0)
    active, reactive = (
        assets.point(q[0], q, transformer="t3", rating=10.0) for q in ("active_power", "reactive_power")
    )
    bare = assets.point("x", "current", transformer="t4")
    plant = assets.Plant({"bay": [*amperes, apparent, active, reactive, bare]})
    config = ThermalConfig()
    detector = config.build(plant.points)
    plant.set(ia=60.0, ib=np.nan, ic=80.0, s=5.0, a=-3.0, r=4.0, x=1.0)
    detector.observe(plant.frame(0))

    assert detector._oil_load.tolist() == pytest.approx([np.sqrt(0.5), 0.5, 0.5])
    assert detector._winding_load.tolist() == pytest.approx([0.8, 0.5, 0.5])
    assert [each.possible for each in config.outlook(plant.points)] == [True, True, True, False]
