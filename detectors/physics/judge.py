"""The judge: which equations fail now. A fixed state an equation, a dozen array operations a look.

An equation is judged when every point in it was read anew since it was judged last. It fails when it is apart by more
than the classes of its instruments allow, or, once it has learned, by more than it ever strays. To that is added by how
much its terms moved between the moments at which they were read. It begins to be said when it fails twice in a row on
the same side, or once by GROSS times; it ends when it was within CALM of the limit twice in a row.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.physics.learning import Learning
from detectors.physics.system import Look, System
from protocols.model import Frame, Values

NS = 1_000_000_000
GROSS = 2.0
"""Beyond twice the limit there is no chance left, and nothing to wait for."""
CALM = 0.7
TWICE = 2
FLOOR = 0.05
"""Below a twentieth of the usual load an instrument of class 0.5 may err as at a twentieth (IEC 61869-2 table 201)."""
RISE, FALL = 1 / 16, 1e-5
"""How fast the usual load follows upwards, so that a single wrong value is none, and downwards, in days at 1 Hz."""

Index = NDArray[np.intp]


class Judge:
    """State of all equations. `failing` bool[n] is what began and has not ended; `score` float64[n], 1 is the limit."""

    KEPT = ("waits", "left", "right", "seen_ns", "usual", "beyond", "within", "failing")

    def __init__(self, system: System) -> None:
        size = len(system)
        self.system = system
        self.learning = Learning(system.tightest > 0)
        self.waits = np.ones(len(system.rows), bool)
        self.left, self.right = np.full(size, np.nan), np.full(size, np.nan)
        self.seen_ns = np.zeros(size, np.int64)
        self.usual = np.zeros(size)
        self.beyond = np.zeros(size, np.int8)
        self.within = np.zeros(size, np.int8)
        self.failing = np.zeros(size, bool)
        self.score = np.zeros(size)
        self.tolerance = np.full(size, np.inf)
        self.apart = np.zeros(size)

    def see(self, frame: Frame) -> tuple[Index, Index]:
        """Return the equations that begin and that end to fail with this frame."""
        due = self._due(frame)
        if due is not None and not due.any():
            return _NONE, _NONE
        with np.errstate(invalid="ignore", over="ignore"):
            look = self.system.look(frame.values)
            known = np.isfinite(look.left) & np.isfinite(look.right) & np.isfinite(look.size)
            return self._turn(look, known if due is None else known & due, frame.time_ns)

    def offset(self, look: Look) -> Values:
        """Return float64[..., n]: how far each is apart, less what it has learned that it always is."""
        gain = np.where(self.learning.ready, self.learning.gain, 0.0)
        return look.left - look.right - gain[0] * look.along - gain[1] * look.beside

    def _due(self, frame: Frame) -> NDArray[np.bool_] | None:
        """Return which equations have only points that were read since; None for all of them."""
        system = self.system
        if frame.fresh.all():
            self.waits[:] = True
            return None
        self.waits &= ~frame.fresh[system.rows]
        if not len(system.starts):
            return np.zeros(0, bool)
        due = ~np.logical_or.reduceat(self.waits, system.starts)
        self.waits |= due[system.of_term]
        return due

    def _turn(self, look: Look, known: NDArray[np.bool_], now_ns: int) -> tuple[Index, Index]:
        self._weigh(look, known, now_ns)
        up = np.where(self.apart > 0, 1, -1).astype(np.int8)
        fails = (self.score > 1) & known
        run = np.where(self.beyond * up > 0, np.minimum(np.abs(self.beyond) + 1, TWICE), 1) * up
        self.beyond = np.where(known, np.where(fails, run, 0), self.beyond).astype(np.int8)
        calm = known & (self.score < CALM)
        self.within = np.where(known, np.where(calm, np.minimum(self.within + 1, TWICE), 0), self.within)
        begins = ~self.failing & fails & ((np.abs(self.beyond) >= TWICE) | (self.score > GROSS))
        ends = self.failing & (self.within >= TWICE) & known
        self.failing ^= begins | ends
        return np.flatnonzero(begins), np.flatnonzero(ends)

    def _weigh(self, look: Look, known: NDArray[np.bool_], now_ns: int) -> None:
        """Work out `score`, `apart` (as learned) and `tolerance` of what is known, and learn from what is normal."""
        system, learning = self.system, self.learning
        self._follow(look, known)
        base = look.size + FLOOR * self.usual
        skew = self._skew(look, known, now_ns)
        raw = look.left - look.right
        allowed = system.share * base + skew
        odd = np.maximum(raw - system.high * base, system.low * base - raw)
        score, apart, tolerance = odd / allowed, np.where(raw > 0, odd, -odd), allowed
        normal = known & (odd <= allowed) & ~self.failing
        if learning.learning:
            scale = np.where(base > 0, base, np.inf)
            learning.learn(normal, (raw / scale, look.along / scale, look.beside / scale), now_ns)
        if learning.ready.any():
            strict = np.fmax(learning.limit * learning.spread, system.tightest) * base + skew
            offset = self.offset(look)
            learned = np.where(learning.ready, np.abs(offset) / strict, 0.0)
            sharper = learned > score
            score, apart = np.where(sharper, learned, score), np.where(sharper, offset, apart)
            tolerance = np.where(sharper, strict, allowed)
        self.score = np.where(known & np.isfinite(score), score, 0.0)
        self.apart, self.tolerance = np.where(known, apart, 0.0), np.where(known, tolerance, np.inf)

    def _follow(self, look: Look, known: NDArray[np.bool_]) -> None:
        above = np.where(known, look.size - self.usual, 0.0)
        self.usual = self.usual + above * np.where(above > 0, np.where(self.usual > 0, RISE, 1.0), FALL)

    def _skew(self, look: Look, known: NDArray[np.bool_], now_ns: int) -> Values:
        """Return by how much the terms may differ because they were read at different moments."""
        passed_s = np.maximum((now_ns - self.seen_ns) / NS, 1e-3)
        moved = np.abs(look.left - self.left) + np.abs(look.right - self.right)
        part = np.where(np.isnan(moved), 0.0, moved) * np.minimum(self.system.skew_s / passed_s, 1.0)
        self.left, self.right = np.where(known, look.left, self.left), np.where(known, look.right, self.right)
        self.seen_ns = np.where(known, now_ns, self.seen_ns)
        return part


_NONE: Index = np.zeros(0, np.intp)
