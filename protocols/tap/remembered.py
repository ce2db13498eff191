"""What dissectors remember of devices beyond one connection: a restart ends every connection, and is told by the next.

Bounded: `REMEMBERED` things, of which the one not asked for longest is forgotten.
"""

from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

T = TypeVar("T")

REMEMBERED: Final = 2048
"""Devices and pairs of all protocols: a substation has some hundreds."""


class Remembered:
    """Things by key. `forgotten` counts those that made room, and what made room within one connection."""

    def __init__(self) -> None:
        self.forgotten = 0
        self._things: dict[Hashable, Any] = {}

    def recall(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `key` stands for: what `make` returned when it was asked for first."""
        thing: T | None = self._things.pop(key, None)
        if thing is None:
            if len(self._things) >= REMEMBERED:
                del self._things[next(iter(self._things))]
                self.forgotten += 1
            thing = make()
        self._things[key] = thing
        return thing
