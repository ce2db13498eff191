"""What roles, units and breakers make possible, and what is said of what they do not."""

import pytest

from detectors.physics.config import BalanceConfig, ConsistencyConfig, OverloadConfig
from detectors.physics.units import factor


@pytest.mark.parametrize(
    ("quantity", "unit", "expected"),
    [
        ("voltage", "kV", 1e3), ("voltage", "pu", None), ("current", "A", 1.0), ("active_power", "MW", 1e6),
        ("reactive_power", "kvar", 1e3), ("apparent_power", "MVA", 1e6), ("power_factor", "%", 0.01),
        ("frequency", "Hz", 1.0), ("energy", "kWh", 1e3), ("temperature", "degC", None),
    ],
)  # fmt: skip
def test_units(quantity, unit, expected):
    """A unit is worth its base unit, or nothing where it is not known."""
    assert factor(quantity, unit) == expected


def power(name, bay, **role):
    return name, "MW", {"bay": bay, "bus": "bb1", "quantity": "active_power", **role}


def lacking(config, points):
    return {each.subject: each.text for each in config.outlook(points) if not each.possible}


def test_a_feeder_without_power_makes_the_balance_impossible(points_of):
    """The outlook names it, and the detector has nothing to judge."""
    points = points_of(
        power("pt", "t1", transformer="t1"),
        power("p1", "f1"),
        ("i2", "A", {"bay": "f2", "bus": "bb1", "quantity": "current"}),
    )

    assert "active power is not measured in f2" in lacking(BalanceConfig(), points)["bb1"]
    assert not BalanceConfig().build(points).judge.system.equations


def test_a_bus_without_infeed_has_no_balance(points_of):
    """Two feeders alone balance nothing, unless one is told to flow in."""
    alone = points_of(power("p1", "f1"), power("p2", "f2"))
    fed = points_of(power("p1", "f1", direction="in"), power("p2", "f2"))

    assert "needs an infeed" in lacking(BalanceConfig(), alone)["bb1"]
    assert len(BalanceConfig().build(fed).judge.system.equations) == 1


def test_direction_turns_the_sign(points_of, frames_of):
    """With `out`, a transformer that shows -5 MW feeds 5 MW."""
    points = points_of(power("pt", "t1", transformer="t1", side="lv", direction="out"), power("p1", "f1"))
    detector = BalanceConfig().build(points)

    assert [said for frame in frames_of([(-5, 5)] * 5) for said in detector.observe(frame)] == []
    turned = [said.subject for frame in frames_of([(5, 5)] * 5) for said in detector.observe(frame)]
    assert turned == ["bb1"]


def test_a_bus_that_is_not_there_is_said(points_of):
    """A balance of a bus that no role names is no check."""
    assert "no point has this bus" in lacking(BalanceConfig(bus="bb7"), points_of(power("p1", "f1")))["bb7"]


def test_units_and_doubles_are_named(points_of):
    """A voltage in per unit, and two points that claim the same, are told with what to do."""
    volt = {"bay": "f1", "quantity": "voltage", "phase": "a"}
    points = points_of(("u", "pu", volt), ("i", "A", {"bay": "f2", "quantity": "current"}),
                       ("j", "A", {"bay": "f2", "quantity": "current"}))  # fmt: skip

    told = " ".join(each.text for each in ConsistencyConfig().outlook(points))

    assert "d.u is in 'pu': understood are V, kV, MV" in told
    assert "two points claim current total" in told


def test_overload_begins_beyond_the_rating_and_ends_below(points_of, frames_of):
    """Twice beyond 100 % begins, also backwards; twice below 97 % ends; beyond 120 % it is one step worse."""
    points = points_of(("i", "A", {"quantity": "current", "rating": 100}))
    detector = OverloadConfig().build(points)
    course = [(99,), (101,), (99,), (-130,), (-130,), (98,), (98,), (96,), (96,)]

    said = [
        (n, each.active, str(each.severity)) for n, f in enumerate(frames_of(course)) for each in detector.observe(f)
    ]

    assert said == [(4, True, "critical"), (8, False, "warning")]


def test_a_coupler_joins_two_buses(points_of, frames_of):
    """Open, each bus is balanced alone; closed, only both together."""
    tags = [
        power(f"p{name}", name, **role)
        for name, role in (
            ("t1", {"transformer": "t1"}),
            ("f1", {}),
            ("t2", {"transformer": "t2", "bus": "bb2"}),
            ("f2", {"bus": "bb2"}),
        )
    ]
    coupler = ("coupler", "", {"bay": "bus", "bus": "bb1", "quantity": "breaker"})
    points = points_of(*tags, coupler)

    def said(*row):
        detector = BalanceConfig().build(points)
        return [each.subject for frame in frames_of([row] * 4) for each in detector.observe(frame)]

    assert said(3, 5, 4, 2, 1) == []
    assert said(3, 5, 4, 3, 1) == ["bb1+bb2"]
    assert sorted(said(3, 5, 4, 2, 0)) == ["bb1", "bb2"]
    assert said(3, 5, 4, 2, float("nan")) == []
