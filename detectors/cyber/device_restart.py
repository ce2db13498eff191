"""A device has restarted and nobody was to do so: an edge, never a state."""

from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

MOST_DEVICES: Final = 1024
"""Devices whose restart bit and uptime are remembered; one that was pushed out begins anew."""


class DeviceRestart(Check):
    """Finds the edge of a restart bit, and an uptime that went back.

    Many devices never clear the bit of a restart long past, so a bit that was set when it was seen first says nothing.
    A plain event of a driver is an edge already.
    """

    NAME: ClassVar[str] = "device_restart"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.RESTART})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0816",)
    ADVICE: ClassVar[str] = "ask who restarted it; see in the audit of the device, and for alarms of critical_function"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._last: dict[tuple[str, str, str], float] = {}

    def event(self, seen: Event) -> None:
        """Look at one sign of a restart."""
        if isinstance(seen, Sighting) and not self._edge(seen):
            return
        who = seen.source if isinstance(seen, Sighting) and not seen.live else ""
        subject = "" if who in self.desk.devices else who
        severity = Severity.INFO if self.desk.maintenance else Severity.WARNING
        self.alarm(seen, f"{who or seen.device} has restarted: {seen.detail}", subject=subject, severity=severity)

    def _edge(self, seen: Sighting) -> bool:
        bit, uptime_s = seen.facts.get("bit"), seen.facts.get("uptime_s")
        edge = bit is None and uptime_s is None
        if bit is not None:
            was = self._exchanged(seen, "bit", float(bool(bit)))
            edge |= bool(bit) and was == 0
        if uptime_s is not None:
            was = self._exchanged(seen, "uptime_s", float(uptime_s))
            edge |= was is not None and float(uptime_s) < was
        return edge

    def _exchanged(self, seen: Sighting, what: str, value: float) -> float | None:
        key = (seen.device, seen.source, what)
        was = self._last.pop(key, None)
        self._last[key] = value
        if len(self._last) > MOST_DEVICES:
            del self._last[next(iter(self._last))]
        return was
