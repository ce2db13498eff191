"""What the tap has to say until it is asked: the first of a kind at once, its repeats once a second as a number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from protocols.model import Event, EventKind
from protocols.sighting import RAW_BYTES, Sighting

NS: Final = 1_000_000_000
MOST_KINDS: Final = 4096
"""Different things that are counted at once; a substation has some hundreds of them."""
MOST_NEW: Final = 256
"""Different things that are told in one second; of a flood of more, the checks need to know only how many."""
FORGOTTEN_NS: Final = 60 * NS
"""What was not seen for so long is told at once when it is seen again."""

Key = tuple[EventKind, str, str, str, str, object]


@dataclass(slots=True)
class Seen:
    """One thing that is counted: how often since it was told, and how it was the last time."""

    time_ns: int
    count: int = 0
    detail: str = ""
    port: int = 0
    raw: bytes = b""
    facts: Mapping[str, Any] | None = None


class Sightings:
    """Groups what is seen. The same source, target, kind, function and `about` are one thing.

    `dropped` counts what found no room since the start.
    """

    def __init__(self, device: str) -> None:
        self.dropped = 0
        self._device = device
        self._known: dict[Key, Seen] = {}
        self._again: dict[Key, Seen] = {}
        self._new: list[Event] = []
        self._second, self._news = 0, 0

    def note(  # noqa: PLR0913 - all but three are keywords: a sighting has so many parts
        self,
        kind: EventKind,
        time_ns: int,
        detail: str,
        *,
        source: str = "",
        target: str = "",
        port: int = 0,
        protocol: str = "",
        function: str = "",
        about: object = None,
        count: int = 1,
        raw: bytes | memoryview = b"",
        **facts: Any,
    ) -> None:
        """Say what was seen. Of what is the same within a second, all but the first are counted; the last is told."""
        key = (kind, source, target, protocol, function, about)
        seen = self._known.get(key)
        if seen is None:
            if not self._room(time_ns):
                self.dropped += count
                return
            self._known[key] = seen = Seen(time_ns, count, detail, port, bytes(raw[:RAW_BYTES]), facts)
            self._new.append(self._said(key, seen))
            seen.count = 0
            return
        seen.time_ns, seen.count, seen.detail, seen.port = time_ns, seen.count + count, detail, port
        seen.raw, seen.facts = bytes(raw[:RAW_BYTES]), facts
        self._again[key] = seen

    def tell(
        self,
        kind: EventKind,
        time_ns: int,
        detail: str,
        *,
        source: str = "",
        target: str = "",
        protocol: str = "",
        count: int = 1,
        **facts: Any,
    ) -> None:
        """Say at once what whoever says it has grouped and bounded already."""
        self._new.append(
            Sighting(
                self._device,
                kind,
                detail,
                time_ns,
                source=source,
                target=target,
                protocol=protocol,
                count=count,
                facts=facts,
            )
        )

    def take(self, now_ns: int) -> list[Event]:
        """Hand out what is new, and once a second what was seen again."""
        said, self._new = self._new, []
        second = now_ns // NS
        if second != self._second:
            self._second, self._news = second, 0
            for key, seen in self._again.items():
                said.append(self._said(key, seen))
                seen.count = 0
            self._again.clear()
            self._forget(now_ns)
        return said

    def _said(self, key: Key, seen: Seen) -> Sighting:
        kind, source, target, protocol, function, _ = key
        return Sighting(
            self._device,
            kind,
            seen.detail,
            seen.time_ns,
            source=source,
            target=target,
            port=seen.port,
            protocol=protocol,
            function=function,
            count=seen.count,
            facts=seen.facts or {},
            raw=seen.raw,
        )

    def _room(self, time_ns: int) -> bool:
        if len(self._known) >= MOST_KINDS:
            self._forget(time_ns)
        self._news += 1
        return self._news <= MOST_NEW and len(self._known) < MOST_KINDS

    def _forget(self, now_ns: int) -> None:
        for key in [key for key, seen in self._known.items() if now_ns - seen.time_ns > FORGOTTEN_NS]:
            if key not in self._again:
                del self._known[key]
