"""What each group of points has shown before, as prints, and how far the present goes along with it.

    ring[g]   uint16[frames]   print >> 16 << 1 | novel    the last prints of group g, the oldest is overwritten
    slot[g]   uint16[slots]    place in the ring           where a print was seen last, by its lowest bits
    marks[g]  int64[frames/32] nanoseconds                 when every 32nd print was seen

A print of 31 bits is known by its lowest, which choose the slot, and by its upper 15: another one is taken for it once
in 2**15 readings, an eighth of what counts as chance below. A ring of more than 2**16 has slots for some places each.

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

PLACES = 1 << 16
"""Places that a slot can tell apart."""
ONE, NOVEL, ENTRY, EACH_MARK, AGAIN = (
    np.array(1), np.array(1, np.uint16), np.array(15), np.array(MARK - 1), np.array(1.0)
)  # fmt: skip
# Arrays, as a scalar is made one with every call.

Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
Entries = NDArray[np.uint16]


class History(Kept):
    """Rings of `frames` prints for each of `groups`; nothing grows."""

    KEPT: ClassVar[tuple[str, ...]] = (
        "ring", "slot", "marks", "count", "at", "first", "run", "bits", "missed", "seen", "again",
    )  # fmt: skip

    def __init__(self, groups: int, frames: int) -> None:
        slots = 1 << frames.bit_length() - 1  # what two prints share, the later one has: the run begins a print later
        self.frames, self._frames, self._per_slot = frames, np.array(frames), -(-frames // PLACES)
        self._low, self._mask = slots - 1, np.array(slots - 1)
        self.ring = np.zeros((groups, frames), np.uint16)
        self.slot = np.zeros((groups, slots), np.uint16)
        self._ring_of, self._slot_of = np.arange(groups) * frames, np.arange(groups) * slots
        self._flat_ring, self._flat_slot = self.ring.reshape(-1), self.slot.reshape(-1)
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

    def advance(self, g: Indices, prints: Indices, now_ns: int) -> None:
        """Take the next print of each of the groups `g`, ascending; `prints` int64[len(g)], 2**16 to 2**31 - 1."""
        at = slice(None) if len(g) == len(self.count) else g
        entries, slots = (prints >> ENTRY | ONE).astype(np.uint16), (prints & self._mask) + self._slot_of[at]
        known, near = self._near(at, entries, slots)
        if np.count_nonzero(known) or np.count_nonzero(self.run):
            known = self._follow(g, entries, np.where(known, self._place(g, near), -1))
            entries -= known
        else:
            self.seen[at] += AGAIN
        self._write(at, entries, slots, now_ns)

    def new(self, group: int, print_: int) -> bool:
        """Return whether the next print of a group is not in its ring, and no run of it goes on."""
        near = self._per_slot * int(self.slot[group, print_ & self._low])
        tag, there = print_ >> 16 << 1, self.ring[group, near : near + self._per_slot].tolist()
        return not (self.run[group] or tag in there or tag | 1 in there)

    def enter(self, group: int, print_: int, now_ns: int) -> None:
        """Take the next print of a group, which is `new`, as nearly always.

        Of a few groups, plain numbers are ten times as fast as arrays.
        """
        self.seen[group] += 1
        count = int(self.count[group])
        place = count % self.frames
        self.ring[group, place] = print_ >> 16 << 1 | 1
        self.slot[group, print_ & self._low] = place // self._per_slot
        if count % MARK == 0:
            self._mark(np.array([group]), now_ns)
        self.count[group] = count + 1

    def source_ns(self, group: int, place: int, now_ns: int) -> int:
        """Return about when the print at `place` (counted from the first ever) was seen: between two marks."""
        size, count = self.marks.shape[1], int(self.count[group])
        mark = place // MARK
        before = int(self.marks[group, mark % size])
        last = (mark + 1) * MARK >= count
        after, width = (now_ns, count - mark * MARK) if last else (int(self.marks[group, (mark + 1) % size]), MARK)
        return before + (after - before) * (place - mark * MARK) // max(width, 1)

    def _near(self, g: slice | Indices, entries: Entries, slots: Indices) -> tuple[Flags, Indices]:
        """Return bool[len(g)], int64[len(g)]: whether the prints stand in their rings, and where."""
        near = self._flat_slot.take(slots).astype(np.int64)
        if self._per_slot == 1:
            return self._flat_ring.take(near + self._ring_of[g]) | NOVEL == entries, near
        places = near[:, None] * self._per_slot + np.arange(self._per_slot)
        stands = self._flat_ring.take(places + self._ring_of[g][:, None], mode="clip") | NOVEL == entries[:, None]
        stands &= places < self.frames
        found: Indices = places[:, 0] + stands.argmax(axis=1)
        return stands.any(axis=1), found

    def _place(self, g: Indices, near: Indices) -> Indices:
        """Return int64[len(g)]: how many prints of `g` came before the one at `near` in the ring."""
        newest = self.count[g] - 1
        place: Indices = newest - (newest - near) % self.frames
        return place

    def _follow(self, g: Indices, entries: Entries, found: Indices) -> Flags:
        """Move the runs of `g`; return bool[len(g)]: whether the print was seen before."""
        running = self.run[g] > 0
        ahead = self.at[g, None] + np.arange(1, SKIP + 1)
        stands = running[:, None] & self._stands(g[:, None], ahead, entries[:, None])
        follows: Flags = np.any(stands, axis=1)
        place = np.where(follows, self.at[g] + 1 + stands.argmax(axis=1), found)
        self._go_on(g, place, follows, running)
        self.seen[g[~running]] += 1
        self.again[g[~running]] += place[~running] >= 0
        return place >= 0

    def _stands(self, g: Indices, places: Indices, entries: Entries) -> Flags:
        """Return where `places` are still in the ring and hold these entries; shapes as numpy fits them."""
        stands: Flags = self.ring[g, places % self.frames] | NOVEL == entries
        return stands & (places < self.count[g]) & (places >= self.count[g] - self.frames)

    def _go_on(self, g: Indices, place: Indices, follows: Flags, running: Flags) -> None:
        """Lengthen the runs that this print follows, begin others where it was found, end those it leaves."""
        again = place >= 0
        begins = again & ~follows
        novel = again & (self.ring[g, place % self.frames] & NOVEL == 1)
        worth = np.where(novel, -np.log2(self.share[g]), 0.0)
        missed = np.where(again, 0, self.missed[g] + running)
        over = missed >= MISSES
        self.first[g] = np.where(begins, place, self.first[g])
        self.run[g] = np.where(over, 0, np.where(begins, 1, self.run[g] + follows))
        self.bits[g] = np.where(over, 0.0, np.where(begins, worth, self.bits[g] + worth))
        self.at[g] = np.where(again, place, self.at[g] + 1)
        self.missed[g] = np.where(over, 0, missed)

    def _write(self, g: slice | Indices, entries: Entries, slots: Indices, now_ns: int) -> None:
        count = self.count[g]
        place = count % self._frames
        self._flat_ring[place + self._ring_of[g]] = entries
        self._flat_slot[slots] = place if self._per_slot == 1 else place // self._per_slot
        if np.count_nonzero(count & EACH_MARK) < len(count):
            self._mark(np.arange(len(self.count))[g][count % MARK == 0], now_ns)
        self.count[g] += ONE

    def _mark(self, g: Indices, now_ns: int) -> None:
        """Note the time, and forget half of the counts where they are full."""
        self.marks[g, self.count[g] // MARK % self.marks.shape[1]] = now_ns
        if (full := self.seen > MEMORY).any():
            self.seen[full] /= 2
            self.again[full] /= 2
