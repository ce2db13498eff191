"""The truth about a scenario: whole, in order, and the same after it went through a file."""

from itertools import pairwise

import pytest

from simulator import scenario as scenarios
from simulator.meter import BAYS, INDEX
from simulator.scenario import load
from simulator.truth import NS, Truth, truths

EVERY = [step for name in scenarios.names() for step in load(name).steps]


@pytest.mark.parametrize("name", scenarios.names())
def test_every_step_of_every_scenario_has_its_truth(name):
    """As many as there are steps; when they begin and end, and where; none overlaps, so that an alarm has one cause."""
    scenario = load(name)
    told = truths(scenario, 1000 * NS)

    assert [(each.begin_ns, each.end_ns) for each in told] == [
        ((1000 + step.at_s) * NS, (1000 + step.end_s) * NS) for step in scenario.steps
    ]
    assert all(before.end_ns < after.begin_ns for before, after in pairwise(told))
    for each in told:
        assert set(each.points) <= set(INDEX)
        assert set(each.devices) <= set(BAYS)


@pytest.mark.parametrize("step", EVERY, ids=lambda step: step.text)
def test_a_line_says_it_all(step):
    """What is read is what was written, to the millisecond."""
    truth = Truth.of(step, 1_772_409_600_123_000_000, speed=2.0)

    assert Truth.read(truth.line()) == truth
    assert '"begin": "2026-03-02T00:00:00.123Z"' in truth.line()
    assert truth.end_ns == truth.begin_ns + round(step.for_s / 2 * NS)


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"begin": 1, "end": 2}', "nonsense"])
def test_another_line_is_refused(line):
    """A ValueError, whatever it is."""
    with pytest.raises(ValueError, match=r"."):
        Truth.read(line)


def test_on_an_ordinary_day_nothing_is_to_be_found():
    """The scenario `day` has load steps, taps, switching and the coupler, and no step that a check should mind."""
    day = truths(load("day"))

    assert {each.kinds for each in day} == {()}
    assert {each.do for each in day} == {"load_step", "tap_change", "feeder_trip", "coupler"}
    assert day[-1].end_ns < 86_400 * NS


def test_every_kind_of_step_is_in_a_scenario():
    """What the simulator can do it shows; and each kind of finding that it foresees is foreseen by one of them."""
    assert {step.do for step in EVERY} == set(scenarios.STEPS)
    assert {kind for step in EVERY for kind in step.FINDS} >= {
        "spike", "drift", "outlier", "pattern_break", "stuck", "imbalance", "inconsistent", "unbalance", "overload",
        "thermal", "ageing", "forecast_exceeded", "replay", "tap_hunting", "gas", "breaker_wear", "limit_high",
        "comm_lost", "stale", "rate_of_change",
    }  # fmt: skip
