"""What the tests of the replay detector share: a plant of three bays with noise digits, and frames of it."""

import numpy as np
import pytest

from detectors.replay.config import ReplayConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS


def _frame(at_s, values, fresh=None):
    values = np.array(values, np.float64)
    known = np.isfinite(values)
    now_ns = START_NS + int(at_s * NS)
    return Frame(now_ns, now_ns + 3600 * NS, values, known if fresh is None else known & np.array(fresh, bool))


@pytest.fixture(scope="session")
def frame():
    """Make the plant with some values at a second; our clock was set forward by an hour since the start."""
    return _frame


@pytest.fixture
def plant():
    """Three bays of three points: rows 0 to 2, 3 to 5, 6 to 8."""
    config = [PointConfig(name=f"p{n}", role=Role(bay=f"bay{n // 3}")) for n in range(9)]
    return Points.of([(DeviceConfig(name="rtu"), config)])


@pytest.fixture
def noisy():
    """600 rows of nine values with noise in their digits."""
    return np.round(100 + np.random.default_rng(7).normal(size=(600, 9)), 3)


@pytest.fixture
def said(plant):
    """Return what a new detector says of these rows, one a second: second, activity and subject."""

    def watch(rows, points=plant, **keys):
        detector = ReplayConfig(**keys).build(points)
        frames = (_frame(at, row) for at, row in enumerate(rows))
        return [(at, f.active, f.subject) for at, each in enumerate(frames) for f in detector.observe(each)]

    return watch
