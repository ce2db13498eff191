"""One that asks many within ten seconds: hosts, ports or units."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from protocols.model import EventKind
from protocols.tap.sightings import NS, Sightings

WINDOW_NS: Final = 10 * NS
FEWEST: Final = 8
"""What asks fewer is not told: a client has some servers."""
MOST_TARGETS: Final = 256
"""Targets of one source that are counted; more make no difference."""
MOST_SOURCES: Final = 128
"""Sources that are watched at once; of more, one that asked only once makes room."""


class Asked:
    """What one source asked lately, and how many of it answered."""

    __slots__ = ("answered", "targets")

    def __init__(self) -> None:
        self.targets: dict[Hashable, int] = {}
        self.answered = 0


class Sweeps:
    """All who ask, by one `function`: arp, tcp or unit."""

    def __init__(self, function: str, protocol: str, notes: Sightings) -> None:
        self._function, self._protocol, self._notes = function, protocol, notes
        self._sources: OrderedDict[str, Asked] = OrderedDict()

    def asked(self, source: str, target: Hashable, time_ns: int, *, server: str = "", port: int = 0) -> None:
        """A source asked a target. `server` and `port` are where units are asked, and are those of the last."""
        asked = self._sources.get(source)
        if asked is None:
            if len(self._sources) >= MOST_SOURCES:
                self._make_room()
            asked = self._sources[source] = Asked()
        targets = asked.targets
        targets.pop(target, None)
        targets[target] = time_ns
        _forget(asked, time_ns)
        if len(targets) >= FEWEST:
            self._notes.note(
                EventKind.SWEEP,
                time_ns,
                f"{source} asked {len(targets)} targets in 10 s",
                source=source,
                target=server,
                port=port,
                protocol=self._protocol,
                function=self._function,
                targets=len(targets),
                window_s=WINDOW_NS // NS,
                answered=asked.answered,
            )

    def answered(self, source: str) -> None:
        """One of those that a source asked answered."""
        asked = self._sources.get(source)
        if asked is not None:
            asked.answered += 1

    def _make_room(self) -> None:
        once = (source for source, asked in self._sources.items() if len(asked.targets) < 2)
        del self._sources[next(once, next(iter(self._sources)))]


def _forget(asked: Asked, time_ns: int) -> None:
    targets = asked.targets
    while len(targets) > MOST_TARGETS or targets[next(iter(targets))] < time_ns - WINDOW_NS:
        del targets[next(iter(targets))]
    asked.answered = min(asked.answered, len(targets))
