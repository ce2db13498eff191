"""Groups: which points belong together."""

import numpy as np

from detectors.groups import by_device
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points


def test_the_rows_of_each_device_are_found_among_some():
    """A device without any of them is left out."""
    sizes = {"a": 3, "empty": 0, "b": 2, "c": 2}
    points = Points.of(
        [(DeviceConfig(name=name), [PointConfig(name=f"p{k}") for k in range(count)]) for name, count in sizes.items()]
    )

    assert by_device(points, np.array([1, 2, 6], np.int32)) == [("a", slice(0, 2)), ("c", slice(2, 3))]
    assert by_device(points, np.array([], np.int32)) == []
