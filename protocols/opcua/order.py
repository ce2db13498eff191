"""The order of one subscription's notifications: which comes next, what is missing, and what waits for it.

A server numbers what it sends from 1 to 2**32 - 1 and round again, and keeps it until it is acknowledged. A keep-alive
has the number that comes next (OPC 10000-4 clauses 5.14.1.1 and 5.14.5).
"""

from collections import deque
from typing import Final

from protocols.opcua.codec import Notified

LAST: Final = 2**32 - 1
MOST_AGAIN: Final = 1000
"""Notifications that are asked for again at once. A server keeps twice its publish requests at least, which are few."""


class Order:
    """`following` is the number that comes next, `held` what came after one that is missing."""

    def __init__(self) -> None:
        self.following = 1
        self.held: list[Notified] = []
        self._again: deque[int] = deque(maxlen=MOST_AGAIN)

    def arrived(self, seen: Notified) -> bool:
        """Return whether `seen` is next; it is held where something is missing before it, or dropped as a late twin."""
        if not seen.keep_alive and seen.sequence in self._again:
            return False
        if self.held or seen.sequence != self.following:
            self.held.append(seen)
            return False
        return True

    def missing(self) -> list[int]:
        """Return the numbers before the first that is held which the server can send again, in their order."""
        first = self.held[0]
        gap = self._ahead(first.sequence)
        if gap > LAST // 2:
            return []
        return sorted((each for each in first.available if self._ahead(each) < gap), key=self._ahead)[:MOST_AGAIN]

    def came_again(self, number: int) -> None:
        """Know that `number` has come by asking: its first copy may only be late."""
        self._again.append(number)

    def step(self, seen: Notified) -> str | None:
        """Go on behind `seen`, and return what was left out before it."""
        expected, self.following = self.following, seen.sequence if seen.keep_alive else seen.sequence % LAST + 1
        if seen.sequence == expected:
            return None
        return f"notification {expected} was expected, {seen.sequence} came"

    def release(self) -> list[Notified]:
        """Return what was held, and hold it no longer."""
        held, self.held = self.held, []
        return held

    def _ahead(self, number: int) -> int:
        return (number - self.following) % LAST
