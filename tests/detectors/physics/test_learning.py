"""What an equation learns of its own normal makes errors visible that its class allows, and raises no false alarm."""

import numpy as np
import pytest

from detectors.physics.config import ConsistencyConfig

NOISE = 0.002
LEARNED = 4_100


@pytest.fixture
def bay(points_of):
    tags = {"u": ("voltage", "V"), "i": ("current", "A"), "p": ("active_power", "W"), "q": ("reactive_power", "var")}
    return points_of(*((name, unit, {"bay": "f", "quantity": q}) for name, (q, unit) in tags.items()), every_s=60)


def readings(count, gains=(1.0, 1.0, 1.0, 1.0), seed=0):
    """Return float64[count, 4]: a load of all sizes, with a constant error and noise of each instrument."""
    chance = np.random.default_rng(seed)
    amperes, angle = chance.uniform(20, 200, count), chance.uniform(0.2, 0.5, count)
    apparent = 3**0.5 * 10e3 * amperes
    true = np.column_stack([np.full(count, 10e3), amperes, apparent * np.cos(angle), apparent * np.sin(angle)])
    return true * gains * (1 + NOISE * chance.standard_normal(true.shape))


@pytest.fixture
def learned(bay, frames_of):
    """Return a detector that knows a bay whose current is 0.6 % too high, and what it said meanwhile."""
    detector = ConsistencyConfig().build(bay)
    rows = readings(LEARNED, gains=(1, 1.006, 1, 1))
    return detector, [said for frame in frames_of(rows, 60) for said in detector.observe(frame)]


def test_a_constant_error_within_the_class_is_learned(learned):
    """Nothing is said while it is learned; then the gain is known, and the limit a few times the noise."""
    detector, said = learned
    (known,) = detector.learned()

    assert said == []
    assert (known.state, known.share) == ("ready", 1.0)
    learning = detector.judge.learning
    assert learning.gain[0, 0] == pytest.approx(-0.006, abs=0.001)
    assert 3 < learning.limit[0] < 6


def test_what_the_class_allows_is_found_then(learned, bay, frames_of):
    """An error of 1.4 % more shows, though three instruments of class 0.5 may be 1.5 % apart."""
    detector, _ = learned
    wrong = readings(20, gains=(1, 1.02, 1, 1), seed=1)

    said = [each for frame in _after(frames_of(wrong, 60)) for each in detector.observe(frame)]

    assert [each.kind for each in said if each.active] == ["inconsistent"]


def test_false_alarms_are_as_rare_as_stated(learned, frames_of):
    """Of 5,000 readings like those learned, not one in a thousand begins an alarm."""
    detector, _ = learned

    rows = readings(5_000, gains=(1, 1.006, 1, 1), seed=2)

    assert sum(each.active for frame in _after(frames_of(rows, 60)) for each in detector.observe(frame)) <= 5


def test_before_it_has_learned_it_says_so(bay):
    """The share of the learning that is done, and what decides meanwhile."""
    (known,) = ConsistencyConfig().build(bay).learned()

    assert (known.state, known.share) == ("learning", 0.0)
    assert "class of their instruments" in known.detail


def _after(frames):
    """Yield the frames at the times after what was learned."""
    for frame in frames:
        moved = frame.time_ns + LEARNED * 60_000_000_000
        yield type(frame)(moved, moved, frame.values, frame.fresh)


def test_uneven_phases_are_no_contradiction(points_of, frames_of):
    """What was learned of even phases is no measure of a sagging one: the class is, and what is beyond it is told."""
    tags = [
        (f"v{phase}", "V", {"bay": "f", "quantity": "voltage", "phase": phase, "accuracy_class": 0.2})
        for phase in VOLTS
    ]
    bay = points_of(*tags, every_s=60)
    detector = ConsistencyConfig().build(bay)
    said = [each for frame in frames_of(voltages(LEARNED), 60) for each in detector.observe(frame)]
    assert said == []
    assert detector.learned()[0].state == "ready"

    sagging, wrong = (voltages(30, sag=0.08, seed=seed) for seed in (1, 2))
    wrong[:, 3] *= 1.03
    assert [each for frame in _after(frames_of(sagging, 60)) for each in detector.observe(frame)] == []
    began = [each for frame in _after(frames_of(wrong, 60)) for each in detector.observe(frame)]
    assert [bay.names[each.rows[0]] for each in began if each.active][:1] == ["vab"]


VOLTS = ("a", "b", "c", "ab", "bc", "ca")


def voltages(count, sag=0.0, turn=0.0, seed=0):
    """Return float64[count, 6]: phase and line voltages of instruments with errors of their own; phase a may sag.

    It turns by a quarter of a degree with that, or by `turn` radians, which nothing here measures.
    """
    chance = np.random.default_rng(seed)
    phase = np.outer(chance.normal(6350, 30, count), [1 - sag, 1, 1])
    turned = phase * np.exp(2j * np.pi / 3 * np.array([0, 1, 2]) + 1j * np.array([0.05 * sag + turn, 0, 0]))
    line = np.abs(turned - np.roll(turned, -1, 1))
    gains = np.array([1.001, 0.998, 1.0, 1.002, 0.999, 1.0])
    return np.column_stack([phase, line]) * gains * (1 + 1e-5 * chance.standard_normal((count, 6)))


def test_a_load_that_turns_the_phases_is_no_contradiction(points_of, frames_of):
    """Line voltages follow angles that nobody measures: a day of light load is no measure of a heavy one."""
    tags = [(f"v{phase}", "V", {"bay": "f", "quantity": "voltage", "phase": phase}) for phase in VOLTS]
    detector = ConsistencyConfig().build(points_of(*tags, every_s=60))
    said = [each for frame in frames_of(voltages(LEARNED), 60) for each in detector.observe(frame)]
    heavy = voltages(30, turn=0.006, seed=1)

    said += [each for frame in _after(frames_of(heavy, 60)) for each in detector.observe(frame)]
    assert said == []
