"""How the data quality of the tags is watched."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from detectors import stretches
from detectors.detector import Detector, DetectorConfig
from detectors.deviation.detector import DeviationDetector
from protocols.point import PointConfig
from protocols.points import Points
from protocols.settings import Fault, settings

OTHERS = frozenset({"energy", "breaker", "tap", "status"})
"""Quantities that count or switch: they stand still for long, and move by steps."""


@settings
class DeviationConfig(DetectorConfig):
    """Finds spikes, outliers, drift and stand-still of single measured values."""

    detector: Literal["deviation"] = "deviation"
    learning: Literal["auto", "frozen"] = "auto"
    """auto goes on learning what is normal; frozen stops once it is ready."""
    exclude: tuple[stretches.Stretch, ...] = ()
    """Times [from, to] from which nothing is learned, ISO 8601, UTC without an offset."""

    def faults(self) -> Iterator[Fault]:
        """Yield the stretches that are none."""
        yield from stretches.faults(self.exclude)

    def build(self, points: Points) -> Detector:
        """Make the detector for the measured values among the points."""
        rows = [row for row in points.matching(self.points).tolist() if measured(points.configs[row])]
        return DeviationDetector(
            points,
            np.array(rows, np.int32),
            frozen=self.learning == "frozen",
            exclude=stretches.Stretches(self.exclude),
        )


def measured(point: PointConfig) -> bool:
    """Return whether it is a measured value: no status, counter, switch or tap."""
    return not point.status and (point.role is None or point.role.quantity not in OTHERS)
