"""Which windows are merged next, so that what is old is coarse and what is new is fine: an exponential histogram.

A window as it was stored has level 0; two of level n that are merged make one of level n + 1. Each level has a mark:
the number up to which its windows have been merged, or have found no partner and stay. So between two marks lie the
windows of one level, and the levels rise with age:

    1            mark 2          mark 1      mark 0      last
    |--- level 3 ---|--- level 2 ---|- level 1 -|- level 0 -|

What is next is the oldest of the level whose windows, once merged, are shortest for their age. So the length of a
window is in proportion to its age, and a row is written once a level: at most 18 times in a month of windows of 10 s,
once for each window that is stored on the whole. When all that is done, `ANY` neighbours merge, until a device has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

LEVELS_MAX = 40
"""2^40 windows of one second are 35,000 years."""
ANY = LEVELS_MAX
"""The mark of the last resort, where levels count no more."""
TOP = LEVELS_MAX + 1
"""Stands among the marks for the highest level that a window has: above it there is nothing to look at."""


@dataclass(slots=True)
class Levels:
    """The marks: the highest number that was looked at, per level."""

    marks: dict[int, int] = field(default_factory=dict)

    def next(self, last: int) -> int | None:
        """Return the level whose turn it is, None when all up to `last` were looked at."""
        worth, upto = {}, last
        for level in range(self.mark(TOP) + 1):
            mark = self.mark(level)
            if mark < upto:
                worth[level] = (last - mark) / (1 << level)
            upto = mark
        if worth:
            return max(worth, key=worth.__getitem__)
        return ANY if self.mark(ANY) < last else None

    def made(self, level: int) -> None:
        """Note that there is a window of `level`."""
        self.marks[TOP] = max(self.mark(TOP), level)

    def mark(self, level: int) -> int:
        """Return up to which number `level` was looked at."""
        return self.marks.get(level, 0)

    def upto(self, level: int, last: int) -> int:
        """Return the number at which the windows of `level` end."""
        return last if level in (0, ANY) else self.mark(level - 1)

    def rows(self) -> Sequence[tuple[int, int]]:
        """Return the marks as they are stored."""
        return list(self.marks.items())
