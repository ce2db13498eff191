"""Communication lost: a device has not answered for a while; one alarm for the device, none for its points."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.detector import Detector, DetectorConfig, Kinds
from detectors.kept import Kept
from detectors.model import Finding, Severity
from protocols.model import Event, EventKind, Seen, Tick
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, settings

NS = 1_000_000_000
HERE = np.iinfo(np.int64).min
"""Stands where others have the time since when they are away."""
HERE_ = np.array(HERE)
REASON = 200
"""Characters of a reason that are kept."""


@settings
class CommLost(DetectorConfig):
    """Finds devices that do not answer."""

    detector: Literal["comm_lost"] = "comm_lost"
    after_s: float = Field(default=2.0, ge=0, le=86_400)
    """How long a device may be away before the alarm; seconds."""
    severity: SeverityWord = "critical"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the devices of the points."""
        return CommLostDetector(self, points)


class CommLostDetector(Kept):
    """Remembers since when each device is away, and why."""

    KEPT = ("_since_ns", "_reason", "_active")
    sees: Kinds = (Event, Tick)

    def __init__(self, config: CommLost, points: Points) -> None:
        self._after_ns, self._severity = int(config.after_s * NS), Severity(config.severity)
        self._devices = sorted({points.device(int(row)) for row in points.matching(config.points)})
        self.whose = np.array([points.rows_of[device].start for device in self._devices], np.int32)
        self._index = {device: index for index, device in enumerate(self._devices)}
        self._since_ns = np.full(len(self._devices), HERE, np.int64)
        self._reason = np.zeros(len(self._devices), f"U{REASON}")
        self._active = np.zeros(len(self._devices), bool)

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the devices that were away for long enough, or came back."""
        if isinstance(seen, Event):
            return self._event(seen)
        if isinstance(seen, Tick):
            return self._due(seen.time_ns)
        return ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if finding.device in self._index]
        self._active.fill(False)
        self._active[[self._index[finding.device] for finding in taken]] = True
        return taken

    def _event(self, event: Event) -> Sequence[Finding]:
        index = self._index.get(event.device)
        if index is None:
            return ()
        if event.kind is EventKind.LOST:
            if self._since_ns[index] == HERE:
                self._since_ns[index], self._reason[index] = event.time_ns, event.detail
            return self._due(event.time_ns)
        if event.kind is EventKind.CONNECTED:
            away_ns, self._since_ns[index] = int(self._since_ns[index]), HERE
            if self._active[index]:
                self._active[index] = False
                return [self._back(event, away_ns)]
        return ()

    def _due(self, now_ns: int) -> Sequence[Finding]:
        away = self._since_ns != HERE_
        if not np.count_nonzero(away):
            return ()
        self._since_ns[away] = np.minimum(self._since_ns[away], now_ns)  # set back, the delay counts from here
        due = np.flatnonzero(away & ~self._active & (now_ns - self._since_ns >= self._after_ns))
        self._active[due] = True
        return [self._lost(self._devices[index], str(self._reason[index]), now_ns) for index in due]

    def _lost(self, device: str, reason: str, now_ns: int) -> Finding:
        return self._finding(
            Event(device, EventKind.LOST, reason, now_ns), now_ns, f"{device} does not answer: {reason}"
        )

    def _back(self, event: Event, away_ns: int) -> Finding:
        after = f" after {(event.time_ns - away_ns) / NS:.0f} s" if away_ns != HERE else ""
        return self._finding(event, event.time_ns, f"{event.device} answers again{after}", active=False)

    def _finding(self, event: Event, now_ns: int, text: str, *, active: bool = True) -> Finding:
        return Finding(
            detector="comm_lost",
            kind="comm_lost",
            device=event.device,
            severity=self._severity,
            time_ns=now_ns,
            active=active,
            text=text,
            evidence={"reason": event.detail},
        )
