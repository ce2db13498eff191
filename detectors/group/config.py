"""Configuration of the group detector, and which points it takes together."""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from detectors.detector import Detector
from detectors.group.detector import GroupDetector
from detectors.groups import Group, by_bay
from detectors.learning import LearningConfig
from protocols.point import PointConfig, SeverityWord
from protocols.points import Points
from protocols.settings import Field, Name, Seconds, settings

LARGEST = 64
"""Points of a group: its matrices grow with the square."""
SMALLEST = 3
"""Points of a group: two say little about one another."""
SPARED = ("breaker", "tap", "status", "energy")
"""States have no distance, and a counter only grows."""


@settings
class NamedGroup:
    """Points that are looked at together."""

    name: Name
    """Name of the group in its alarms."""
    points: tuple[str, ...] = Field(min_length=1)
    """Its points, 3 to 64: shell-style patterns of DEVICE.POINT."""


@settings
class GroupConfig(LearningConfig):
    """Finds bays or devices whose values no longer fit together as they did."""

    detector: Literal["group"] = "group"
    groups: tuple[NamedGroup, ...] = ()
    """What is looked at together; otherwise the measured values of each bay, or of each device without bays."""
    every_s: Seconds = 10.0
    """How often a sample is taken, in seconds; of slower values with each reading."""
    learn_samples: int = Field(default=8640, ge=64, le=1_000_000)
    """Samples from which it is learned what is normal: a day of 10 s."""
    false_alarms: float = Field(default=1e-6, ge=1e-9, le=0.1)
    """Share of normal samples that may be beyond the limit."""
    severity: SeverityWord = "info"
    """Severity of the alarm; one step more where it is extreme and lasts."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the groups that the points make."""
        return GroupDetector(points, list(self._made_of(points)), self)

    def _made_of(self, points: Points) -> Iterator[Group]:
        rows = points.matching(self.points)
        for group in self._named(points) if self.groups else by_bay(points, rows, _measured):
            parts = np.array_split(group.rows, -(-len(group) // LARGEST))
            for number, part in enumerate(parts, 1):
                subject = group.subject if len(parts) == 1 else f"{group.subject}.{number}"
                if len(part) >= SMALLEST:
                    yield Group(subject, points.device(int(part[0])), part)

    def _named(self, points: Points) -> Iterator[Group]:
        for named in self.groups:
            if len(rows := points.matching(named.points)):
                yield Group(named.name, points.device(int(rows[0])), rows)


def _measured(config: PointConfig) -> bool:
    return not config.status and (config.role is None or config.role.quantity not in SPARED)
