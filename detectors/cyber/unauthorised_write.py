"""Writing and control from a source that may not: rules allow it, habit never does."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from detectors.cyber.check import Check, link
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

SEVERITIES: Final[Mapping[str, Severity]] = {
    "control": Severity.CRITICAL,
    "select": Severity.CRITICAL,
    "write": Severity.WARNING,
    "freeze": Severity.WARNING,
    "time": Severity.WARNING,
    "config": Severity.WARNING,
    "session": Severity.WARNING,
    "untold": Severity.WARNING,
}
"""What this check judges, and how bad it is when the rules do not allow it."""
OURS: Final = frozenset({"time", "config", "session"})
"""What the gateway itself does as a master: it sets the time, enables reports, clears a restart. It never writes or
controls, so whoever does so from its address is somebody else."""
TECHNIQUE: Final[Mapping[str, str]] = {"write": "T0836", "config": "T0836"}
"""Of the others it is that of a command, T0855."""


class UnauthorisedWrite(Check):
    """Judges commands that change something: by the rules, or by who did it before where no rule speaks of it.

    Without a rule, a source seen while learning is told as info, whatever its target, one that is new afterwards as a
    warning. A session by itself changes nothing, so it is judged by rules only.
    """

    NAME: ClassVar[str] = "unauthorised_write"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.COMMAND})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0855", "T0836", "T0806")
    ADVICE: ClassVar[str] = "find out who it is; if it may do so, add it to masters or allow"

    def event(self, seen: Event) -> None:
        """Look at one command."""
        action = str(seen.facts.get("action", "")) if isinstance(seen, Sighting) else ""
        if not isinstance(seen, Sighting) or action not in SEVERITIES:
            return
        rules = self.desk.rules
        if action in OURS and seen.source in self.desk.own:
            return
        if action == "untold":
            if not rules.link(seen.source, seen.target):
                self._tell(seen, action, SEVERITIES[action], "they may hide what matters")
            return
        if not rules.silent(action):
            if not rules.allow(seen.source, seen.target, seen.protocol, action, items_of(seen)):
                self._tell(seen, action, SEVERITIES[action], "no rule allows it")
        elif action != "session":
            self._without_rule(seen, action)

    def _without_rule(self, seen: Sighting, action: str) -> None:
        baseline, now_ns = self.desk.baseline, self.desk.now_ns
        key = f"{seen.source} {seen.target} {seen.protocol} {action}"
        habit = f"{seen.source} * {seen.protocol} {action}"
        verdict = baseline.meet(self.NAME, key, now_ns)
        if verdict == "learned":
            baseline.meet(self.NAME, habit, now_ns)
            self._tell(seen, action, Severity.INFO, "no rule speaks of it")
        elif verdict != "known" and baseline.knows(self.NAME, habit):
            self._tell(seen, action, Severity.INFO, "no rule speaks of it; it did so to others before")
        elif verdict != "known":
            self._tell(seen, action, Severity.WARNING, "no rule speaks of it, and it did not so before")

    def _tell(self, seen: Sighting, action: str, severity: Severity, why: str) -> None:
        if self.desk.maintenance and seen.source in self.desk.engineering:
            severity, why = Severity.INFO, "in a maintenance window"
        self.alarm(
            seen,
            f"{seen.source or 'many'} to {seen.target or 'many'}, {action}: {seen.detail}; {why}",
            subject=f"{link(seen) or 'many'}-{action}",
            severity=severity,
            technique=TECHNIQUE.get(action, "T0855"),
        )


def items_of(seen: Sighting) -> tuple[int, int] | None:
    """Return the first and the last item that a command touches; None when it does not say."""
    told: Any = seen.facts.get("items")
    if not isinstance(told, tuple | list) or len(told) != 2 or not all(isinstance(each, int) for each in told):
        return None
    first, last = told
    return first, last
