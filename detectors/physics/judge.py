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
from detectors.physics.sheet import ALONG, BESIDE, LEFT, RIGHT, SIZE
from detectors.physics.system import System
from detectors.physics.uneven import Uneven
from detectors.physics.usual import follow, paces
from detectors.physics.words import numbers
from protocols.model import Frame, Values

NS = 1_000_000_000
GROSS = 1.6
"""Beyond 1.6 times the limit, seven spreads, there is no chance left, and nothing to wait for."""
CALM = 0.7
TWICE = 2
FLOOR = 0.05
"""Below a twentieth of the usual load an instrument of class 0.5 may err as at a twentieth (IEC 61869-2 table 201)."""
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

    def __init__(self, system: System, lessons: Lessons, uneven: Uneven | None = None) -> None:
        size = len(system)
        self.system, self._lessons, self._uneven = system, lessons, uneven
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
        self.limit, self.still = np.full(size, np.inf), np.full(size, np.inf)
        self.known = np.zeros(size, bool)
        self._signed, self._moved, self._part = np.zeros(size), np.zeros((2, size)), np.zeros(size)
        self._unknown, self._older = _NONE, (np.zeros((2, 0)), np.zeros(0, np.int64))
        self._new: Index = _NONE
        self._switched = np.array([bool(each.closed or each.open) for each in system.equations], bool)
        self._loose = False
        self._due_again: Mask | None = None
        self.restored()

    @property
    def busy(self) -> bool:
        """Whether an equation fails, or did so at the last look."""
        return self._busy

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what later findings depend on."""
        self._fix()
        learned = {f"learning.{name}": getattr(self.learning, name) for name in self.learning.KEPT}
        return {f"judge.{name}": getattr(self, name) for name in self.KEPT} | learned

    def restored(self) -> None:
        """Work out anew what follows from the state."""
        self._fix()
        self.learning.recount()
        system, learning, sharp = self.system, self.learning, self.learning.sharp
        strict = np.maximum(learning.limit * learning.spread, system.tightest)
        middle, half = (system.high + system.low) / 2, (system.high - system.low) / 2
        self._middle, half = np.where(sharp, 0.0, middle), np.where(sharp, 0.0, half)
        share = np.where(sharp, strict, system.share)
        self._of_size, self._of_usual = share + half, share * FLOOR + half * system.idle
        self._gain = np.where(sharp, learning.gain, 0.0)
        self._calm = 1 - (1 - CALM) * share / np.maximum(share + half, TINY)  # what physics allows is calm anywhere
        self._held = np.flatnonzero((learning.stage == READY) & self._lessons.frozen)
        self._banded, self._sharp = bool(self._middle.any()), bool(sharp.any())
        self._settled()
        self._busy = bool(self.failing.any() or self.beyond.any())
        self._pattern: bytes | None = None
        self._fresh, self._due_again = b"", None
        self._looked_ns, self._passed_ns, self._rate = 0, -1, np.ones(len(system))

    def see(self, frame: Frame) -> tuple[Index, Index]:
        """Return the equations that begin and that end to fail with this frame."""
        due = self._due(frame)
        if due is not None and not np.count_nonzero(due):
            return _NONE, _NONE
        with np.errstate(all="ignore"):  # what is not finite is not known
            return self._turn(self._weigh(self.system.sides(frame), due, frame), frame.values)

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
        if np.count_nonzero(frame.fresh) == len(frame.fresh):
            self.waits.fill(True)
            self._fresh = b""
            return None
        fresh = frame.fresh.tobytes()
        if fresh == self._fresh and self._due_again is not None:  # the same are silent, and wait for the same
            return self._due_again
        before, self._fresh = self.waits.tobytes(), fresh
        due = self._waited(frame)
        self._due_again = due if before == self.waits.tobytes() else None
        return due

    def _waited(self, frame: Frame) -> Mask:
        """Return which equations wait for no point any more; they begin to wait anew."""
        system = self.system
        np.greater(self.waits, frame.fresh.take(system.rows), out=self.waits)
        due: Mask = ~np.logical_or.reduceat(self.waits, system.starts)
        self.waits |= due.take(system.of_term)
        return due

    def _weigh(self, sides: Values, due: Mask | None, frame: Frame) -> int:
        """Work out `score`, `offset`, `limit` and the mean of what is known, and learn; return how many are far off."""
        size, part, now_ns = sides[SIZE], self._part, frame.time_ns
        self._apart(sides)
        np.isfinite(np.add(self.offset, size, out=part), out=self.known)
        if due is not None:
            self.known &= due
        same, learns = self._same(), self._learns(frame)
        if learns:
            held = np.union1d(self._unknown, self._held) if len(self._held) else self._unknown
            follow(self.usual, size, held, paces(self.usual))
            self._settled()
        np.multiply(self._of_size, size, out=self.still)
        self.still += self._floor
        np.add(self.still, self._skew(sides[:SIZE], now_ns, same=same), out=self.limit)
        np.divide(self.offset, np.maximum(self.limit, TINY, out=self.limit), out=self._signed)
        self._signed[self._unknown] = 0.0
        far = int(np.count_nonzero(np.abs(self._signed, out=self.score) > 1))
        self._average(clipped=far > 0)
        if learns:
            self._learn(sides, far, now_ns)
        return far

    def _learns(self, frame: Frame) -> bool:
        """Return whether it is time to learn, and from what is no known-bad stretch."""
        if 0 <= frame.time_ns - int(self.learnt_ns) < LEARN_NS:
            return False
        return not self._lessons.excluded(frame.utc_ns)

    def _apart(self, sides: Values) -> None:
        """Write the offset of all equations: what `apart` returns, for the sides of this frame."""
        offset, part = self.offset, self._part
        np.subtract(sides[LEFT], sides[RIGHT], out=offset)
        if self._sharp:
            fits = self.system.fits()
            offset -= np.multiply(self._gain[0], fits[0], out=part)
            offset -= np.multiply(self._gain[1], fits[1], out=part)
        if self._banded:
            np.add(sides[SIZE], self._idle, out=part)
            part *= self._middle
            offset -= part

    def _same(self) -> bool:
        """Find out which equations are not known; return whether they are those of the look before."""
        pattern = self.known.tobytes()
        same, self._pattern = pattern == self._pattern, pattern
        self._new = _NONE
        if not same:
            self._fix()
            self._new = np.flatnonzero(self.seen_ns < self.seen_ns.max(initial=0))
            self._unknown = np.flatnonzero(~self.known)
            self._older = self.sides[:, self._unknown], self.seen_ns[self._unknown]
        return same

    def _fix(self) -> None:
        """Put back what `sides` and `seen_ns` were of those that are not known: what is known changes seldom."""
        if self._loose:
            self.seen_ns.fill(self._looked_ns)
            self.sides[:, self._unknown], self.seen_ns[self._unknown] = self._older
            self._loose = False

    def _settled(self) -> None:
        """Work out anew what depends on the usual size."""
        self._floor, self._idle = self._of_usual * self.usual, self.system.idle * self.usual

    def _skew(self, sides: Values, now_ns: int, *, same: bool) -> Values:
        """Return by how much the terms may differ because they were read at different moments."""
        moved, part = self._moved, self._part
        np.subtract(sides, self.sides, out=moved)
        np.abs(moved, out=moved)
        np.add(moved[0], moved[1], out=part)
        part *= self._rates(now_ns, same=same)
        self.sides[:] = sides
        self._looked_ns, self._loose = now_ns, True
        return part if same else np.where(part >= 0, part, 0.0)

    def _rates(self, now_ns: int, *, same: bool) -> Values:
        """Return which share of a move since the last look may lie between the moments of reading."""
        if not same:
            passed_s = np.maximum(now_ns - self.seen_ns, 1) / NS
            self._rate, self._passed_ns = np.minimum(self.system.skew_s / passed_s, 1.0), -1
        elif now_ns - self._looked_ns != self._passed_ns:  # what is known was all seen with the look before
            self._passed_ns = now_ns - self._looked_ns
            self._rate = np.minimum(self.system.skew_s / (max(self._passed_ns, 1) / NS), 1.0)
        return self._rate

    def _average(self, *, clipped: bool) -> None:
        """Let the running mean follow."""
        step = self._signed
        if clipped:
            np.minimum(np.maximum(step, -MOST, out=step), MOST, out=step)
        step -= self.mean
        step[self._unknown] = 0.0
        step *= MEAN
        self.mean += step

    def _turn(self, far: int, values: Values) -> tuple[Index, Index]:
        slow = np.abs(self.mean, out=self._part) > self.learning.mean_limit
        if not (self._busy or far or np.count_nonzero(slow)):
            return _NONE, _NONE
        concerned = slow | (self.score > 1) | self.failing | (self.beyond != 0)
        at = np.flatnonzero(concerned & self.known)
        begins, ends = self._judged(at, slow[at])
        if self._uneven is not None and len(begins):
            begins = begins[~(self._excused() & self._uneven.of(values))[begins]]
        self.failing[begins], self.failing[ends] = True, False
        self.within[begins] = 0
        self._busy = bool(self.failing.any() or self.beyond.any())
        return begins, ends

    def _judged(self, at: Index, slow: Mask) -> tuple[Index, Index]:
        """Return which of the equations `at` begin and which end to fail; count how long each of them does."""
        score, before, failing = self.score[at], self.beyond[at], self.failing[at]
        far, side = score > 1, np.where(self.offset[at] > 0, 1, -1).astype(np.int8)
        run = np.where(before * side > 0, np.minimum(np.abs(before) + 1, TWICE), 1) * side
        self.beyond[at] = run = np.where(far, run, 0)
        calm = (score < self._calm[at]) & (np.abs(self.mean[at]) < self._calm[at] * self.learning.mean_limit[at])
        self.within[at] = within = np.where(calm, np.minimum(self.within[at] + 1, TWICE), 0)
        gross = score > GROSS
        if len(self._new):  # a switch and the flows that it turns are not read at one moment
            gross &= ~(self._switched[at] & np.isin(at, self._new))
        fails = (far & ((np.abs(run) >= TWICE) | gross)) | slow
        return at[fails & ~failing], at[failing & (within >= TWICE)]

    def _excused(self) -> Mask:
        """Return what only learning calls wrong: what is within the class of its instruments."""
        system, learning = self.system, self.learning
        strict = np.maximum(learning.limit * learning.spread, system.tightest)
        more = np.where(learning.sharp, system.share / np.maximum(strict, TINY), 1.0) - 1
        excused: Mask = learning.sharp & (np.abs(self.offset) <= self.limit + more * self.still)
        return excused

    def _learn(self, sides: Values, far: int, now_ns: int) -> None:
        """Let it learn from what is normal, before it is sharp also from what only its class allows."""
        self.learnt_ns[...] = now_ns
        if not self.learning.learning:
            return
        base = sides[SIZE] + FLOOR * self.usual
        normal = self.known & (base > 0)
        if far or self._busy:
            normal &= (self.score <= 1) & ~self.failing
        shares = np.empty((3, len(base)))
        np.subtract(sides[LEFT], sides[RIGHT], out=shares[0])
        shares[1:] = self.system.fits()
        shares /= base
        if self.learning.learn(normal, shares, self.mean, now_ns):
            self.restored()
