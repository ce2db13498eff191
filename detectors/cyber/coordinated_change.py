"""Outputs or breakers of several devices that move together, and no fault shows for which protection trips."""

from collections import deque
from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk
from detectors.cyber.moves import WAITING_MAX, WINDOW_NS, Move, Waiting
from detectors.model import Severity
from protocols.model import Batch, Event, EventKind

DEVICES: Final = 3
"""Two devices that switch together are an interlocking or a change-over; three are a plan."""
TOGETHER_NS: Final = WINDOW_NS
"""Within this they move together."""


class CoordinatedChange(Check):
    """Counts devices among what moved last."""

    NAME: ClassVar[str] = "coordinated_change"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset()
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0831", "T0806")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    BATCHES: ClassVar[bool] = True
    ADVICE: ClassVar[str] = "Ask the control room; if nobody there did it, switch devices to local."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._waiting = Waiting()
        self._unexplained: deque[Move] = deque(maxlen=WAITING_MAX)

    def batch(self, batch: Batch) -> None:  # noqa: ARG002 - the desk has looked at it
        """Let what moved wait for its reason."""
        for move in self.desk.moves.moved:
            self._waiting.put(move)

    def tick(self, now_ns: int) -> None:
        """Keep what has no reason, and see whether it is of several devices."""
        for move in self._waiting.due(now_ns):
            self._judge(move)

    def _judge(self, move: Move) -> None:
        moves, points = self.desk.moves, self.desk.points
        command = moves.commanded(move)
        if (command and command.allowed) or moves.fresh(move) or moves.reason(move) is not None:
            return
        self._unexplained.append(move)
        near = {
            points.device(each.row): each
            for each in self._unexplained
            if abs(each.time_ns - move.time_ns) <= TOGETHER_NS
        }
        if len(near) < DEVICES:
            return
        devices = sorted(near)
        self.alarm(
            Event(devices[0], EventKind.COMMAND, "changed", move.time_ns),
            f"outputs of {len(devices)} devices moved within {TOGETHER_NS / 1e9:g} s and no fault shows: "
            f"{', '.join(devices[:8])}",
            subject="together",
            rows=tuple(each.row for each in near.values()),
            evidence={"devices": ", ".join(devices[:8])},
        )
