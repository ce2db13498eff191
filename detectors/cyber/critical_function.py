"""Functions that take a device out of service: restart, stop, disable, kill."""

from typing import ClassVar, Final

from detectors.cyber.engineer import EngineerOnly
from protocols.model import Event
from protocols.sighting import Sighting

DISABLE_UNSOLICITED: Final = ("dnp3", "21")
"""What a DNP3 master sends at each start, before it reads everything (IEEE 1815 clause 5.1.1.1.1)."""


class CriticalFunction(EngineerOnly):
    """Finds commands that restart, stop, silence or clear a device."""

    NAME: ClassVar[str] = "critical_function"
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0816", "T0804", "T0881", "T0858")
    ADVICE: ClassVar[str] = "see whether the device still runs and reports; find out who sent it"
    ACTIONS: ClassVar[frozenset[str]] = frozenset({"critical"})

    def event(self, seen: Event) -> None:
        """Look at one command; a master that may configure, such as the gateway, may switch off reports too."""
        if not (isinstance(seen, Sighting) and self._starts(seen)):
            super().event(seen)

    def _starts(self, seen: Sighting) -> bool:
        if (seen.protocol, seen.function) != DISABLE_UNSOLICITED:
            return False
        own, allow = self.desk.own, self.desk.rules.allow
        return seen.source in own or allow(seen.source, seen.target, seen.protocol, "config")

    def technique(self, seen: Sighting, action: str) -> str:  # noqa: ARG002 - the interface
        """Return blocking of reports, stop of a service or restart, by the words of the command."""
        what = f"{seen.facts.get('what', '')} {seen.detail}".lower()
        if "disable" in what or "listen" in what:
            return "T0804"
        return "T0881" if any(word in what for word in ("stop", "kill", "abort")) else "T0816"
