"""What begins when it is beyond a limit twice in a row, and ends when it is back within a hysteresis twice in a row."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

TWICE = 2
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
_NONE: Index = np.zeros(0, np.intp)


class Persistence:
    """`active` bool[n], and how often in a row each wanted to change; `busy` while any is or wants to."""

    def __init__(self, size: int) -> None:
        self.active = np.zeros(size, bool)
        self.run = np.zeros(size, np.int8)
        self.busy = False

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what later findings depend on."""
        return {"active": self.active, "run": self.run}

    def restored(self) -> None:
        """Work out anew what follows from the state."""
        self.busy = bool(self.active.any() or self.run.any())

    def turn(self, score: Values, known: Mask, back: float) -> tuple[Index, Index]:
        """Return who begins and who ends: a score over 1 begins, one below `back` ends; what is not known stays."""
        with np.errstate(invalid="ignore"):
            beyond = (score > 1) & known
            if not (self.busy or np.count_nonzero(beyond)):
                return _NONE, _NONE
            wants = np.where(self.active, score < back, beyond)
        np.copyto(self.run, np.where(wants, self.run + 1, 0).astype(np.int8), where=known)
        turned = known & (self.run >= TWICE)
        begins, ends = np.flatnonzero(turned & ~self.active), np.flatnonzero(turned & self.active)
        self.active ^= turned
        self.run[turned] = 0
        self.restored()
        return begins, ends
