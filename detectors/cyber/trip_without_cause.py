"""A breaker that opens while nothing shows why: no current rose, no voltage moved, no protection picked up.

Faults are shorter than polls, so the first time is no more than a note; it is a warning when it happens again soon, or
when something else was odd about the device just before.
"""

from typing import ClassVar, Final

from detectors.cyber.check import Desk
from detectors.cyber.moves import NS, Commanded, Move
from detectors.cyber.unexplained import Unexplained
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

AGAIN_NS: Final = 600 * NS
"""Within this a second trip without a cause is no coincidence."""
ODD_NS: Final = 30 * NS
"""So long before a trip something odd about its device counts."""


class TripWithoutCause(Unexplained):
    """Looks at breakers that open; needs their role, and says nothing where no reason could be seen."""

    NAME: ClassVar[str] = "trip_without_cause"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.ORPHAN, EventKind.BINDING, EventKind.PUBLISHER})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856", "T0831")
    SEVERITY: ClassVar[Severity] = Severity.INFO
    ADVICE: ClassVar[str] = "Read the relay's own event list: a trip of its own is in it; ask who switched."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._odd: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def event(self, seen: Event) -> None:
        """Remember what is odd: an answer that was not asked for, an address that moves."""
        if isinstance(seen, Sighting) and seen.facts.get("why") != "late" and seen.function != "new":
            device = self.desk.device(seen)
            if device in self.desk.points.rows_of:
                self._odd[device] = seen.time_ns

    def concerns(self, move: Move) -> bool:
        """Return whether it is a breaker that has opened."""
        return self.desk.moves.opened(move)

    def judge(self, move: Move, command: Commanded | None) -> None:
        """Say that it opened, and what else is odd."""
        points = self.desk.points
        device = points.device(move.row)
        odd = 0 <= move.time_ns - self._odd.get(device, -ODD_NS) < ODD_NS
        often = 0 <= move.time_ns - self._last.get(device, -AGAIN_NS) < AGAIN_NS
        again = often and not self.desk.maintenance  # breakers are timed then, again and again
        self._last[device] = move.time_ns
        why = ", again" if again else " while its link is odd" if odd else ""
        self.alarm(
            Event(device, EventKind.COMMAND, "opened", move.time_ns),
            f"{points.label(move.row)} opened and nothing shows why{why}: no current, voltage or status of it moved",
            subject=points.names[move.row],
            rows=(move.row,),
            severity=Severity.WARNING if odd or again or command is not None else None,
        )
