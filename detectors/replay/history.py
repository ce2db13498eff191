"""What each group of points has shown before, as 31-bit prints, and how far the present goes along with it.

    ring[g]   uint32[frames]   print << 1 | novel      the last prints of group g, the oldest is overwritten
    slot[g]   uint[slots]      place in the ring       where a print was seen last, by its lowest bits
    marks[g]  int64[frames/32] nanoseconds             when every 32nd print was seen

A print that is found again begins a run at its place, and the next ones must follow at the places after it. Each print
of a run that was new when it was first seen is worth log2(1/q) bits, q being how often prints of this group were found
again outside of runs: what repeats itself anyway (coarse digits, a few states by turns) never gathers many of them.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept

MARK = 32
"""Prints between two marks of time; a source is dated by the two marks that it lies between."""
MEMORY = 4096
"""Prints after which the count of those found again is halved: q is that of the last hour or so, and at best 1/4098."""
MISSES = 2
"""A run is over with the second print in a row that does not follow: a reading may fall between two scans."""
SKIP = 3
"""A run goes on where up to two prints of its source were left out, by a scan that came late."""

ONE = np.uint32(1)

Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
Prints = NDArray[np.uint32]


class History(Kept):
    """Rings of `frames` prints for each of `groups`; nothing grows."""

    KEPT: ClassVar[tuple[str, ...]] = (
        "ring", "slot", "marks", "count", "at", "first", "run", "bits", "missed", "seen", "again",
    )  # fmt: skip

    def __init__(self, groups: int, frames: int) -> None:
        slots = 1 << frames.bit_length() - 1  # what two prints share, the later one has: the run begins a print later
        self.frames = frames
        self._mask = np.uint32(slots - 1)
        self.ring = np.zeros((groups, frames), np.uint32)
        self.slot = np.zeros((groups, slots), np.uint16 if frames <= 1 << 16 else np.uint32)
        self.marks = np.zeros((groups, frames // MARK + 2), np.int64)
        self.count = np.zeros(groups, np.int64)
        self.at = np.zeros(groups, np.int64)
        self.first = np.zeros(groups, np.int64)
        self.run = np.zeros(groups, np.int64)
        self.bits = np.zeros(groups)
        self.missed = np.zeros(groups, np.int64)
        self.seen = np.zeros(groups)
        self.again = np.zeros(groups)

    @property
    def share(self) -> NDArray[np.float64]:
        """Return float64[groups]: q, how often a print is found again by itself; never 0, as no count is proof."""
        return (self.again + 1) / (self.seen + 2)

    def advance(self, g: Indices, prints: Prints, now_ns: int) -> None:
        """Take the next print of each of the groups `g`; `prints` uint32[len(g)], 1 to 2**31 - 1."""
        near = self.slot[g, prints & self._mask]
        hit = self.ring[g, near] >> ONE == prints
        if hit.any() or self.run.any():
            hit = self._follow(g, prints, np.where(hit, self._place(g, near), -1))
        else:
            self.seen[g] += 1
        self._write(g, prints, ~hit, now_ns)

    def pass_by(self, print_: int, now_ns: int) -> bool:
        """Take the next print of the only group, if it is new and no run goes on; return whether it was taken.

        It nearly always is: plain numbers are ten times as fast here as arrays of one.
        """
        low, count = print_ & int(self._mask), int(self.count[0])
        if self.run[0] or self.ring[0, self.slot[0, low]] >> ONE == print_:
            return False
        place = count % self.frames
        self.ring[0, place], self.slot[0, low] = print_ << 1 | 1, place
        if count % MARK == 0:
            self._mark(np.zeros(1, np.int64), now_ns)
        self.count[0] = count + 1
        self.seen[0] += 1
        return True

    def source_ns(self, group: int, place: int, now_ns: int) -> int:
        """Return about when the print at `place` (counted from the first ever) was seen: between two marks."""
        size, count = self.marks.shape[1], int(self.count[group])
        mark = place // MARK
        before = int(self.marks[group, mark % size])
        last = (mark + 1) * MARK >= count
        after, width = (now_ns, count - mark * MARK) if last else (int(self.marks[group, (mark + 1) % size]), MARK)
        return before + (after - before) * (place - mark * MARK) // max(width, 1)

    def _place(self, g: Indices, near: NDArray[np.unsignedinteger]) -> Indices:
        """Return int64[len(g)]: how many prints of `g` came before the one at `near` in the ring."""
        newest = self.count[g] - 1
        place: Indices = newest - (newest - near) % self.frames
        return place

    def _follow(self, g: Indices, prints: Prints, found: Indices) -> Flags:
        """Move the runs of `g`; return bool[len(g)]: whether the print was seen before."""
        running = self.run[g] > 0
        ahead = self.at[g, None] + np.arange(1, SKIP + 1)
        stands = running[:, None] & self._stands(g[:, None], ahead, prints[:, None])
        follows: Flags = np.any(stands, axis=1)
        place = np.where(follows, self.at[g] + 1 + stands.argmax(axis=1), found)
        self._go_on(g, place, follows, running)
        self.seen[g[~running]] += 1
        self.again[g[~running]] += place[~running] >= 0
        return place >= 0

    def _stands(self, g: Indices, places: Indices, prints: Prints) -> Flags:
        """Return where the print at `places` is still in the ring and is this one; shapes as numpy fits them."""
        stands: Flags = self.ring[g, places % self.frames] >> ONE == prints
        return stands & (places < self.count[g]) & (places >= self.count[g] - self.frames)

    def _go_on(self, g: Indices, place: Indices, follows: Flags, running: Flags) -> None:
        """Lengthen the runs that this print follows, begin others where it was found, end those it leaves."""
        again = place >= 0
        begins = again & ~follows
        novel = again & (self.ring[g, place % self.frames] & ONE == 1)
        worth = np.where(novel, -np.log2(self.share[g]), 0.0)
        missed = np.where(again, 0, self.missed[g] + running)
        over = missed >= MISSES
        self.first[g] = np.where(begins, place, self.first[g])
        self.run[g] = np.where(over, 0, np.where(begins, 1, self.run[g] + follows))
        self.bits[g] = np.where(over, 0.0, np.where(begins, worth, self.bits[g] + worth))
        self.at[g] = np.where(again, place, self.at[g] + 1)
        self.missed[g] = np.where(over, 0, missed)

    def _write(self, g: Indices, prints: Prints, novel: Flags, now_ns: int) -> None:
        place = self.count[g] % self.frames
        self.ring[g, place] = prints << ONE | novel
        self.slot[g, prints & self._mask] = place
        if len(due := g[self.count[g] % MARK == 0]):
            self._mark(due, now_ns)
        self.count[g] += 1

    def _mark(self, g: Indices, now_ns: int) -> None:
        """Note the time, and forget half of the counts where they are full."""
        self.marks[g, self.count[g] // MARK % self.marks.shape[1]] = now_ns
        if (full := self.seen > MEMORY).any():
            self.seen[full] /= 2
            self.again[full] /= 2
