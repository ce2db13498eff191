"""A plant of two devices, and what a source tells."""

import numpy as np
import pytest

from protocols.model import Batch
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000


@pytest.fixture
def points():
    """Two feeders with a voltage of the same name, and one current."""
    both = (PointConfig(name="va"), PointConfig(name="ia"))
    return Points.of([(DeviceConfig(name="f1"), both), (DeviceConfig(name="f2"), both[:1])])


@pytest.fixture
def told():
    """Return what a source tells as plain tuples: seconds, and value by label."""

    def tell(source, points):
        return [
            (
                each.arrival_ns / NS,
                {points.label(row): value for row, value in zip(each.rows, each.values.tolist(), strict=True)},
            )
            for each in source.told()
            if isinstance(each, Batch)
        ]

    return tell


@pytest.fixture
def batch():
    """Make a batch at so many seconds, of value by row."""

    def make(at_s, values, quality=0):
        rows, now_ns = sorted(values), int(at_s * NS)
        return Batch(
            np.array(rows, np.int32),
            np.array([values[row] for row in rows], np.float64),
            np.full(len(rows), quality, np.uint16),
            np.full(len(rows), now_ns),
            now_ns,
        )

    return make
