"""Refused: a point that its device does not know; the address is named, the other points go on."""

from collections.abc import Iterable, Sequence
from typing import Literal

from detectors.detector import Detector, DetectorConfig
from detectors.model import Finding, Severity
from protocols.model import Event, EventKind, Seen
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import settings


@settings
class RefusedConfig(DetectorConfig):
    """Reports points that their device refuses, usually a wrong address in the configuration."""

    detector: Literal["refused"] = "refused"
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for all points."""
        return RefusedDetector(points, Severity(self.severity))


class RefusedDetector:
    """One finding a refused point."""

    def __init__(self, points: Points, severity: Severity) -> None:
        self._points, self._severity = points, severity
        self._refused: set[int] = set()

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the points that were refused, or accepted again."""
        if not isinstance(seen, Event) or seen.kind not in (EventKind.REFUSED, EventKind.ACCEPTED):
            return ()
        active = seen.kind is EventKind.REFUSED
        turned = [row for row in seen.rows if (row in self._refused) != active]
        self._refused ^= set(turned)
        return [self._finding(row, seen, active=active) for row in turned]

    def resume(self, active: Iterable[Finding]) -> None:
        """Take up what was active when the gateway stopped."""
        for finding in active:
            self._refused.update(finding.rows)

    def _finding(self, row: int, event: Event, *, active: bool) -> Finding:
        return Finding(
            detector="refused",
            kind="bad_address",
            device=event.device,
            rows=(row,),
            severity=self._severity,
            time_ns=event.time_ns,
            active=active,
            text=f"{self._points.label(row)}: {event.detail}",
            evidence={"answer": event.detail},
        )
