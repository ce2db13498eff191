"""The judge: which equations fail now. A fixed state an equation, some forty array operations a look.

An equation is judged when every point in it was read anew since it was judged last. It fails when it is apart by more
than the classes of its instruments allow, or, once it has learned, by more than it ever strays. To that is added by how
much its terms moved between the moments at which they were read. It begins to be said when it fails twice in a row on
the same side, once by GROSS times, or when its running mean leaves the limit of that; it ends when it was within CALM
of all that twice in a row.

    offset = left - right - gain along - gain beside          limit = T size + F usual + skew |moved|
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Learned
from detectors.learning import Lessons
from detectors.physics.learning import READY, Learning
from detectors.physics.system import ALONG, BESIDE, LEFT, RIGHT, SIZE, System
from detectors.physics.words import numbers
from protocols.model import Frame, Values

NS = 1_000_000_000
GROSS = 1.6
"""Beyond 1.6 times the limit, seven spreads, there is no chance left, and nothing to wait for."""
CALM = 0.7
TWICE = 2
FLOOR = 0.05
"""Below a twentieth of the usual load an instrument of class 0.5 may err as at a twentieth (IEC 61869-2 table 201)."""
RISE, FALL = 1 / 16, 1e-5
"""How fast the usual load follows upwards, so that a single wrong value is none, and downwards, in days at 1 Hz."""
MEAN = 0.25
"""Weight of a reading in the running mean: what is small but stays shows in four to eight."""
MOST = 1.5
"""One reading counts in the mean as at most so many limits, so that it forgets a gross one as fast."""
LEARN_NS = 5 * NS
"""Readings nearer than that tell the same, and learning costs as much as judging."""

TINY = float(np.finfo(np.float64).tiny)
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
_NONE: Index = np.zeros(0, np.intp)


class Judge:
    """State of all equations.

    `failing` bool[n] is what began and has not ended. Of the last look: `known` bool[n], `offset` and `limit`, `still`
    (the limit if nothing had moved) and `score` float64[n], in limits.
    """

    KEPT = ("waits", "sides", "seen_ns", "usual", "beyond", "within", "failing", "mean", "learnt_ns")

    def __init__(self, system: System, lessons: Lessons) -> None:
        size = len(system)
        self.system, self._lessons = system, lessons
        self.learning = Learning(system.tightest > 0)
        self.waits = np.ones(len(system.rows), bool)
        self.sides = np.full((2, size), np.nan)
        self.seen_ns = np.zeros(size, np.int64)
        self.usual = np.zeros(size)
        self.beyond = np.zeros(size, np.int8)
        self.within = np.zeros(size, np.int8)
        self.failing = np.zeros(size, bool)
        self.mean = np.zeros(size)
        self.learnt_ns = np.full((), -LEARN_NS, np.int64)
        self.score, self.offset = np.zeros(size), np.zeros(size)
        self.limit = self.still = np.full(size, np.inf)
        self.known = np.zeros(size, bool)
        self.restored()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what later findings depend on."""
        learned = {f"learning.{name}": getattr(self.learning, name) for name in self.learning.KEPT}
        return {f"judge.{name}": getattr(self, name) for name in self.KEPT} | learned

    def restored(self) -> None:
        """Work out anew what follows from the state."""
        self.learning.recount()
        system, learning, sharp = self.system, self.learning, self.learning.sharp
        strict = np.maximum(learning.limit * learning.spread, system.tightest)
        middle, half = (system.high + system.low) / 2, (system.high - system.low) / 2
        self._middle, half = np.where(sharp, 0.0, middle), np.where(sharp, 0.0, half)
        share = np.where(sharp, strict, system.share)
        self._of_size, self._of_usual = share + half, share * FLOOR + half * system.idle
        self._gain = np.where(sharp, learning.gain, 0.0)
        self._follows = ~((learning.stage == READY) & self._lessons.frozen)
        self._banded, self._sharp = bool(self._middle.any()), bool(sharp.any())
        self._floor = self._of_usual * self.usual
        self._busy = bool(self.failing.any() or self.beyond.any())
        self._passed_ns, self._rate = -1, np.ones(len(system))

    def see(self, frame: Frame) -> tuple[Index, Index]:
        """Return the equations that begin and that end to fail with this frame."""
        due = self._due(frame)
        if due is not None and not due.any():
            return _NONE, _NONE
        with np.errstate(all="ignore"):  # what is not finite is not known
            look = self.system.look(frame.values)
            self._weigh(look, due, frame)
            return self._turn()

    def apart(self, look: Values, usual: Values) -> Values:
        """Return float64[..., n]: left less right, less what each is known to be apart, or may be in the middle."""
        gain = self._gain
        apart: Values = look[..., LEFT, :] - look[..., RIGHT, :]
        if self._sharp:
            apart -= gain[0] * look[..., ALONG, :]
            apart -= gain[1] * look[..., BESIDE, :]
        if self._banded:
            apart -= self._middle * (look[..., SIZE, :] + self.system.idle * usual)
        return apart

    def numbers(self, k: int) -> str:
        """Return equation `k` with its numbers; those of its running mean where that is what fails."""
        slow = bool(self.score[k] <= 1)
        limit = float(self.limit[k])
        offset = float(self.mean[k]) * limit if slow else float(self.offset[k])
        tolerance = limit * float(self.learning.mean_limit[k]) if slow else limit
        left = float(self.sides[0, k])
        return numbers(self.system.equations[k], left, left - offset, tolerance=tolerance, mean=slow)

    def learned(self) -> Learned:
        """Return how many of the equations that can learn know their normal."""
        stage = self.learning.stage
        learns = np.flatnonzero(stage >= 0)
        ready = int((stage[learns] == READY).sum())
        share = float(np.mean([self.learning.share(k) for k in learns.tolist()])) if len(learns) else 1.0
        detail = f"{ready} of {len(learns)} equations know their normal, the others only the class of their instruments"
        return Learned("equations", self._lessons.state(share), share, detail)

    def _due(self, frame: Frame) -> Mask | None:
        """Return which equations have only points that were read since; None for all of them."""
        system = self.system
        if frame.fresh.all():
            self.waits[:] = True
            return None
        self.waits &= ~frame.fresh[system.rows]
        due: Mask = ~np.logical_or.reduceat(self.waits, system.starts)
        self.waits |= due[system.of_term]
        return due

    def _weigh(self, look: Values, due: Mask | None, frame: Frame) -> None:
        """Work out `score`, `offset`, `limit` and the mean of what is known, and learn from what is normal."""
        now_ns = frame.time_ns
        learns = not 0 <= now_ns - int(self.learnt_ns) < LEARN_NS and not self._lessons.excluded(frame.utc_ns)
        size = np.abs(look[SIZE], out=look[SIZE])
        offset = self.apart(look, self.usual)
        known = np.isfinite(offset + size)
        if due is not None:
            known &= due
        if learns:
            self._settle(size, known & self._follows)
        self.still = self._of_size * size
        self.still += self._floor
        limit = self.still + self._skew(look, known, now_ns)
        signed = np.where(known, offset / np.maximum(limit, TINY, out=limit), 0.0)
        self.known, self.offset, self.limit, self.score = known, offset, limit, np.abs(signed)
        step = np.where(known, np.minimum(np.maximum(signed, -MOST), MOST) - self.mean, 0.0)
        step *= MEAN
        self.mean += step
        if learns:
            self._learn(look, now_ns)

    def _settle(self, size: Values, known: Mask) -> None:
        """Let the usual size follow."""
        pace = np.where(size > self.usual, np.where(self.usual > 0, RISE, 1.0), FALL)
        self.usual += np.where(known, size - self.usual, 0.0) * pace
        self._floor = self._of_usual * self.usual

    def _skew(self, look: Values, known: Mask, now_ns: int) -> Values:
        """Return by how much the terms may differ because they were read at different moments."""
        sides = look[: RIGHT + 1]
        moved = np.abs(sides - self.sides)
        part: Values = moved[0] + moved[1]
        part *= self._rates(now_ns)
        if known.all():
            self.sides[:] = sides
            self.seen_ns[:] = now_ns
            return part if self._passed_ns >= 0 else np.where(part >= 0, part, 0.0)
        np.copyto(self.sides, sides, where=known)
        np.copyto(self.seen_ns, now_ns, where=known)
        self._passed_ns = -1
        return np.where(part >= 0, part, 0.0)

    def _rates(self, now_ns: int) -> Values:
        """Return which share of a move since the last look may lie between the moments of reading."""
        passed_ns = now_ns - int(self.seen_ns[0])
        if passed_ns != self._passed_ns:
            passed_s = np.maximum(now_ns - self.seen_ns, 1) / NS
            self._rate = np.minimum(self.system.skew_s / passed_s, 1.0)
            self._passed_ns = passed_ns if (self.seen_ns == self.seen_ns[0]).all() and self.seen_ns[0] else -1
        return self._rate

    def _turn(self) -> tuple[Index, Index]:
        far = self.score > 1
        slow = np.abs(self.mean) > self.learning.mean_limit
        if not (self._busy or far.any() or slow.any()):
            return _NONE, _NONE
        known = self.known
        side = np.where(self.offset > 0, 1, -1).astype(np.int8)
        run = np.where(self.beyond * side > 0, np.minimum(np.abs(self.beyond) + 1, TWICE), 1) * side
        np.copyto(self.beyond, np.where(far, run, 0).astype(np.int8), where=known)
        calm = (self.score < CALM) & (np.abs(self.mean) < CALM * self.learning.mean_limit)
        np.copyto(self.within, np.where(calm, np.minimum(self.within + 1, TWICE), 0).astype(np.int8), where=known)
        fails = (far & ((np.abs(self.beyond) >= TWICE) | (self.score > GROSS))) | slow
        begins, ends = known & fails & ~self.failing, known & self.failing & (self.within >= TWICE)
        self.failing ^= begins | ends
        self.within[begins] = 0
        self._busy = bool(self.failing.any() or self.beyond.any())
        return np.flatnonzero(begins), np.flatnonzero(ends)

    def _learn(self, look: Values, now_ns: int) -> None:
        """Let it learn from what is normal, before it is sharp also from what only its class allows."""
        self.learnt_ns[...] = now_ns
        if not self.learning.learning:
            return
        base = look[SIZE] + FLOOR * self.usual
        normal = self.known & (self.score <= 1) & ~self.failing & (base > 0)
        scale = np.where(normal, base, 1.0)
        shares = ((look[LEFT] - look[RIGHT]) / scale, look[ALONG] / scale, look[BESIDE] / scale)
        if self.learning.learn(normal, shares, self.mean, now_ns):
            self.restored()
