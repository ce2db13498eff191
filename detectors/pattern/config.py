"""How the patterns of the tags are watched."""

from typing import Literal

import numpy as np

from detectors.detector import Detector
from detectors.learning import LearningConfig
from detectors.pattern.detector import PatternDetector
from protocols.point import PointConfig
from protocols.points import Points
from protocols.settings import Seconds, settings

OTHERS = frozenset({"energy", "breaker", "tap", "status"})
"""Quantities that have no pattern: they count, or switch."""


@settings
class PatternConfig(LearningConfig):
    """Finds measured values that behave as they never do at this hour."""

    detector: Literal["pattern"] = "pattern"
    every_s: Seconds = 60.0
    """How often a value is taken, where there is a new one; seconds."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the measured values among the points."""
        rows = [row for row in points.matching(self.points).tolist() if measured(points.configs[row])]
        return PatternDetector(points, np.array(rows, np.int32), every_s=self.every_s, lessons=self.lessons)


def measured(point: PointConfig) -> bool:
    """Return whether it is a measured value: no status, counter, switch or tap."""
    return not point.status and (point.role is None or point.role.quantity not in OTHERS)
