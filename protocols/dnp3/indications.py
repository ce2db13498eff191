"""The internal indications (IIN) of an outstation: IIN 1 is the low octet, IIN 2 the high one (clause 4.3.2)."""

from typing import Final

from protocols.dnp3.requests import Request
from protocols.model import EventKind
from protocols.notes import Notes

EVENT_CLASSES: Final = 0x000E
NEED_TIME: Final = 0x0010
TROUBLE: Final = 0x0040
RESTART: Final = 0x0080
UNKNOWN_FUNCTION: Final = 0x0100
OBJECT_UNKNOWN: Final = 0x0200
PARAMETER_ERROR: Final = 0x0400
OVERFLOW: Final = 0x0800
CORRUPT: Final = 0x2000

REFUSALS: Final = {
    UNKNOWN_FUNCTION: "function not supported (IIN 2.0)",
    OBJECT_UNKNOWN: "object unknown (IIN 2.1)",
    PARAMETER_ERROR: "parameter error (IIN 2.2)",
}
REFUSED: Final = UNKNOWN_FUNCTION | OBJECT_UNKNOWN | PARAMETER_ERROR

_TOLD: Final = {
    TROUBLE: (EventKind.FAULT, "device trouble (IIN 1.6)"),
    OVERFLOW: (EventKind.OVERFLOW, "its event buffer overflowed (IIN 2.3); events are lost there"),
    CORRUPT: (EventKind.FAULT, "configuration corrupt (IIN 2.5)"),
}


class Indications:
    """What was said of the indications of one outstation: each when it comes up."""

    def __init__(self, notes: Notes) -> None:
        self.known = 0
        self._notes = notes

    def reconnected(self) -> None:
        """Let everything be said again."""
        self.known = 0

    def tell(self, raised: int, now: int) -> int:
        """Say what is up in `raised` and was not, and return it; `now` is what is up still."""
        new = raised & ~self.known
        self.known = now
        for bit, (kind, text) in _TOLD.items():
            if new & bit:
                self._notes.say(kind, text)
        return new

    def refusal(self, request: Request, iin: int) -> None:
        """Say that the outstation does not do what `request` asks for, if it says so."""
        for bit, text in REFUSALS.items():
            if iin & bit:
                self._notes.once(EventKind.REFUSED, f"{request.text}: {text}")
