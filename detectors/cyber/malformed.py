"""Malformed: messages that break their protocol, or are of another one than the port is for."""

from typing import Final

from detectors.cyber.check import Check, Desk, link
from detectors.cyber.repeats import NS, Repeats
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

TIMES: Final = 3
WITHIN_NS: Final = 60 * NS
OTHER: Final = "other protocol"
"""How a dissector says that what came is of a protocol that it knows, and of none that belongs there."""
DROPS_NS: Final = 10 * NS
"""What is broken so shortly after the capture lost frames may be so for that reason."""
TRICKS: Final = frozenset(
    {
        "IP fragment of TCP",
        "IP fragments overlap",
        "TCP bytes twice, and not the same",
        "fragment over 4096 octets",
        "TCP urgent data",
        "too many IP extensions",
        "too many tags",
    }
)
"""What no stack does and no slip of a line makes: it hides something from a listener, and one is enough. A DNP3 device
takes half as much (IEEE 1815-2012 clause 4.4)."""


class Malformed(Check):
    """Three in a minute between two addresses; what a device always did wrong is its habit.

    One message of another protocol is enough: it is no slip of a device.
    """

    NAME = "malformed"
    KINDS = frozenset({EventKind.MALFORMED, EventKind.DROPS})
    TECHNIQUES = ("T0814", "T0866")
    ADVICE = (
        "Look at the frames in the evidence. Broken frames of a device that was changed lately are mostly a fault of "
        "it; from an unknown source they are a probe for weaknesses: block it, and look whether its targets still work."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._often = Repeats(TIMES, within_ns=WITHIN_NS)
        self._dropped_ns = -DROPS_NS

    def event(self, seen: Event) -> None:
        """Look at a broken message, or at what the capture lost."""
        if seen.kind is EventKind.DROPS:
            if isinstance(seen, Sighting) and seen.facts.get("dropped"):
                self._dropped_ns = seen.time_ns
            return
        if not isinstance(seen, Sighting):
            return
        why = str(seen.facts.get("why", seen.detail))
        if why not in TRICKS and 0 <= seen.time_ns - self._dropped_ns < DROPS_NS:
            return
        habit = f"{link(seen)}/{seen.protocol}/{why}"
        if self.desk.baseline.meet(self.NAME, habit, self.desk.now_ns) != "new":
            return
        count = TIMES if why in TRICKS or why.startswith(OTHER) else seen.count
        if self._often.often("~".join(sorted((seen.source, seen.target))), seen.time_ns, count):
            text = f"{seen.source} sends {seen.target} broken {seen.protocol} messages: {why}"
            self.alarm(seen, text, subject=link(seen))
