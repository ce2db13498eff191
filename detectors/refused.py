"""Refused: a point that its device does not know; the address is named, the other points go on."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.detector import Detector, DetectorConfig, Kinds
from detectors.kept import Kept
from detectors.model import Finding, Severity
from protocols.model import Batch, Event, EventKind, Rows, Seen, span, usable
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
        """Make the detector for the points."""
        return RefusedDetector(points, points.matching(self.points), Severity(self.severity))


class RefusedDetector(Kept):
    """One finding a refused point.

    A good reading ends it too: a driver that was started anew does not know what was refused before.
    """

    KEPT = ("_refused",)
    sees: Kinds = (Batch, Event)

    def __init__(self, points: Points, rows: Rows, severity: Severity) -> None:
        self._points, self._severity = points, severity
        self.whose = np.arange(len(points), dtype=np.int32)
        self._watched = np.zeros(len(points), bool)
        self._watched[rows] = True
        self._refused = np.zeros(len(points), bool)

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the points that were refused, or accepted again."""
        if isinstance(seen, Batch):
            return self._batch(seen)
        if not isinstance(seen, Event) or seen.kind not in (EventKind.REFUSED, EventKind.ACCEPTED):
            return ()
        active = seen.kind is EventKind.REFUSED
        turned = [row for row in seen.rows if self._watched[row] and self._refused[row] != active]
        self._refused[turned] = active
        return [self._finding(row, seen, active=active) for row in turned]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if self._watched[list(finding.rows)].all()]
        self._refused.fill(False)
        for finding in taken:
            self._refused[list(finding.rows)] = True
        return taken

    def _batch(self, batch: Batch) -> Sequence[Finding]:
        refused = self._refused[span(batch.rows)]
        if not np.count_nonzero(refused):
            return ()
        answers = refused & usable(batch.quality)
        rows = batch.rows[answers].tolist()
        self._refused[rows] = False
        said = ((row, Event(self._points.device(row), EventKind.ACCEPTED, "answers", batch.arrival_ns)) for row in rows)
        return [self._finding(row, event, active=False) for row, event in said]

    def _finding(self, row: int, event: Event, *, active: bool) -> Finding:
        return Finding(
            detector="refused",
            kind="bad_address",
            device=self._points.device(row),
            rows=(row,),
            severity=self._severity,
            time_ns=event.time_ns,
            active=active,
            text=f"{self._points.label(row)}: {event.detail}",
            evidence={"answer": event.detail},
        )
