"""Every check that learns limits is told how in the same words, and tells how far it is in the same words."""

import numpy as np
import pytest

from detectors.config import build
from detectors.detector import Learning
from detectors.deviation.config import DeviationConfig
from detectors.group.config import GroupConfig
from detectors.learning import Lessons
from detectors.pattern.config import PatternConfig
from detectors.physics.config import BalanceConfig, ConsistencyConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
START_NS = 1_767_225_600 * NS  # 2026-01-01T00:00Z
BAD = (("2026-01-01T03:00+03:00", "2026-01-01T00:10"),)
LEARNERS = (DeviationConfig, PatternConfig, GroupConfig, BalanceConfig, ConsistencyConfig)


@pytest.fixture(scope="module")
def table():
    """One bus with a transformer and two feeders."""
    roles = {
        name: Role(bay=name, bus="bb1", quantity="active_power", direction=way)
        for name, way in {"in": "in", "a": "out", "b": "out"}.items()
    }
    return Points.of([(DeviceConfig(name="rtu"), [PointConfig(name=name, role=role) for name, role in roles.items()])])


def minutes(first, last):
    """Yield a frame of each 10 s from minute `first` to `last` of the year 2026."""
    rng = np.random.default_rng(first)
    for second in range(first * 60, last * 60, 10):
        loads = 10 + rng.normal(size=2) * 0.05
        now_ns = START_NS + second * NS
        yield Frame(now_ns, now_ns, np.array([loads.sum(), *loads]), np.ones(3, bool))


@pytest.mark.parametrize("config", LEARNERS)
def test_nothing_is_learned_of_what_is_excluded(table, config):
    """While a stretch is excluded a check is no further than before, and goes on after its end."""
    detector = config(exclude=BAD).build(table)
    for each in minutes(0, 10):
        detector.observe(each)
    during = max((each.share for each in detector.learned()), default=0)
    for each in minutes(10, 20):
        detector.observe(each)

    assert isinstance(detector, Learning)
    assert during == 0
    assert all(each.share > 0 for each in detector.learned())
    assert {each.state for each in detector.learned()} <= {"learning"}


@pytest.mark.parametrize("config", LEARNERS)
def test_who_freezes_it_does_not_want_it_to_forget(table, config):
    """With other keys of learning it takes up what it had learned; with any other key it begins anew."""

    def made_by(**keys):
        chosen = config(**keys)
        return build([chosen], table)[chosen.detector][0].made_by

    assert made_by() == made_by(learning="frozen", exclude=BAD)
    assert made_by() != made_by(points=("rtu.*",))


@pytest.mark.parametrize(
    ("share", "frozen", "held", "word"),
    [
        (0.99, True, True, "learning"),
        (1.0, False, False, "ready"),
        (1.0, True, False, "frozen"),
        (1.0, False, True, "frozen"),
    ],
)
def test_the_word_for_it(share, frozen, held, word):
    """Learning until all is learned, whatever else; then ready, or frozen by configuration or while it is held."""
    assert Lessons(frozen=frozen).state(share, held=held) == word
