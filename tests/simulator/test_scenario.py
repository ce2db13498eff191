"""Scenario files: what is refused, and how it is said."""

import pytest

from simulator import scenario as scenarios
from simulator.scenario import MAX_BYTES, ScenarioError, load, parse

HEAD = "name: x\nsteps:\n"
TRIP = "  - {at_s: 5, for_s: 10, do: feeder_trip, feeder: feeder2}\n"


@pytest.mark.parametrize("name", scenarios.names())
def test_the_scenarios_in_the_box_load(name):
    """Every shipped scenario is valid, is named after its file, and says what it shows."""
    scenario = load(name)

    assert scenario.name == name
    assert scenario.about


def test_the_demo_fits_in_a_minute_and_a_half_and_repeats():
    """Its over-voltage begins within 10 s for 8 s; a wrong current, trip and silence follow; then it starts again."""
    demo = load("demo")
    first = demo.steps[0]

    assert first.at_s <= 10
    assert first.for_s == 8
    assert 60 <= demo.repeat_s <= 90
    assert demo.active(first.at_s) == demo.active(first.at_s + demo.repeat_s) == (first,)
    assert demo.active(demo.repeat_s - 1) == ()


def test_a_step_is_active_from_its_beginning_to_just_before_its_end():
    """The interval of a step is half open, and without repeat_s it happens once."""
    scenario = parse(HEAD + TRIP, "x.yaml")

    assert [len(scenario.active(t)) for t in (4.9, 5, 14.9, 15, 1000)] == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name: x\nsped: 2", "x.yaml: sped: unknown key 'sped', did you mean 'speed'?"),
        (
            HEAD + TRIP.replace("}", ", feder: 1}"),
            "x.yaml: steps[0].feder: unknown key 'feder', did you mean 'feeder'?",
        ),
        (
            HEAD + TRIP.replace("feeder_trip", "feeder_tripp"),
            "x.yaml: steps[0]: do: 'feeder_tripp' is no step, did you mean 'feeder_trip'?; there are over_voltage",
        ),
        (HEAD + "  - {at_s: 5}", "x.yaml: steps[0]: a step needs 'do': one of over_voltage"),
        (HEAD + "  - 5", "x.yaml: steps[0]: "),
        (
            HEAD + "  - {at_s: 1, for_s: 1, do: dead_unit, unit: feeder9}",
            "steps[0].unit: 'feeder9' is no bay; there are",
        ),
        (
            HEAD + "  - {at_s: 1, for_s: 1, do: stuck_sensor, point: feeder1.volts}",
            "steps[0].point: 'volts' is not measured in feeder1; there are va, vb",
        ),
        (HEAD + "  - {at_s: 1, for_s: 1, do: stuck_sensor, point: x.va}", "steps[0].point: 'x' is no bay"),
        (HEAD + TRIP + "repeat_s: 14", "x.yaml: step 'breaker of feeder2 open' ends at 15 s, after repeat_s 14"),
        ("name: x\nspeed: 0", "x.yaml: speed: Input should be greater than 0"),
        ("- a list", "x.yaml: not a mapping of keys to values"),
        ("", "x.yaml: not a mapping of keys to values"),
        ("name: [", "x.yaml: while parsing a flow"),
        ("#" * (MAX_BYTES + 1), f"x.yaml: longer than {MAX_BYTES} bytes"),
    ],
)
def test_a_fault_is_said_in_one_line(text, error):
    """Whatever is wrong, one line names the file, the key and what is allowed."""
    with pytest.raises(ScenarioError) as caught:
        parse(text, "x.yaml")

    assert error in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_fault_is_said_at_once():
    """Two faults are two lines."""
    with pytest.raises(ScenarioError) as caught:
        parse("name: x\nspeed: -1\nseed: -1", "x.yaml")

    assert len(str(caught.value).splitlines()) == 2


def test_an_unknown_name_is_met_with_the_known_ones():
    """A misspelt name gets the names there are and the nearest."""
    with pytest.raises(ScenarioError, match=r"no scenario 'demmo', did you mean 'demo'\?; there are assets, .*normal"):
        load("demmo")


def test_a_missing_file_is_one_line(tmp_path):
    """A path that is not there is named."""
    with pytest.raises(ScenarioError, match=r"gone.yaml: No such file"):
        load(str(tmp_path / "gone.yaml"))


def test_values_can_be_given_instead():
    """Seed and speed of the command line replace those of the file, and are checked like them."""
    assert load("demo", seed=99, speed=3.0).seed == 99
    with pytest.raises(ScenarioError, match=r"demo.yaml: speed"):
        load("demo", speed=-1.0)
