"""Where limits are crossed."""

import math

import pytest

from gateway.fat.crossing import crossings
from gateway.fat.subject import Subject
from protocols.modbus.config import ModbusPoint
from protocols.point import Limits, Role


def subject(kind: str, limits: Limits, **keys: object) -> Subject:
    point = ModbusPoint(name="p", address="holding:0", limits=limits, **keys)
    return Subject(device="d", point=point, kind=kind, rank=0, latency_s=1.0)


NUMBERS = [
    (kind, scale)
    for kind in ("uint16", "int32", "float32", "float64")
    for scale in (0.01, -0.01, 0.3)
    if kind != "uint16" or scale > 0  # it would show nothing above 0
]


@pytest.mark.parametrize(("kind", "scale"), NUMBERS)
def test_each_value_lies_on_its_side(kind, scale):
    """Inside and back do not raise or hold it, beyond does, and what is held lies between."""
    limits = Limits(low=100.0, high=253.0, hysteresis=2.0)
    found, impossible = crossings(subject(kind, limits, scale=scale))
    high, low = found

    assert not impossible
    assert high.inside <= 253.0 < high.beyond
    assert high.back <= 251.0 < high.held <= 253.0
    assert low.inside >= 100.0 > low.beyond
    assert low.back >= 102.0 > low.held >= 100.0
    assert high.beyond - high.inside <= max(3 * abs(scale), 0.1)


def test_a_limit_that_the_type_cannot_reach_is_told():
    """As its alarm could never come: 700 A where a register ends at 655.35 A."""
    found, impossible = crossings(subject("uint16", Limits(high=300, high_high=700), scale=0.01))

    assert [each.level for each in found] == ["high"]
    assert "beyond what uint16 can show, 0 to 655.35: this alarm can never come" in impossible["high_high"]


def test_a_hysteresis_finer_than_a_digit_is_not_tested():
    """No value of the wire lies within it."""
    found, _ = crossings(subject("uint16", Limits(high=100.5, hysteresis=0.2)))

    assert found[0].held is None


def test_severities_are_a_step_worse_beyond_the_outer_limits():
    """As the alarms are; emergency has none above it."""
    limits = Limits(low_low=1, low=2, high=3, high_high=4, severity="emergency")

    assert {each.severity for each in crossings(subject("float64", limits))[0]} == {"emergency"}
    worse = crossings(subject("float64", Limits(low_low=1, low=2)))[0]
    assert {each.level: each.severity for each in worse} == {"low": "warning", "low_low": "critical"}


@pytest.mark.parametrize(
    "limits",
    [
        Limits(high=253, low=207, hysteresis=1),
        Limits(high=85),
        Limits(low=0.5),
        Limits(low=-5, high=5),
        Limits(high=-3),
    ],
)
@pytest.mark.parametrize("kind", ["int16", "float32"])
@pytest.mark.parametrize("rating", [None, 230.0, 4000.0])
def test_at_rest_nothing_is_crossed(limits, kind, rating):
    """Whatever the role says is nominal."""
    role = Role(quantity="voltage", rating=rating)
    value = subject(kind, limits, role=role, scale=0.1).at_rest

    assert (limits.low or -math.inf) < value < (limits.high or math.inf)


def test_at_rest_a_point_shows_what_is_nominal():
    """A frequency is 50 Hz, a breaker is closed, a load is half of its rating."""

    def rests(kind, **role):
        return subject(kind, None, role=Role(**role), scale=0.1 if kind == "uint16" else 1.0).at_rest

    assert rests("uint16", quantity="frequency") == 50.0
    assert rests("bool", quantity="breaker") == 1.0
    assert rests("uint16", quantity="current", rating=300) == 150.0
