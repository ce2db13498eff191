"""An output or set point that changes although nobody who may was seen writing it.

With a tap every command passes it, so a change without one is a warning. Without a tap others may write unseen, and in
a maintenance window somebody is at the panel, so it is a note: `checks: {change_not_ours: warning}` makes it more where
the gateway's own master is the only one.
"""

from typing import ClassVar

from detectors.cyber.check import Check, Desk
from detectors.cyber.moves import Move, Waiting
from detectors.model import Severity
from protocols.model import Batch, Event, EventKind


class ChangeNotOurs(Check):
    """Looks at points that are outputs, by their address or by the word of the configuration."""

    NAME: ClassVar[str] = "change_not_ours"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset()
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0855", "T0836", "T0831")
    SEVERITY: ClassVar[Severity] = Severity.INFO
    BATCHES: ClassVar[bool] = True
    ADVICE: ClassVar[str] = "Ask who operated it; look at its local/remote switch and at who else has a connection."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._waiting = Waiting()

    def batch(self, batch: Batch) -> None:  # noqa: ARG002 - the desk has looked at it
        """Let changes of outputs wait for their command."""
        for move in self.desk.moves.moved:
            if self.desk.moves.output(move.row):
                self._waiting.put(move)

    def tick(self, now_ns: int) -> None:
        """Judge those whose command would have been seen by now."""
        for move in self._waiting.due(now_ns):
            self._judge(move)

    def _judge(self, move: Move) -> None:
        moves, points = self.desk.moves, self.desk.points
        command = moves.commanded(move)
        if (command and command.allowed) or moves.fresh(move) or moves.reason(move) is not None:
            return
        tapped = moves.tapped(move.time_ns)
        by = f"{command.source}, who may not" if command else "nobody that was seen" if tapped else "somebody else"
        self.alarm(
            Event(points.device(move.row), EventKind.COMMAND, "changed", move.time_ns),
            f"{points.label(move.row)} went from {move.was:g} to {move.value:g}, written by {by}",
            subject=points.names[move.row],
            rows=(move.row,),
            severity=Severity.WARNING if command or (tapped and not self.desk.maintenance) else None,
            evidence={"was": move.was, "value": move.value},
        )
