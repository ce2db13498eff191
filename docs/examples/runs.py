"""Sequence numbers as runs of consecutive ones, and as messages list them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

Run: TypeAlias = tuple[int, int]
"""First and last of consecutive numbers."""

NUMBERS_MAX = 1_000_000
"""Numbers that one message may list: a month of windows of 10 s has a quarter of it."""


class Runs:
    """Whole numbers from 1, kept as runs that never touch."""

    def __init__(self, runs: Iterable[Sequence[int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self.add_all(runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(list(zip(self._firsts, self._lasts, strict=True)))

    def __len__(self) -> int:
        return len(self._firsts)

    @property
    def last(self) -> int:
        """The greatest number, 0 for none."""
        return self._lasts[-1] if self._lasts else 0

    @property
    def total(self) -> int:
        """How many numbers are in."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    def add_all(self, runs: Iterable[Sequence[int]]) -> None:
        """Take in many runs in one pass."""
        found = sorted([*self, *((first, last) for first, last in runs)])
        self._firsts, self._lasts = [], []
        for first, last in found:
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(self._lasts[-1], last)
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def add(self, first: int, last: int) -> None:
        """Take in the numbers first to last."""
        low, high = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high], self._lasts[low:high] = [first], [last]

    def count(self, first: int, last: int) -> int:
        """Return how many of the numbers first to last are in."""
        low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return sum(min(last, self._lasts[n]) - max(first, self._firsts[n]) + 1 for n in range(low, high))

    def holes(self, last: int) -> Iterator[Run]:
        """Yield the runs of 1 to `last` that are not in."""
        after = 0
        for first, end in self:
            if first > last:
                break
            if first > after + 1:
                yield after + 1, first - 1
            after = end
        if after < last:
            yield after + 1, last

    def give_up(self) -> int:
        """Close the oldest hole between two runs, and return how many numbers it had."""
        size = self._firsts[1] - self._lasts[0] - 1
        self.add(self._firsts[0], self._lasts[1])
        return size


def covered(message: Mapping[str, Any]) -> tuple[Run, ...] | None:
    """Return the numbers that a message stands for, or None if it says no such thing.

    `seq` alone; of a merged window `covers` [first, last], or exactly `numbers`; both end at `seq`.
    """
    seq = message.get("seq")
    covers = message.get("covers", [seq, seq])
    try:
        runs = expanded(message.get("numbers", [covers]))
    except (TypeError, ValueError):
        return None
    return runs if [runs[0][0], runs[-1][1]] == list(covers) == [covers[0], seq] else None


def expanded(numbers: Iterable[Sequence[int]]) -> tuple[Run, ...]:
    """Return as runs what is written as [first, last], or [first, last, step] for every step-th number.

    Raises:
        ValueError, TypeError: that is not what is written, or it ascends nowhere.
    """
    runs: list[Run] = []
    room = NUMBERS_MAX
    for first, last, *steps in numbers:
        sound = len(steps) <= 1 and all(type(number) is int and number > 0 for number in (first, last, *steps))
        step = steps[0] if steps else 1
        if not sound or last < first or (last - first) % step or (runs and first <= runs[-1][1]):
            raise ValueError(f"{first} to {last} does not ascend")
        room -= 1 if step == 1 else (last - first) // step + 1
        if room < 0:
            raise ValueError(f"more than {NUMBERS_MAX} numbers")
        runs += [(first, last)] if step == 1 else [(n, n) for n in range(first, last + 1, step)]
    if not runs:
        raise ValueError("no numbers")
    return tuple(runs)
