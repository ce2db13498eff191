"""value = raw * scale + offset, whatever the raw value is."""

import numpy as np

from protocols.point import PointConfig
from protocols.scaling import Scaling

POINTS = (PointConfig(name="a", scale=10.0, offset=1.0), PointConfig(name="b"), PointConfig(name="c", scale=0.0))
SCALING = Scaling(POINTS)


def test_each_by_its_own_point():
    """At its place among the points."""
    found = SCALING.scaled(np.array([1, 0]), np.array([5.0, 7.0]))

    assert found.tolist() == [5.0, 71.0]


def test_no_number_is_too_odd():
    """Infinity, its product with nothing, a signalling NaN and what leaves float64 go through without a warning."""
    signalling = np.array([0x7FF0000000000001], np.uint64).view(np.float64)
    raw = np.concatenate([[1e308, np.inf, np.inf], signalling])

    found = SCALING.scaled(np.array([0, 1, 2, 1]), raw)

    assert found[:2].tolist() == [np.inf, np.inf]
    assert np.isnan(found[2:]).all()
