"""docs/schemas/report: what the checks really report fits, and so do the examples of docs/mqtt.md."""

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator as Validator

from detectors.config import build
from gateway.core.pipeline import Pipeline
from gateway.uplink import payload
from protocols.model import Batch, Tick
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "docs/schemas/report").glob("*.json"))}
ROLES = (
    Role(bay="f1", quantity="active_power"),
    Role(bay="f1", quantity="voltage", rating=230.0, phase="a"),
    Role(bay="f1", quantity="frequency"),
)


@pytest.fixture(scope="module")
def bodies():
    """Return the bodies of a pipeline that has seen two days, by kind, as they are sent."""
    points = Points.of([(DeviceConfig(name="m"), [PointConfig(name=f"p{k}", role=r) for k, r in enumerate(ROLES)])])
    pipeline, found = Pipeline(points, build((), points), window_s=10), {}
    for hour in range(50):
        at_ns = (1_700_006_400 + 3600 * hour) * 10**9
        values = np.array([10.0 + hour % 24, 229.0, 50.01])
        pipeline.observe(Batch(np.arange(3, dtype=np.int32), values, np.zeros(3, np.uint16), np.full(3, at_ns), at_ns))
        pipeline.observe(Tick(at_ns))
    for report in [*pipeline.reports.values(), *pipeline.so_far()]:
        body = json.loads(payload.report(report, seq=1, historical=False))["body"]
        found.setdefault(report.kind, []).append(body)
    return found


@pytest.mark.parametrize("kind", ["daily", "forecast"])
def test_what_is_reported_fits(kind, bodies):
    """Every body, a complete day as well as one so far."""
    assert [error.message for body in bodies[kind] for error in Validator(SCHEMAS[kind]).iter_errors(body)] == []
    assert set(SCHEMAS[kind]["properties"]) == set(bodies[kind][0])
    assert {body.get("complete") for body in bodies["daily"]} == {True, False}


def test_the_examples_fit(every_block):
    """Every example of a report of these kinds."""
    told = [json.loads(block.text) for block in every_block if block.page == "mqtt.md" and block.language == "json"]
    reports = [each for each in told if each.get("stream") == "report" and each["kind"] in SCHEMAS]

    assert reports
    for each in reports:
        Validator(SCHEMAS[each["kind"]]).validate(each["body"])


@pytest.mark.parametrize("kind", ["daily", "forecast"])
def test_a_body_without_a_field_does_not_fit(kind, bodies):
    """Each field is needed."""
    Validator.check_schema(SCHEMAS[kind])
    for key in bodies[kind][0]:
        assert not Validator(SCHEMAS[kind]).is_valid({k: v for k, v in bodies[kind][0].items() if k != key})
