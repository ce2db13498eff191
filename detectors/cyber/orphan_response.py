"""Answers that nobody asked for: of another unit or function, out of sequence, or without any request."""

from collections.abc import Mapping
from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk, link
from detectors.cyber.repeats import Repeats
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

NS: Final = 1_000_000_000
GRACE_NS: Final = 10 * NS
"""For so long after the start, a pair's first sighting or a loss, its requests may have been missed."""
MOST_PAIRS: Final = 1024
"""Pairs whose first sighting is remembered; one that was pushed out begins anew."""
WHY: Final[Mapping[str, str]] = {
    "request": "an answer without a request",
    "unit": "an answer of another unit than was asked",
    "function": "an answer to another function than was asked",
    "sequence": "an answer out of sequence",
    "session": "a message that contradicts its session",
    "late": "an answer long after its request",
}
NORMAL_ONCE: Final = frozenset({"request", "sequence", "late"})
"""What a lost, repeated or slow frame does by itself."""
OFTEN: Final = 3
"""How often that is too often, in a minute."""


class OrphanResponse(Check):
    """Finds answers that do not fit what was asked."""

    NAME: ClassVar[str] = "orphan_response"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset(
        {EventKind.ORPHAN, EventKind.PAIR, EventKind.DROPS, EventKind.CONNECTED, EventKind.LOST}
    )
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856",)
    ADVICE: ClassVar[str] = "compare the hardware address of the source with that of the device"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._blind_ns: int | None = None
        self._since: dict[tuple[str, ...], int] = {}
        self._often = Repeats(OFTEN)

    def event(self, seen: Event) -> None:
        """Look at an orphan, or at what explains one."""
        if self._blind_ns is None or seen.kind is EventKind.DROPS:
            self._blind_ns = seen.time_ns
        if seen.kind in (EventKind.CONNECTED, EventKind.LOST):
            self._since.pop((seen.device,), None)
            self._first((seen.device,), seen.time_ns)
        elif isinstance(seen, Sighting) and seen.kind is not EventKind.DROPS:
            first_ns = self._first(_pair(seen), seen.time_ns)
            if seen.kind is EventKind.ORPHAN and seen.time_ns - max(first_ns, self._blind_ns) >= GRACE_NS:
                self._judge(seen)

    def tick(self, now_ns: int) -> None:
        """Remember when it all began."""
        if self._blind_ns is None:
            self._blind_ns = now_ns

    def _judge(self, seen: Sighting) -> None:
        why = str(seen.facts.get("why", ""))
        if why in NORMAL_ONCE and not self._often.often(f"{link(seen)} {seen.device} {why}", seen.time_ns, seen.count):
            return
        text = f"{seen.source or seen.device}: {WHY.get(why, 'an answer that does not fit')}: {seen.detail}"
        self.alarm(seen, text, subject=link(seen))

    def _first(self, pair: tuple[str, ...], time_ns: int) -> int:
        first_ns = self._since.pop(pair, time_ns)
        self._since[pair] = first_ns
        if len(self._since) > MOST_PAIRS:
            del self._since[next(iter(self._since))]
        return first_ns


def _pair(seen: Sighting) -> tuple[str, ...]:
    """Return the two parties in one order; the device where a driver says it."""
    return (seen.device,) if seen.live else tuple(sorted((seen.source, seen.target)))
