"""One model for all tests of the room."""

from dataclasses import replace

import numpy as np
import pytest
from trained import NAMES, lesson, write

from detectors.tflite.config import TfliteConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000


@pytest.fixture(scope="session")
def learned():
    """What was learned from 50 minutes of a feeder."""
    return lesson()


@pytest.fixture(scope="session")
def model(learned, tmp_path_factory):
    """The file, with its sidecar."""
    return write(tmp_path_factory.mktemp("model"), learned)


@pytest.fixture(scope="session")
def points():
    """The feeder, and another device before it."""
    configs = tuple(PointConfig(name=name, unit="V" if name.startswith("v") else "") for name in NAMES)
    return Points.of([(DeviceConfig(name="f0"), configs[:2]), (DeviceConfig(name="f1"), configs)])


@pytest.fixture(scope="session")
def config(model):
    """The section, with its model."""
    found, faults = TfliteConfig(model_file=model, on_delay_s=0, off_delay_s=0).resolved()
    assert not faults
    return found


@pytest.fixture
def detector(config, points):
    """Make a detector that fires at once, unless told otherwise."""

    def make(**keys):
        return replace(config, **keys).build(points)

    return make


@pytest.fixture
def frame():
    """Make the frame of a second, with the feeder's values in their rows."""

    def make(at_s, values, *, fresh=True):
        whole = np.concatenate([[1.0, 2.0], values])
        return Frame(at_s * NS, at_s * NS, whole, np.full(10, fresh))

    return make
