"""Breakers: each opening wears contacts by the current it interrupted."""

import json

import numpy as np
import pytest

from detectors.assets.bays import Breaker
from detectors.assets.breaker import BreakerConfig


def plant_of(assets, *, kilo=False):
    unit = "kA" if kilo else "A"
    currents = [assets.point(f"i{p}", "current", None, unit, bay="f1", phase=p) for p in "abc"]
    return assets.Plant({"f1": [*currents, assets.point("cb", "breaker", bay="f1")]})


def run(plant, detector, frames, begin_s=0):
    """Show (closed, amperes) once a second; return what is said."""
    said = []
    for k, (closed, amperes) in enumerate(frames):
        plant.set(ia=amperes, ib=0.9 * amperes, ic=0.9 * amperes, cb=closed)
        said += detector.observe(plant.frame(begin_s + k))
    return said


def test_wear_is_the_sum_of_the_currents_power(assets):
    """Each opening takes (I / rated)^n of what the contacts bear; a closing takes nothing."""
    plant = plant_of(assets)
    detector = BreakerConfig().build(plant.points)
    run(plant, detector, [(1, 200), (1, 5000), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0), (1, 100), (0, 0)])

    assert detector._openings[0] == 2
    assert detector._worn[0] == pytest.approx(((5000 / 25_000) ** 2 + (100 / 25_000) ** 2) / 20)


def test_kiloamperes(assets):
    """A current in kA counts as what it is."""
    plant = plant_of(assets, kilo=True)
    detector = BreakerConfig(exponent=1.5).build(plant.points)
    run(plant, detector, [(1, 12.5), (0, 0)])

    assert detector._worn[0] == pytest.approx(0.5**1.5 / 20)


def test_worn_contacts_are_told(assets):
    """Short circuits wear them out: one alarm, with what was counted."""
    plant = plant_of(assets)
    detector = BreakerConfig(breakers=(Breaker(point="f1.cb", worn=0.7),)).build(plant.points)
    said = run(plant, detector, [(1, 25_000), (0, 0)] * 3)

    (began,) = assets.findings(said)
    assert (began.kind, began.rows, began.active) == ("breaker_wear", (3,), True)
    assert began.text == "f1.cb: 80 % of the contacts is used up after 2 openings, of up to 25000 A"
    body = assets.reports(said)[-1].body
    assert body["asset"] == "f1.cb"
    assert body["failure_30d"] > 0.0003
    json.dumps(body)


def test_openings_again_and_again_are_told(assets):
    """More than six in an hour is one alarm, which an hour of rest ends; a reclosing cycle is none."""
    plant = plant_of(assets)
    detector = BreakerConfig().build(plant.points)
    cycle = assets.findings(run(plant, detector, [(1, 100), (0, 0)] * 3))
    said = assets.findings(run(plant, detector, [(1, 100), (0, 0)] * 6, begin_s=100))
    said += [each for t in range(4000, 8000, 60) for each in assets.findings(run(plant, detector, [(1, 9)], begin_s=t))]

    assert not cycle
    assert [(each.kind, each.active) for each in said] == [("breaker_pumping", True), ("breaker_pumping", False)]
    assert said[0].text == "f1.cb: 7 openings in an hour, 6 are normal"


def test_what_is_no_opening(assets):
    """A lost device, an intermediate position and the first sight of an open breaker count nothing."""
    plant = plant_of(assets)
    detector = BreakerConfig().build(plant.points)
    said = run(plant, detector, [(0, 10), (1, 10), (np.nan, np.nan), (1, 10), (3, 10), (1, 10)])

    assert detector._openings[0] == 0
    assert not assets.findings(said)


def test_the_currents_of_its_side(assets):
    """A breaker of a transformer's side takes the currents of that side; a bay without currents is told so."""
    points = [assets.point(f"{s}{p}", "current", bay="t1", phase=p, side=s) for s in ("hv", "lv") for p in "abc"]
    points += [assets.point("cb", "breaker", bay="t1", side="hv"), assets.point("x", "breaker", bay="z")]
    plant = assets.Plant({"t1": points})
    config = BreakerConfig()

    assert config.build(plant.points)._currents.tolist() == [[0, 1, 2], [-1, -1, -1]]
    assert ["only" in each.text for each in config.outlook(plant.points)] == [False, True]
