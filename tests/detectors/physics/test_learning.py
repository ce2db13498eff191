"""What an equation learns of its own normal makes errors visible that its class allows, and raises no false alarm."""

import numpy as np
import pytest

from detectors.physics.config import ConsistencyConfig

NOISE = 0.002
LEARNED = 3_400


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
