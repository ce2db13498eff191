"""How bad it is what only an engineer does: by who does it, and whether a maintenance window is open."""

from typing import ClassVar

from detectors.cyber.check import Check, link
from detectors.cyber.unauthorised_write import items_of
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting


class EngineerOnly(Check):
    """Judges commands of `ACTIONS`, which no master needs in its daily work, and which are therefore never learned.

    An engineering host in a maintenance window is info, and outside of one a warning; whoever a rule allows to do it
    is info; everybody else is critical.
    """

    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.COMMAND})
    SEVERITY: ClassVar[Severity] = Severity.CRITICAL
    ACTIONS: ClassVar[frozenset[str]]

    def event(self, seen: Event) -> None:
        """Look at one command."""
        if not isinstance(seen, Sighting) or (action := str(seen.facts.get("action", ""))) not in self.ACTIONS:
            return
        severity, who = self._judged(seen, action)
        text = f"{seen.source} to {seen.target}, {action}: {seen.detail}; {who}"
        self.alarm(seen, text, subject=link(seen), severity=severity, technique=self.technique(seen, action))

    def technique(self, seen: Sighting, action: str) -> str:
        """Return the technique that is likeliest for this command; empty for the likeliest of the check."""
        raise NotImplementedError

    def _judged(self, seen: Sighting, action: str) -> tuple[Severity, str]:
        if seen.source in self.desk.engineering:
            if self.desk.maintenance:
                return Severity.INFO, "an engineering host, in a maintenance window"
            return Severity.WARNING, "an engineering host, outside of any maintenance window"
        if self.desk.rules.allow(seen.source, seen.target, seen.protocol, action, items_of(seen)):
            return Severity.INFO, "a rule allows it"
        return Severity.CRITICAL, "no engineering host"
