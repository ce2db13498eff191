"""A breaker that opens while nothing shows why: no current rose, no voltage moved, no protection picked up.

Faults are shorter than polls, so the first time is no more than a note; it is a warning when it happens again soon, or
when something else was odd about the device just before.
"""

from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk
from detectors.cyber.moves import NS, Move, Waiting
from detectors.model import Severity
from protocols.model import Batch, Event, EventKind
from protocols.sighting import Sighting

AGAIN_NS: Final = 600 * NS
"""Within this a second trip without a cause is no coincidence."""
ODD_NS: Final = 30 * NS
"""So long before a trip something odd about its device counts."""


class TripWithoutCause(Check):
    """Looks at breakers that open; needs their role, and says nothing where no reason could be seen."""

    NAME: ClassVar[str] = "trip_without_cause"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.ORPHAN, EventKind.BINDING, EventKind.PUBLISHER})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856", "T0831")
    SEVERITY: ClassVar[Severity] = Severity.INFO
    BATCHES: ClassVar[bool] = True
    ADVICE: ClassVar[str] = "Read the relay's own event list: a trip of its own is in it; ask who switched."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._waiting = Waiting()
        self._odd: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def event(self, seen: Event) -> None:
        """Remember what is odd: an answer that was not asked for, an address that moves."""
        if isinstance(seen, Sighting) and seen.facts.get("why") != "late" and seen.function != "new":
            device = self.desk.device(seen)
            if device in self.desk.points.rows_of:
                self._odd[device] = seen.time_ns

    def batch(self, batch: Batch) -> None:  # noqa: ARG002 - the desk has looked at it
        """Let openings wait for their reason."""
        for move in self.desk.moves.moved:
            if self.desk.moves.opened(move):
                self._waiting.put(move)

    def tick(self, now_ns: int) -> None:
        """Judge those whose reason would be known by now."""
        for move in self._waiting.due(now_ns):
            self._judge(move)

    def _judge(self, move: Move) -> None:
        moves, points = self.desk.moves, self.desk.points
        command = moves.commanded(move)
        if moves.reason(move) is not None or moves.fresh(move) or (command is not None and command.allowed):
            return
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
