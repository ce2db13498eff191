"""Outputs or breakers of several devices that move together, and no fault shows for which protection trips."""

from collections import deque
from typing import ClassVar, Final

from detectors.cyber.check import Desk
from detectors.cyber.moves import WINDOW_NS, Commanded, Move
from detectors.cyber.unexplained import WAITING_MAX, Unexplained
from detectors.model import Severity
from protocols.model import Event, EventKind

DEVICES: Final = 3
"""Two devices that switch together are an interlocking or a change-over; three are a plan."""
TOGETHER_NS: Final = WINDOW_NS
"""Within this they move together."""


class CoordinatedChange(Unexplained):
    """Counts devices among what moved last."""

    NAME: ClassVar[str] = "coordinated_change"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset()
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0831", "T0806")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    ADVICE: ClassVar[str] = "Ask the control room; if nobody there did it, switch devices to local."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._unexplained: deque[Move] = deque(maxlen=WAITING_MAX)

    def judge(self, move: Move, command: Commanded | None) -> None:  # noqa: ARG002 - whoever sent it may not
        """See whether what has no reason is of several devices."""
        self._unexplained.append(move)
        near = {
            self.desk.points.device(each.row): each
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
