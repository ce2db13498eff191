"""What the tap has to say until it is asked: the first of a kind at once, its repeats once a second as a number."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from protocols.model import Event, EventKind
from protocols.sighting import RAW_BYTES, Sighting
from protocols.tap.remembered import Remembered

NS: Final = 1_000_000_000
MOST_KINDS: Final = 2048
"""Different things that are counted at once; a substation has some hundreds. A new one pushes out the oldest of that
kind of event which has most of them, so a flood of one kind hides no other."""
MOST_NEW: Final = 256
"""Different things of one kind of event that are told in one second; of a flood the checks need to know only that."""
MOST_OF_TWO: Final = 128
"""Likewise between two parties: who says much in one second leaves room for what others do."""
MOST_UNTOLD: Final = 16
"""Pairs of parties whose commands are told as a number, where there was no room; all others are one number more."""
FORGOTTEN_NS: Final = 60 * NS
"""What was not seen for so long is told at once when it is seen again."""

Key: TypeAlias = tuple[str, str, str, str, object]
Parties: TypeAlias = tuple[str, str]


class Seen:
    """One thing that is counted: how often since it was told, and how it was the last time. `live` until forgotten."""

    __slots__ = ("count", "detail", "facts", "key", "kind", "live", "port", "raw", "time_ns")

    def __init__(self, kind: EventKind, key: Key, time_ns: int) -> None:
        self.kind, self.key, self.time_ns = kind, key, time_ns
        self.count, self.live = 0, True
        self.detail, self.port, self.raw = "", 0, b""
        self.facts: Mapping[str, Any] = {}


class Sightings:
    """Groups what is seen. The same source, target, kind, function and `about` are one thing.

    `dropped` counts what found no room since the start. `remembered` is of all dissectors that say something here.
    """

    def __init__(self, device: str) -> None:
        self.dropped = 0
        self.remembered = Remembered()
        self._device = device
        self._known: dict[EventKind, OrderedDict[Key, Seen]] = {}
        self._size = 0
        self._again: dict[Seen, None] = {}
        self._new: list[Event] = []
        self._second, self._news = 0, dict[EventKind, int]()
        self._of_two = dict[tuple[EventKind, str, str], int]()
        self._untold: dict[Parties, Sighting] = {}

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
    ) -> Seen | None:
        """Say what was seen. Of what is the same within a second, all but the first are counted; the last is told.

        What is returned counts the same once more by `again`, for what comes often; None when there was no room.
        """
        key = (source, target, protocol, function, about)
        known = self._known.get(kind)
        if known is None:
            known = self._known[kind] = OrderedDict()  # its first is found at once, also after many
        seen = known.get(key)
        new = seen is None
        if seen is None:
            if not self._room(kind, source, target):
                self.dropped += count
                if kind is EventKind.COMMAND:
                    self._keep_number(source, target, port, protocol, detail, time_ns, count)
                return None
            seen = known[key] = Seen(kind, key, time_ns)
        seen.time_ns, seen.count, seen.detail, seen.port = time_ns, seen.count + count, detail, port
        seen.raw, seen.facts = bytes(raw[:RAW_BYTES]), facts
        if new:
            self._new.append(self._said(seen))
        else:
            self._again[seen] = None
        return seen

    def again(self, seen: Seen, time_ns: int) -> bool:
        """Count the same once more; return whether it was not forgotten meanwhile."""
        if not seen.live:
            return False
        seen.count += 1
        seen.time_ns = time_ns
        self._again[seen] = None
        return True

    def known(
        self, kind: EventKind, time_ns: int, source: str, target: str, protocol: str, function: str, about: object
    ) -> bool:
        """Return whether this was told already, for what is worth no second word while it goes on."""
        known = self._known.get(kind)
        seen = known.get((source, target, protocol, function, about)) if known else None
        if seen is None or time_ns - seen.time_ns > FORGOTTEN_NS:
            return False
        seen.time_ns = time_ns
        return True

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
            self._second = second
            self._news.clear()
            self._of_two.clear()
            said += self._untold.values()
            self._untold.clear()
            said += map(self._said, self._again)
            self._again.clear()
            self._forget(now_ns)
        return said

    def _said(self, seen: Seen) -> Sighting:
        source, target, protocol, function, _ = seen.key
        count, seen.count = seen.count, 0
        return Sighting(
            self._device,
            seen.kind,
            seen.detail,
            seen.time_ns,
            source=source,
            target=target,
            port=seen.port,
            protocol=protocol,
            function=function,
            count=count,
            facts=seen.facts,
            raw=seen.raw,
        )

    def _keep_number(
        self, source: str, target: str, port: int, protocol: str, detail: str, time_ns: int, count: int
    ) -> None:
        """Count commands that are not told: a flood must not hide that there was one more."""
        parties = (source, target)
        if parties not in self._untold and len(self._untold) >= MOST_UNTOLD:
            parties = ("", "")
        before = self._untold.get(parties)
        count += before.count if before else 0
        self._untold[parties] = Sighting(
            self._device,
            EventKind.COMMAND,
            f"{count} more in a second, the last: {detail}",
            time_ns,
            source=parties[0],
            target=parties[1],
            port=port,
            protocol=protocol,
            count=count,
            facts={"action": "untold"},
        )

    def _room(self, kind: EventKind, source: str, target: str) -> bool:
        """Return whether something new may be told in this second; make room for it."""
        of_two = self._of_two.get((kind, source, target), 0)
        news = self._news.get(kind, 0)
        if news >= MOST_NEW or of_two >= MOST_OF_TWO:
            return False
        self._news[kind], self._of_two[kind, source, target] = news + 1, of_two + 1
        if self._size >= MOST_KINDS:
            largest = max(self._known.values(), key=len)
            largest.popitem(last=False)[1].live = False
        else:
            self._size += 1
        return True

    def _forget(self, now_ns: int) -> None:
        for known in self._known.values():
            for key in [key for key, seen in known.items() if now_ns - seen.time_ns > FORGOTTEN_NS]:
                known.pop(key).live = False
                self._size -= 1
