"""How the data quality of the tags is watched."""

from typing import Literal

import numpy as np

from detectors.detector import Detector
from detectors.deviation.detector import DeviationDetector
from detectors.learning import LearningConfig
from protocols.point import PointConfig
from protocols.points import Points
from protocols.settings import settings

OTHERS = frozenset({"energy", "breaker", "tap", "status"})
"""Quantities that count or switch: they stand still for long, and move by steps."""


@settings
class DeviationConfig(LearningConfig):
    """Finds spikes, outliers, drift and stand-still of single measured values."""

    detector: Literal["deviation"] = "deviation"

    def build(self, points: Points) -> Detector:
        """Make the detector for the measured values among the points."""
        rows = [row for row in points.matching(self.points).tolist() if measured(points.configs[row])]
        return DeviationDetector(points, np.array(rows, np.int32), self.lessons)


def measured(point: PointConfig) -> bool:
    """Return whether it is a measured value: no status, counter, switch or tap."""
    return not point.status and (point.role is None or point.role.quantity not in OTHERS)
