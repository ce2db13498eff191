"""The interface of every detector: it sees everything once, in order, and keeps a fixed-size state."""

from collections.abc import Sequence
from typing import Protocol

from detectors.model import Finding
from protocols.model import Seen
from protocols.points import Points
from protocols.settings import Field, settings


class Detector(Protocol):
    """Sees everything once, in order. Asks no clock, no network and no disk: time reaches it in what it sees."""

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return what began or ended with this; nothing while nothing changes."""

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up its findings that were active when the gateway stopped, so that it can end them.

        Return those it took up: a point or device that it watches no more is not among them.
        """


@settings
class DetectorConfig:
    """Keys of every detector."""

    enabled: bool = True
    """Whether it looks at all."""
    points: tuple[str, ...] = Field(default=("*",), min_length=1)
    """The points it looks at: shell-style patterns of DEVICE.POINT."""

    def build(self, points: Points) -> Detector:
        """Make the detector, its arrays sized from `points`."""
        raise NotImplementedError(type(self).__name__)
