"""A device has restarted: an edge, never a state."""

from typing import ClassVar

from detectors.cyber.check import Check
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting


class DeviceRestart(Check):
    """Finds devices that have restarted, by their restart bit, uptime or start time.

    Many devices never clear the bit of a restart long past, so only one that was seen without it before says anything
    (`edge`). The same told by a driver for people, as a plain event, is left to its sighting.
    """

    NAME: ClassVar[str] = "device_restart"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.RESTART})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0816",)
    ADVICE: ClassVar[str] = "ask who restarted it; look for alarms of critical_function, and into the log of the device"

    def event(self, seen: Event) -> None:
        """Look at one sign of a restart."""
        if not isinstance(seen, Sighting) or not seen.facts.get("edge", True):
            return
        who = "" if seen.live or seen.source in self.desk.devices else seen.source
        severity = Severity.INFO if self.desk.maintenance else Severity.WARNING
        text = f"{who or self.desk.device(seen)} has restarted: {seen.detail}"
        self.alarm(seen, text, subject=who, severity=severity)
