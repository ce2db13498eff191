"""Tap changers: hunting is told, a day's work is not."""

import json

import numpy as np

from detectors.assets.tap_changer import TapChanger, TapChangerConfig


def plant_of(assets):
    return assets.Plant({"t1": [assets.point("tap", "tap", transformer="t1")]})


def run(plant, detector, positions, *, every_s=60, begin_s=0.0):
    said = []
    for k, position in enumerate(positions):
        plant.set(tap=position)
        said += detector.observe(plant.frame(begin_s + k * every_s))
    return said


def test_hunting_is_told_and_ends(assets):
    """To and fro each minute is one alarm; an hour of rest ends it."""
    plant = plant_of(assets)
    detector = TapChangerConfig().build(plant.points)
    said = assets.findings(run(plant, detector, [0, 1] * 15))
    said += assets.findings(run(plant, detector, [1] * 70, begin_s=1800))

    assert [(each.kind, each.subject, each.active) for each in said] == [
        ("tap_hunting", "t1", True), ("tap_hunting", "t1", False),
    ]  # fmt: skip
    assert said[0].text == "tap changer of t1: 8 operations in an hour, 7 of them back again"
    assert "dead-band" in said[0].causes[0]


def test_a_days_work_is_no_hunting(assets):
    """Thirty operations over a day, up in the morning and down in the evening, are normal."""
    plant = plant_of(assets)
    detector = TapChangerConfig().build(plant.points)
    day = np.round(8 * np.sin(np.arange(1440) / 1440 * 2 * np.pi))

    assert not assets.findings(run(plant, detector, day))


def test_an_end_position(assets):
    """It is told after a while at the end of a known range, and ends when it is left."""
    plant = plant_of(assets)
    unit = TapChanger(name="t1", lowest=-8, highest=8)
    detector = TapChangerConfig(tap_changers=(unit,)).build(plant.points)
    said = assets.findings(run(plant, detector, [7, 8, 7, *[8] * 30, *[7] * 30]))

    assert [(each.kind, each.active) for each in said] == [("tap_limit", True), ("tap_limit", False)]


def test_wear_has_a_date(assets):
    """Operations are counted with those of before, missed ones too; the report tells when service is due."""
    plant = plant_of(assets)
    unit = TapChanger(name="t1", operations=900, service_operations=1000)
    detector = TapChangerConfig(tap_changers=(unit,)).build(plant.points)
    said = run(plant, detector, [k // 8 % 5 for k in range(8 * 24)], every_s=3600)

    assert [each.kind for each in assets.findings(said)] == []
    last = assets.reports(said)[-1].body
    assert last["operations"] == 900 + 19 + 4 * 4
    assert last["limit_date"] == "2023-12-07T15:00Z"
    json.dumps(last)
    assert run(plant, detector, [0, 5] * 40, every_s=3600, begin_s=1e6)[-1].body["operations"] > 1000


def test_a_silence_is_no_operation(assets):
    """While the device is lost nothing moves; what it did meanwhile counts once it is back."""
    plant = plant_of(assets)
    detector = TapChangerConfig().build(plant.points)
    said = run(plant, detector, [2, *[np.nan] * 200, 4])

    assert not assets.findings(said)
    assert detector._count.tolist() == [2]
