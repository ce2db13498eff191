"""An output or set point that changes although nobody who may was seen writing it.

With a tap every command passes it, so a change without one is a warning. Without a tap others may write unseen, and in
a maintenance window somebody is at the panel, so it is a note: `checks: {change_not_ours: warning}` makes it more where
the gateway's own master is the only one.
"""

from typing import ClassVar

from detectors.cyber.moves import Commanded, Move
from detectors.cyber.unexplained import Unexplained
from detectors.model import Severity
from protocols.model import Event, EventKind


class ChangeNotOurs(Unexplained):
    """Looks at points that are outputs, by their address or by the word of the configuration."""

    NAME: ClassVar[str] = "change_not_ours"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset()
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0855", "T0836", "T0831")
    SEVERITY: ClassVar[Severity] = Severity.INFO
    ADVICE: ClassVar[str] = "Ask who operated it; look at its local/remote switch and at who else has a connection."

    def concerns(self, move: Move) -> bool:
        """Return whether it is an output."""
        return self.desk.moves.output(move.row)

    def judge(self, move: Move, command: Commanded | None) -> None:
        """Say who may have written it."""
        moves, points = self.desk.moves, self.desk.points
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
