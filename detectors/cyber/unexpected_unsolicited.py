"""Reports that nobody has switched on: unsolicited responses before they were enabled, or of no known class."""

from typing import ClassVar, Final

from detectors.cyber.check import Check, link
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

NULL: Final = "null"
"""What an outstation sends after a restart to say so; it carries no data (IEEE 1815 clause 5.1.1.1.1)."""
CLASSES: Final = frozenset({"1", "2", "3"})
"""The classes that there are; nothing where the class of what was told is not known."""


class UnexpectedUnsolicited(Check):
    """Finds unsolicited responses that were not enabled.

    Where the enabling was not seen, such as at the start of a capture, who reports to whom is learned.
    """

    NAME: ClassVar[str] = "unexpected_unsolicited"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.UNSOLICITED})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856",)
    ADVICE: ClassVar[str] = "compare the hardware address of the source with that of the device"

    def event(self, seen: Event) -> None:
        """Look at one kind of unsolicited response."""
        if not isinstance(seen, Sighting) or seen.function == NULL:
            return
        enabled = seen.facts.get("enabled")
        known = set(seen.function.replace(",", " ").split()) <= CLASSES
        if enabled and known:
            return
        why = "before it was enabled" if known else f"of class {seen.function}"
        if enabled is None and known:
            verdict = self.desk.baseline.meet(self.NAME, f"{seen.source} {seen.target}", self.desk.now_ns)
            if verdict in ("known", "learned"):
                return
            why = "and did not so before"
        text = f"{seen.source or seen.device} reports unasked {why}: {seen.detail}"
        self.alarm(seen, text, subject=link(seen))
