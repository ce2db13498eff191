"""Configuration of the replay detector, and which points it takes the fingerprints of."""

from typing import Literal

from detectors.detector import Detector, DetectorConfig
from detectors.groups import by_bay
from detectors.replay.detector import ReplayDetector
from protocols.point import PointConfig, SeverityWord
from protocols.points import Points
from protocols.settings import Field, settings

SPARED = ("breaker", "tap", "status", "energy")
"""Few states say nothing, and an energy counter that goes on alone must not hide that the rest is replayed."""


@settings
class ReplayConfig(DetectorConfig):
    """Finds readings that come again, bit for bit and in order: of one bay or device, or of the whole plant."""

    detector: Literal["replay"] = "replay"
    plant_frames: int = Field(default=86_400, ge=64, le=1_000_000)
    """How many readings of the whole plant are remembered, one a second at most; 4 bytes each."""
    group_frames: int = Field(default=1024, ge=64, le=86_400)
    """How many readings of each bay or device are remembered, one a second at most; 4 bytes each."""
    severity: SeverityWord = "critical"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the measured values among the points."""
        groups = by_bay(points, points.matching(self.points), _measured)
        return ReplayDetector(points, groups, self)


def _measured(config: PointConfig) -> bool:
    return not config.status and (config.role is None or config.role.quantity not in SPARED)
