"""docs/schemas/report and the tables of docs/mqtt.md: what the checks really report fits, key by key."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator as Validator

from detectors.config import build
from detectors.model import Report
from gateway.core.pipeline import Pipeline
from gateway.uplink import payload
from protocols.model import Batch, Tick
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

SCHEMAS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).resolve().parents[2] / "docs/schemas/report").glob("*.json"))
}
HOUR_NS = 3_600_000_000_000
START_NS = 1_772_409_600_000_000_000
T1 = {"bay": "t1", "transformer": "t1", "bus": "bb1"}
POINTS = {
    "s": ("kVA", Role(**T1, quantity="apparent_power", phase="total", side="lv", rating=16000), 9000.0),
    "p": ("kW", Role(**T1, quantity="active_power", phase="total", side="lv"), 8000.0),
    "oil": ("degC", Role(**T1, quantity="oil_temperature"), 55.0),
    "tap": ("", Role(**T1, quantity="tap"), 3.0),
    "h2": ("ppm", Role(**T1, quantity="hydrogen"), 20.0),
    "ia": ("A", Role(**T1, quantity="current", phase="a", side="lv", rating=840), 400.0),
    "cb": ("", Role(**T1, quantity="breaker"), 1.0),
}


@pytest.fixture(scope="module")
def bodies():
    """Return what a transformer's bay reports within two days, as it leaves the gateway, by kind."""
    listed = [PointConfig(name=name, unit=unit, role=role) for name, (unit, role, _) in POINTS.items()]
    points = Points.of([(DeviceConfig(name="d"), listed)])
    pipeline, n = Pipeline(points, build((), points), 10), len(points)
    usual, found = np.array([value for *_, value in POINTS.values()]), {}
    for hour in range(49):
        at, values = START_NS + hour * HOUR_NS, usual * (1 + hour % 5 / 1000)
        batch = Batch(np.arange(n, dtype=np.int32), values, np.zeros(n, np.uint16), np.full(n, at), at)
        for said in (*pipeline.observe(batch), *pipeline.observe(Tick(at))):
            if isinstance(said, Report):
                found.setdefault(said.kind, []).append(json.loads(payload.to_json(said.body)))
    return found


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_body_fits_its_schema(bodies, kind):
    """Whatever is reported, and something is."""
    assert bodies[kind]
    assert [error.message for body in bodies[kind] for error in Validator(SCHEMAS[kind]).iter_errors(body)] == []


@pytest.mark.parametrize(("kind", "heading"), [("asset", "Body of an asset"), ("forecast", "Body of a forecast")])
def test_the_page_names_every_key(table, kind, heading):
    """The table of the page and what the schema asks for are the same."""
    named = {key for row in table("mqtt.md", heading) for key in re.findall(r"`(\w+)`", row[0])}

    assert named == set(SCHEMAS[kind]["required"])
