"""Moves: how far each reading is from the one before, what is usual there, and readings that stick out.

A spike leaves its neighbours and comes back within three readings. A step that settles, a ramp and a daily curve are
none, however high. Its height is told in usual moves, the mean of |x(t) - x(t-1)|, where no move counts for more than
three of them (Huber), so that steps do not widen what is usual. The limit of the height is learned from the small peaks
that every noisy tag has all the time: readings that leave both neighbours on the same side.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept, put
from detectors.maxima import Maxima, Plan
from protocols.model import Rows, Values

Singles: TypeAlias = NDArray[np.float32]

PLAN = Plan(block=60, settle=5, fit=40, check=15, false_alarm=365 * 24 * 60.0, floor=8.0)
"""At a reading a second, an hour in blocks of a minute; a false alarm a tag and year. White noise stays below 8."""
MEMORY = np.array(1 / 300, np.float32)
"""Weight of a move in what is usual; float32 moves by it, its step is 20,000 times as fine."""
HUBER = np.array(3.0, np.float32)
JUMP = np.array(8.0, np.float32)
"""A move of so many usual ones is a jump: something happened, here or in the plant."""
QUIET_NS = 600 * 1_000_000_000
"""A spike begins with a jump after ten minutes without: a load that starts and stops makes no spikes."""
WIDTH = 3
"""Most readings of a spike; what stays longer is a step."""
BACK = 0.25
"""A spike is over when less than this part of it is left."""
FEW = 20
"""Moves before any is called a jump."""
FINE = np.float32(1e-9)
"""A tag that stood still from the start has this as its usual move, and grows from there."""
MOST = np.array(1e6, np.float32)
"""No height is told as more."""
NONE, LEAST = np.array(0.0, np.float32), np.array(FINE)
NEVER = np.iinfo(np.int64).min // 2


class Spike(NamedTuple):
    """A spike that is over: its row, its last reading, the one before it, and its height in usual moves."""

    row: int
    peak: float
    base: float
    height: float


class Moves(Kept):
    """Of `n` tags: the last value, the last move and the usual one, when each jumped last, and its limit for spikes."""

    KEPT = ("value", "_move", "usual", "_count", "jumped_ns", "_base", "_width")

    def __init__(self, n: int) -> None:
        self.calibration = Maxima(n, PLAN)
        self.value = np.full(n, np.nan)
        self._move, self.usual = np.zeros(n, np.float32), np.full(n, FINE)
        self._count = np.zeros(n, np.uint8)
        self.jumped_ns = np.full(n, NEVER)
        self._base, self._width = np.zeros(n), np.zeros(n, np.uint8)
        self._begun = False  # found out again after a restart

    def step(self, at: slice | Rows, values: Values, now_ns: int, *, learn: bool) -> tuple[Singles, Sequence[Spike]]:
        """Take the next reading of the rows `at`; return their moves float32[rows], and the spikes that are over."""
        before = self.value[at]  # a view of all of them, or a copy
        move = np.subtract(values, before).astype(np.float32)
        if not self._begun:
            move = self._begin(at, move)
        last, usual, size = self._move[at], self.usual[at], np.abs(move)
        spikes = self._spikes(at, values, before) if np.count_nonzero(self._width) else ()
        jumped = size > usual * JUMP
        if np.count_nonzero(jumped):
            self._jump(np.arange(len(self.value), dtype=np.int32)[at][jumped], before[jumped], now_ns)
        if learn:
            self.calibration.learn(at, _heights(move, last, usual))
            _follow(usual, size)
            put(self.usual, at, usual)
        if isinstance(at, slice):
            self._move, self.value = move, values.copy()
        else:
            self._move[at], self.value[at] = move, values
        return move, spikes

    def _jump(self, rows: Rows, before: Values, now_ns: int) -> None:
        """Take the jumps of `rows` from `before`; out of calm, each may become a spike."""
        old = self._count[rows] >= FEW
        rows, before = rows[old], before[old]
        calm = now_ns - self.jumped_ns[rows] >= QUIET_NS
        self._base[rows[calm]], self._width[rows[calm]] = before[calm], 1
        self.jumped_ns[rows] = now_ns

    def _spikes(self, at: slice | Rows, values: Values, before: Values) -> Sequence[Spike]:
        """Return the spikes that are over, and give up those that stay."""
        width, base = self._width[at], self._base[at]
        high = np.abs(before - base)
        over = (width > 0) & (np.abs(values - base) <= BACK * high)
        self._width[at] = np.where((width == 0) | over | (width >= WIDTH), 0, width + 1)
        rows, height = np.arange(len(self.value))[at][over], high[over] / self.usual[at][over]
        found = zip(rows.tolist(), before[over].tolist(), base[over].tolist(), height.tolist(), strict=True)
        limits = self.calibration.limit[rows].tolist()
        return [Spike(*each) for each, limit in zip(found, limits, strict=True) if each[-1] >= limit]

    def _begin(self, at: slice | Rows, move: Singles) -> Singles:
        """Take the first moves of a tag as they are: their mean is the usual one to begin with."""
        move, young = np.nan_to_num(move), self._count[at] < FEW
        count = self._count[at] + young
        usual = self.usual[at]
        mean = usual + (np.abs(move) - usual) / np.maximum(count - 1.0, 1.0)
        self.usual[at] = np.where(young, np.maximum(mean, FINE), usual)
        self._count[at] = count
        self._begun = bool((self._count >= FEW).all())
        return move


def _heights(move: Singles, last: Singles, usual: Singles) -> Singles:
    """Return how high the reading before is above, or below, both neighbours, in usual moves; 0 between them."""
    back = np.negative(last)
    height = np.maximum(np.minimum(move, back), NONE)
    height -= np.minimum(np.maximum(move, back, out=back), NONE, out=back)
    height /= usual
    return np.minimum(height, MOST, out=height)


def _follow(usual: Singles, size: Singles) -> None:
    """Let the usual move follow those that are none of zero, in place."""
    step = usual * HUBER
    np.minimum(size, step, out=step)
    step -= usual
    step *= MEMORY
    if np.count_nonzero(size) < len(size):
        step *= (size > NONE).astype(np.float32)
    usual += step
    np.maximum(usual, LEAST, out=usual)
