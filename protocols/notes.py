"""What a conversation has to say apart from numbers, until it is asked: the same thing once, and not without end."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from protocols.driver import Clock
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

MOST_WAITING: Final = 256
"""Events that wait to be handed out, 50 ms at most; the points that are refused for one reason are one of them."""
MOST_TOLD: Final = 256
"""Texts remembered as told since the last connection; there are not more kinds of trouble than that."""
NAMED_POINTS: Final = 4
"""Most points an event names one by one."""


class Notes:
    """The events of one device that were not handed out yet; one that is said again counts as said the last time.

    `dropped` counts what found no room since the start.
    """

    def __init__(self, device: str, clock: Clock, *, host: str = "", protocol: str = "") -> None:
        self.dropped = 0
        self._device, self._clock = device, clock
        self._host, self._protocol = host, protocol
        self._waiting: dict[tuple[EventKind, str, tuple[int, ...]], Event] = {}
        self._told: set[tuple[EventKind, str]] = set()
        self._dropped_told = 0

    def say(self, kind: EventKind, detail: str, rows: Sequence[int] = ()) -> None:
        """Say something now."""
        event = Event(self._device, kind, detail, self._clock(), tuple(rows))
        known = self._waiting.pop((kind, detail, event.rows), None)
        if known is None and len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
        else:
            self._waiting[kind, detail, event.rows] = event

    def sight(self, kind: EventKind, detail: str, *, function: str = "", count: int = 1, **facts: Any) -> None:
        """Say what was seen of the device in our own conversation, for the cyber checks; the newest counts."""
        key = (kind, f"{function}\0{detail}", ())
        known = self._waiting.pop(key, None)
        if known is None and len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        seen = Sighting(
            self._device, kind, detail, self._clock(), source=self._host, protocol=self._protocol, function=function,
            count=count, facts=facts, live=True,
        )  # fmt: skip
        self._waiting[key] = again(seen, known)

    def opened(self, certificate: str) -> None:
        """Say which certificate was shown, if any."""
        if certificate:
            self.sight(EventKind.SECURITY, certificate, function="certificate", value=certificate)

    def once(self, kind: EventKind, detail: str) -> None:
        """Say something unless it was said since the last connection."""
        if (kind, detail) in self._told:
            return
        if len(self._told) >= MOST_TOLD:
            self.dropped += 1
        else:
            self._told.add((kind, detail))
            self.say(kind, detail)

    def reconnected(self) -> None:
        """Let everything be said again."""
        self._told.clear()

    def take(self) -> list[Event]:
        """Hand out what waits."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        if self.dropped.bit_length() > self._dropped_told.bit_length():  # a flood is not answered by another one
            self._dropped_told = self.dropped
            said = f"{self.dropped} events found no room since the start"
            waiting.append(Event(self._device, EventKind.OVERFLOW, said, self._clock()))
        return waiting


class Newest:
    """Events that wait. A repeated one takes the place of the first, so devices, kinds and points bound them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pending: dict[tuple[str, EventKind, tuple[int | str, ...]], Event] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def take(self) -> list[Event]:
        """Return all, in the order in which they came."""
        events = list(self._pending.values())
        self._pending.clear()
        return events

    def note(self, device: str, kind: EventKind, detail: str, rows: tuple[int, ...] = ()) -> None:
        """Keep an event."""
        self._pending[device, kind, rows] = Event(device, kind, detail, self._clock(), rows)

    def sight(
        self,
        device: str,
        kind: EventKind,
        detail: str,
        *,
        source: str = "",
        protocol: str = "",
        function: str = "",
        count: int = 1,
        **facts: Any,
    ) -> None:
        """Keep what was seen of a device in our own conversation; the same of one function once, the newest."""
        seen = Sighting(
            device, kind, detail, self._clock(), source=source, protocol=protocol, function=function, count=count,
            facts=facts, live=True,
        )  # fmt: skip
        key = (device, kind, (function, detail))
        self._pending[key] = again(seen, self._pending.get(key))


def again(seen: Sighting, before: Event | None) -> Sighting:
    """Return `seen` with the count of what was the same and waits still."""
    return replace(seen, count=seen.count + before.count) if isinstance(before, Sighting) else seen


def listed(names: Sequence[str]) -> str:
    """Return `a, b, c, d and 5 more`."""
    more = f" and {len(names) - NAMED_POINTS} more" if len(names) > NAMED_POINTS else ""
    return ", ".join(names[:NAMED_POINTS]) + more
