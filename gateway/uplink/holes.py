"""The gaps that are not told yet in this conversation, as the store has them."""

from collections import deque
from collections.abc import Iterable

from gateway.store.record import Gap


class Holes:
    """Each gap once a conversation, oldest first; one that has grown is another one. The store bounds their number."""

    def __init__(self) -> None:
        self._waiting: deque[Gap] = deque()
        self._told: set[Gap] = set()

    def forget(self) -> None:
        """Another conversation begins: everything is told again."""
        self._waiting.clear()
        self._told.clear()

    def look(self, gaps: Iterable[Gap]) -> None:
        """Take what the store has now."""
        found = list(gaps)
        self._waiting.extend(hole for hole in found if hole not in self._told)
        self._told = set(found)

    def next(self) -> Gap | None:
        """Take the next one."""
        return self._waiting.popleft() if self._waiting else None
