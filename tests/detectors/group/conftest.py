"""What the tests of the group detector share: two bays of six values that follow their load, and frames of them."""

import numpy as np
import pytest

from detectors.group.config import GroupConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
START_NS = 1_767_225_600 * NS  # 2026-01-01T00:00Z
KEYS = {"every_s": 1, "learn_samples": 1500, "false_alarms": 1e-8}
"""One sample a second, learned for 25 minutes."""
ROWS = 5000
"""Seconds there are; whatever is taken of them begins with the same ones."""


def _frame(at_s, values, fresh=None):
    values = np.array(values, np.float64)
    known = np.isfinite(values)
    now_ns = START_NS + int(at_s * NS)
    return Frame(now_ns, now_ns, values, known if fresh is None else known & np.array(fresh, bool))


@pytest.fixture(scope="session")
def frame():
    """Make the plant with some values at a second of the year 2026."""
    return _frame


@pytest.fixture(scope="session")
def plant():
    """Six values and a breaker in each of two bays: rows 0 to 6, 7 to 13."""
    kinds = ("voltage", "current", "current", "current", "active_power", "reactive_power", "breaker")
    config = [
        PointConfig(name=f"{bay}.{n}", unit="u", role=Role(bay=bay, quantity=kind))
        for bay in ("bay1", "bay2")
        for n, kind in enumerate(kinds)
    ]
    return Points.of([(DeviceConfig(name="rtu"), config)])


@pytest.fixture(scope="session")
def normal():
    """Return float64[rows, 14] of so many seconds: load goes up and down, and everything follows it, with noise."""
    rng, bays = np.random.default_rng(1), []
    for bay in range(2):
        load = 100 + 20 * np.sin(np.arange(ROWS) / 40 + bay) + rng.normal(size=ROWS)
        volts = 20 + 0.1 * rng.normal(size=ROWS)
        columns = [volts, load, load * 1.02, load * 0.99, load * 0.03, load * 0.01, np.ones(ROWS)]
        noise = np.array([0.01, 0.5, 0.5, 0.5, 0.015, 0.005, 0]) * rng.normal(size=(ROWS, 7))
        bays.append(np.column_stack(columns) + noise)
    whole = np.hstack(bays)
    return lambda rows: whole[:rows].copy()


@pytest.fixture(scope="session")
def learned(plant, normal):
    """Return the state of a detector that has learned what is normal."""
    detector = GroupConfig(**KEYS).build(plant)
    for at, row in enumerate(normal(KEYS["learn_samples"])):
        detector.observe(_frame(at, row))
    return detector.state()


@pytest.fixture(scope="session")
def said(plant, normal, learned):
    """Return what a detector says of these rows, one a second: pairs of second and finding.

    It learns from the first of them, which where they are the normal ones has been done already.
    """

    def watch(rows, points=plant, **keys):
        detector = GroupConfig(**{**KEYS, **keys}).build(points)
        first = KEYS["learn_samples"]
        if keys.keys() <= {"learning"} and np.array_equal(rows[:first], normal(first)):
            detector.restore(learned)
        else:
            first = 0
        seconds = range(first, len(rows))
        return [(at, finding) for at in seconds for finding in detector.observe(_frame(at, rows[at]))]

    return watch
