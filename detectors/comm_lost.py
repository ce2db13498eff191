"""Communication lost: a device has not answered for a while; one alarm for the device, none for its points."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from detectors.detector import Detector, DetectorConfig
from detectors.model import Finding, Severity
from protocols.model import Event, EventKind, Seen, Tick
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, settings

NS = 1_000_000_000


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


class CommLostDetector:
    """Remembers since when each device is away, and why."""

    def __init__(self, config: CommLost, points: Points) -> None:
        self._after_ns, self._severity = int(config.after_s * NS), Severity(config.severity)
        self._devices = frozenset(points.device(int(row)) for row in points.matching(config.points))
        self._away: dict[str, Event] = {}
        self._active: set[str] = set()

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the devices that were away for long enough, or came back."""
        if isinstance(seen, Event):
            return self._event(seen)
        if isinstance(seen, Tick) and self._away:
            return self._due(seen.time_ns)
        return ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if finding.device in self._devices]
        self._active.update(finding.device for finding in taken)
        return taken

    def _event(self, event: Event) -> Sequence[Finding]:
        if event.device not in self._devices:
            return ()
        if event.kind is EventKind.LOST:
            self._away.setdefault(event.device, event)
            return self._due(event.time_ns)
        if event.kind is EventKind.CONNECTED:
            away = self._away.pop(event.device, None)
            if event.device in self._active:
                self._active.discard(event.device)
                return [self._back(event, away)]
        return ()

    def _due(self, now_ns: int) -> Sequence[Finding]:
        for device, event in self._away.items():
            if event.time_ns > now_ns:  # the clock was set back: the delay counts from here
                self._away[device] = replace(event, time_ns=now_ns)
        due = [
            event
            for device, event in self._away.items()
            if device not in self._active and now_ns - event.time_ns >= self._after_ns
        ]
        self._active.update(event.device for event in due)
        return [self._finding(event, now_ns, f"{event.device} does not answer: {event.detail}") for event in due]

    def _back(self, event: Event, away: Event | None) -> Finding:
        after = f" after {(event.time_ns - away.time_ns) / NS:.0f} s" if away else ""
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
