"""The numbers of windows that were handed out to be sent: merged, they would be sent again as part of others."""

from bisect import bisect_left, insort

from gateway.store.numbers import Run

HANDED_MAX = 1_000
"""Runs; two a connection at most. Beyond it the two oldest become one, and what lies between is not merged either."""


class Handed:
    """A set of numbers as runs, which may hold more than was added but never less."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def add(self, first: int, last: int) -> None:
        """Add the numbers `first` to `last`."""
        touching = [run for run in self._runs if run[0] <= last + 1 and run[1] >= first - 1]
        for run in touching:
            self._runs.remove(run)
            first, last = min(first, run[0]), max(last, run[1])
        insort(self._runs, (first, last))
        if len(self._runs) > HANDED_MAX:
            self._runs[:2] = [(self._runs[0][0], self._runs[1][1])]

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self._runs, (number + 1,)) - 1
        return at >= 0 and self._runs[at][1] >= number
