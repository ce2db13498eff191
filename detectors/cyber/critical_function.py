"""Functions that take a device out of service: restart, stop, disable, kill."""

from typing import ClassVar

from detectors.cyber.engineer import EngineerOnly
from protocols.sighting import Sighting


class CriticalFunction(EngineerOnly):
    """Finds commands that restart, stop, silence or clear a device."""

    NAME: ClassVar[str] = "critical_function"
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0816", "T0804", "T0881", "T0858")
    ADVICE: ClassVar[str] = "see whether the device still runs and reports; find out who sent it"
    ACTIONS: ClassVar[frozenset[str]] = frozenset({"critical"})

    def technique(self, seen: Sighting, action: str) -> str:  # noqa: ARG002 - the interface
        """Return blocking of reports, stop of a service or restart, by the words of the command."""
        what = str(seen.facts.get("what", "")).lower()
        if "disable" in what or "listen" in what:
            return "T0804"
        return "T0881" if any(word in what for word in ("stop", "kill", "abort")) else "T0816"
