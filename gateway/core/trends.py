"""How every point went in the last hours: mean, least, greatest and quality of each step of time, in RAM.

Filled from the windows that the pipeline closes, so readings are looked at once. The step is the shortest of STEPS_S
with which HOURS fit into the bytes that are given; with very many points it is the longest, and the hours are fewer.

    slot = start of a window // step; slot modulo `slots` is its place; `numbers` says which slot a place holds
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.core.messages import Summary
from protocols.points import Points

NS: Final = 1_000_000_000
HOURS: Final = 6
STEPS_S: Final = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600)
SLOTS_MAX: Final = 8640
"""A day of ten seconds each; an answer is then 300 kB."""
SLOT_BYTES: Final = 14
"""Of a point: three float32 and the union of its quality flags."""
OPEN_BYTES: Final = 26
"""Of a point, of the slot that is not over yet: also sum and count."""


class Trend(NamedTuple):
    """Of one point, the oldest step first, which begins at `start_ns`.

    `values` float32[3, n] mean, least and greatest, NaN where nothing was read; `quality` uint16[n].
    """

    start_ns: int
    values: NDArray[np.float32]
    quality: NDArray[np.uint16]


class Trends:
    """The trends of `points`, within `most_bytes`. `step_s` is their step, 0 where not even two slots fit.

    `kept` float32[3, slots, n] mean, least and greatest, `quality` uint16[slots, n], `numbers` int64[slots]; of the
    open `slot` also `sum` float64[n] and `count` uint32[n].
    """

    def __init__(self, points: Points, most_bytes: int, window_s: float) -> None:
        n = len(points)
        room = max(0, most_bytes - OPEN_BYTES * n) // (SLOT_BYTES * n) if n else 0
        self.slots = min(room, SLOTS_MAX)
        self.step_s = _step_s(self.slots, window_s) if self.slots > 1 else 0.0
        self._step_ns = int(self.step_s * NS)
        self.points = points
        shape = (self.slots, n) if self.step_s else (0, 0)
        self.kept: NDArray[np.float32] = np.zeros((3, *shape), np.float32)
        self.quality: NDArray[np.uint16] = np.zeros(shape, np.uint16)
        self.numbers: NDArray[np.int64] = np.full(shape[0], -1, np.int64)
        self.slot = -1
        self.sum, self.count = np.zeros(shape[1]), np.zeros(shape[1], np.uint32)

    def observe(self, summary: Summary) -> None:
        """Take a window that is closed."""
        if self.step_s:
            self._turn(summary.start_ns // self._step_ns)
            self._add(summary)

    def of(self, row: int, *, now_ns: int, hours: float) -> Trend:
        """Return the last `hours` of one point."""
        if not self.step_s:
            return Trend(now_ns, np.zeros((3, 0), np.float32), np.zeros(0, np.uint16))
        last, count = now_ns // self._step_ns, min(self.slots, max(1, int(hours * 3600 / self.step_s)))
        slots = np.arange(last - count + 1, last + 1)
        at = slots % self.slots
        known = self.numbers[at] == slots
        values = np.where(known, self.kept[:, at, row], np.float32(np.nan))
        return Trend(int(slots[0]) * self._step_ns, values, np.where(known, self.quality[at, row], np.uint16(0)))

    def take_over(self, older: "Trends") -> None:
        """Go on with what is known of the points that are still there, if the step is the same."""
        if self.step_s != older.step_s or not self.step_s:
            return
        rows = {older.points.label(row): row for row in range(len(older.points))}
        pairs = [(row, rows[label]) for row in range(len(self.points)) if (label := self.points.label(row)) in rows]
        new, old = np.array(pairs, np.int64).reshape(-1, 2).T
        for slot in sorted(older.numbers[older.numbers >= 0].tolist())[-self.slots :]:
            self._open(slot)
            at, was = slot % self.slots, slot % older.slots
            self.kept[:, at, new] = older.kept[:, was, old]
            self.quality[at, new] = older.quality[was, old]
        self.slot = older.slot
        self.sum[new], self.count[new] = older.sum[old], older.count[old]

    def _turn(self, slot: int) -> None:
        """Begin another slot if it is not the open one; also an earlier one, when the clock was set back."""
        if slot != self.slot:
            self.slot = slot
            self._open(slot)
            self.sum.fill(0)
            self.count.fill(0)

    def _open(self, slot: int) -> None:
        at = slot % self.slots
        self.numbers[at] = slot
        self.kept[:, at] = np.nan
        self.quality[at] = 0

    def _add(self, summary: Summary) -> None:
        rows = self.points.rows_of[summary.device]
        here, at = slice(rows.start, rows.stop), self.slot % self.slots
        self.quality[at, here] |= summary.quality
        self.count[here] += summary.count
        self.sum[here] += np.where(summary.count > 0, summary.mean, 0) * summary.count
        mean, least, greatest = self.kept[:, at, here]
        with np.errstate(over="ignore", invalid="ignore"):
            mean[:] = self.sum[here] / np.where(self.count[here] > 0, self.count[here], np.nan)
            np.fmin(least, summary.min.astype(np.float32), out=least)
            np.fmax(greatest, summary.max.astype(np.float32), out=greatest)


def _step_s(slots: int, window_s: float) -> float:
    """Return the shortest step with which HOURS fit into `slots`: as long as a window at least."""
    steps: list[float] = [step for step in STEPS_S if step >= window_s] or [window_s]
    return next((step for step in steps if slots * step >= HOURS * 3600), steps[-1])
