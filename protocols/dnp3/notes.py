"""What an outstation's conversation has to say apart from numbers, each thing once until it changes."""

from collections.abc import Sequence
from typing import Final

from protocols.driver import Clock
from protocols.model import Event, EventKind

MOST_WAITING: Final = 64
"""Events that wait to be handed out; there are not more kinds of trouble than that."""
MOST_TOLD: Final = 256
"""Texts remembered as told; then they may be told again."""


class Notes:
    """The events of one device that were not handed out yet. `dropped` counts what found no room."""

    def __init__(self, device: str, clock: Clock) -> None:
        self.dropped = 0
        self._device, self._clock = device, clock
        self._waiting: list[Event] = []
        self._told: set[tuple[EventKind, str]] = set()

    def say(self, kind: EventKind, detail: str, rows: Sequence[int] = ()) -> None:
        """Say something now."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(Event(self._device, kind, detail, self._clock(), tuple(rows)))
        else:
            self.dropped += 1

    def once(self, kind: EventKind, detail: str) -> None:
        """Say something unless it was said since the last connection."""
        if (kind, detail) not in self._told and len(self._told) < MOST_TOLD:
            self._told.add((kind, detail))
            self.say(kind, detail)

    def reconnected(self) -> None:
        """Let everything be said again."""
        self._told.clear()

    def take(self) -> list[Event]:
        """Hand out what waits."""
        waiting, self._waiting = self._waiting, []
        return waiting
