"""The simulated substation: what is wrong is found within two readings, by name, and what only happens is not."""

import math

import pytest

from detectors.physics.config import BalanceConfig, ConsistencyConfig, OverloadConfig, UnbalanceConfig

CALM_S = 5
ALL = (BalanceConfig(), ConsistencyConfig(), UnbalanceConfig(), OverloadConfig())


def told(findings):
    """Return kind, begin or end, and the subject or the first point of each."""
    return [(each.kind, each.active, each.subject or each.rows[0]) for each in findings]


WRONG = {
    "a gain error of a phase voltage": ("feeder1.va", lambda v: 1.03 * v),
    "a voltage with the factor of a line voltage": ("bus1.vb", lambda v: math.sqrt(3) * v),
    "a blown VT fuse": ("feeder2.va", lambda _: 0.0),
    "a current of the wrong CT ratio": ("feeder3.ia", lambda v: 2 * v),
    "a power with the wrong sign": ("feeder2.p", lambda v: -v),
    "a scaling error of an apparent power": ("feeder4.s", lambda v: 1.1 * v),
    "a power factor that is replaced": ("feeder5.pf", lambda _: 0.5),
    "a frequency of another network": ("feeder6.f", lambda v: v + 0.4),
    "a power of a transformer with the wrong sign": ("t1.p", lambda v: -v),
    "a high side that gives more than it takes": ("t2.hp", lambda v: 0.9 * v),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found_by_name(plant, case):
    """Within two readings, one finding names the point, the value that would fit, causes and advice; it ends after."""
    label, spoil = WRONG[case]
    site = plant(ConsistencyConfig())
    assert site.run(CALM_S) == []

    site.wrong[label] = spoil
    began = site.run(2)

    assert [(each.kind, each.active, site.points.label(each.rows[0])) for each in began] == [
        ("inconsistent", True, label)
    ]
    assert label in began[0].text
    assert began[0].evidence["suspect"] == label
    assert began[0].causes
    assert began[0].advice
    true = site.grid[label]
    assert began[0].expected == pytest.approx(true, rel=0.05)

    site.wrong.clear()
    assert told(site.run(12)) == [("inconsistent", False, site.row(label))]


@pytest.mark.parametrize("phase", "abc")
def test_a_phase_current_that_has_just_moved_is_the_suspect(plant, phase):
    """The equations cannot tell the phases of a current apart; which of them moved by what is wrong can."""
    site = plant(ConsistencyConfig())
    site.run(CALM_S)

    site.wrong[f"feeder1.i{phase}"] = lambda v: 1.05 * v
    began = [each for each in site.run(3) if each.active]

    assert [(each.kind, site.points.label(each.rows[0])) for each in began] == [("inconsistent", f"feeder1.i{phase}")]


@pytest.mark.parametrize(("one", "other"), [("feeder1.p", "feeder2.p"), ("feeder1.ia", "feeder3.ib"), ("t1.q", "t2.q")])
def test_points_that_are_exchanged_are_both_named(plant, one, other):
    """A mistake in the list of points: both are told, each with the value of the other; both end together."""
    site = plant(ConsistencyConfig())
    site.run(CALM_S)

    site.wrong[one] = lambda _: site.grid[other]
    site.wrong[other] = lambda _: site.grid[one]
    began = site.run(2)

    assert {site.points.label(each.rows[0]): each.causes[0] for each in began} == {
        one: f"exchanged with {other} in the list of points",
        other: f"exchanged with {one} in the list of points",
    }
    site.wrong.clear()
    assert sorted(told(site.run(12))) == sorted(("inconsistent", False, site.row(label)) for label in (one, other))


def test_a_wrong_sign_is_the_first_cause(plant):
    """The ratio of what is read and what fits tells the cause."""
    site = plant(ConsistencyConfig())
    site.run(CALM_S)

    site.wrong["feeder2.p"] = lambda v: -v

    assert site.run(2)[0].causes[0].startswith("wrong sign")


def test_a_bus_out_of_balance_is_told_with_its_terms(plant):
    """A feeder that draws more than it tells: the finding is about the bus, with both sums and all terms."""
    site = plant(BalanceConfig())
    assert site.run(CALM_S) == []

    site.wrong["feeder1.p"] = lambda v: 0.7 * v
    (began,) = site.run(2)

    assert (began.kind, began.subject, began.active) == ("imbalance", "bb1", True)
    assert "Σ P in = Σ P out" in began.text
    assert set(began.evidence["terms"]) == {"t1.p", "feeder1.p", "feeder2.p", "feeder3.p"}
    site.wrong.clear()
    assert told(site.run(12)) == [("imbalance", False, "bb1")]


def test_only_the_bus_that_is_named_is_looked_at(plant):
    """`bus` leaves the others alone."""
    site = plant(BalanceConfig(bus="bb2"))
    site.run(CALM_S)
    site.wrong["feeder1.p"] = lambda v: 0.5 * v
    assert site.run(3) == []

    site.wrong["feeder4.p"] = lambda v: 0.5 * v

    assert [each.subject for each in site.run(2)] == ["bb2"]


@pytest.mark.parametrize("seed", range(3))
def test_a_plant_that_works_raises_nothing(plant, seed):
    """Five minutes with a feeder that trips and comes back, a tap change, a load step and a coupler that closes."""
    site = plant(*ALL, seed=seed)
    happenings = {
        20: lambda grid: grid.switch("feeder2", closed=False),
        40: lambda grid: grid.switch("feeder2", closed=True),
        60: lambda grid: setattr(grid.network, "coupler", True),
        80: lambda grid: setattr(grid.network, "coupler", False),
        100: lambda grid: grid.taps.tap.__iadd__(1),
        140: lambda grid: grid.force("bb2", 0.9),
        170: lambda grid: grid.force("bb2", None),
    }

    said = []
    for second in range(200):
        happenings.get(second, lambda _grid: None)(site.grid)
        said += site.run(1)

    assert [each.text for each in said] == []


def test_a_dead_bus_is_no_contradiction(plant):
    """With its transformer off, everything on a bus is zero, and consistent."""
    site = plant(*ALL)
    site.run(CALM_S)

    site.grid.network.transformers[0] = False

    assert [each.text for each in site.run(20)] == []
    site.grid.network.transformers[0] = True
    assert [each.text for each in site.run(20)] == []


def test_a_lost_device_takes_its_equations_away(plant):
    """While a feeder does not answer nothing is said of it or its bus; when it is back, its errors are found."""
    site = plant(*ALL)
    site.run(CALM_S)
    site.silent.add("feeder1")
    assert site.run(60) == []

    site.silent.clear()
    site.wrong["feeder1.s"] = lambda v: 1.2 * v

    assert [each.subject or site.points.label(each.rows[0]) for each in site.run(3)] == ["feeder1.s"]


def test_what_fails_stays_said_while_its_device_is_lost(plant):
    """Silence ends nothing."""
    site = plant(ConsistencyConfig())
    site.run(CALM_S)
    site.wrong["feeder1.s"] = lambda v: 1.2 * v
    assert len(site.run(2)) == 1

    site.silent.add("feeder1")

    assert site.run(20) == []


def test_an_uneven_voltage_is_told_by_the_standard(plant):
    """A dead phase at a VT is unbalance, begun within two readings, about the place, the odd phase first."""
    site = plant(UnbalanceConfig())
    site.run(CALM_S)

    site.wrong["feeder1.vab"] = lambda v: 0.9 * v
    (began,) = site.run(2)

    assert (began.kind, began.subject) == ("unbalance", "feeder1.line_voltage")
    assert site.points.label(began.rows[0]) == "feeder1.vab"
    assert began.actual > began.expected == 2
    site.wrong.clear()
    assert told(site.run(3)) == [("unbalance", False, "feeder1.line_voltage")]


def test_a_coupler_that_is_read_before_the_flows_is_no_imbalance(plant):
    """In the second in which it opens the powers are still those of before, and of one reading nothing is said."""
    site = plant(BalanceConfig())
    site.grid.loads.factor[:3] = 1.3
    site.grid.network.coupler = True
    assert site.run(CALM_S) == []

    for label in ("bus1.coupler", "bus2.coupler"):
        site.wrong[label] = lambda _: 0.0
    said = site.run(1)
    site.grid.network.coupler = False
    assert said + site.run(CALM_S) == []
