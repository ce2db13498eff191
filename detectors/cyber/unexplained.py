"""What checks of moves begin with: a move waits until its reason must be known, and what has none is judged."""

from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk
from detectors.cyber.moves import Commanded, Move

WAITING_MAX: Final = 256
"""Moves that wait to be judged: as many outputs as flip within seconds; more are the same event."""


class Unexplained(Check):
    """Lets moves wait, and judges those that no command of who may, no fresh start and no fault explains."""

    MOVES: ClassVar[bool] = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._waiting: deque[Move] = deque(maxlen=WAITING_MAX)

    def concerns(self, move: Move) -> bool:  # noqa: ARG002 - whoever is choosy asks
        """Return whether the check looks at such a move; at any, if it does not say."""
        return True

    def judge(self, move: Move, command: Commanded | None) -> None:
        """Say what is wrong with a move without a reason; `command` is of somebody who may not."""
        raise NotImplementedError

    def moved(self, moves: Sequence[Move]) -> None:
        """Let what moved wait for its reason."""
        self._waiting.extend(filter(self.concerns, moves))

    def tick(self, now_ns: int) -> None:
        """Judge what has waited long enough, in the order in which it came."""
        if not self._waiting:
            return
        moves = self.desk.moves
        due = [move for move in self._waiting if move.due_ns <= now_ns]
        for move in due:
            self._waiting.remove(move)
        for move in due:
            command = moves.commanded(move)
            if (command is None or not command.allowed) and not moves.fresh(move) and moves.reason(move) is None:
                self.judge(move, command)
