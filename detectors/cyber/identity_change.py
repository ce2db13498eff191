"""A device that says it is another one than before: firmware, model, name plate, revision of its configuration."""

from typing import ClassVar

from detectors.cyber.check import Check
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting


class IdentityChange(Check):
    """Compares each part of an identity with the first one that was told; another one waits for approval."""

    NAME: ClassVar[str] = "identity_change"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.IDENTITY})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0857", "T0862", "T0839")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    ADVICE: ClassVar[str] = (
        "Was it updated or exchanged? Then approve it; if not, read its firmware at its own display."
    )

    def event(self, seen: Event) -> None:
        """Compare."""
        value = str(seen.facts.get("value", "")) if isinstance(seen, Sighting) else ""
        if not value or not isinstance(seen, Sighting) or seen.function == "hops":
            return
        baseline, device = self.desk.baseline, self.desk.device(seen)
        key = f"{device} {seen.function}"
        known, was = baseline.knows(self.NAME, key), baseline.value(self.NAME, key)
        learning = baseline.learning(self.NAME, self.desk.now_ns)
        verdict = baseline.meet(self.NAME, key, self.desk.now_ns, value, first_use=True)
        if not known or was == value:
            self.over(seen, seen.function)
            return
        self.alarm(
            seen,
            f"{device} says its {seen.function} is {value}, which was {was}",
            subject=seen.function,
            severity=Severity.INFO if learning or self.desk.maintenance else None,
            evidence={"was": was, "value": value, **(self.lasts(key) if verdict == "changed" else {})},
        )
