"""From what a device says to the unit of its point: value = raw * scale + offset."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values
from protocols.point import PointConfig


class Scaling:
    """The scale and offset of `points`, by their place among them."""

    def __init__(self, points: Sequence[PointConfig]) -> None:
        self._scale = np.array([point.scale for point in points], np.float64)
        self._offset = np.array([point.offset for point in points], np.float64)

    def scaled(self, places: NDArray[np.integer[Any]], values: Values) -> Values:
        """Return the `values` that were read at `places`, each in the unit of its point."""
        with np.errstate(invalid="ignore", over="ignore"):  # a device may send any number, infinity too
            found: Values = values * self._scale[places] + self._offset[places]
        return found
