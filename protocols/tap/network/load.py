"""How many frames go from whom to whom, each second: the busiest pairs are told."""

from heapq import nlargest
from typing import Final

from protocols.model import EventKind
from protocols.tap.network.addresses import text
from protocols.tap.sightings import NS, Sightings

MOST_LOADS: Final = 1024
"""Pairs that are counted apart; a flood of more counts for its target alone."""
MOST_TARGETS: Final = 64
"""Targets of such a flood that are counted apart."""
BUSY_PER_S: Final = 10
"""What is slower is nobody's flood."""
MOST_BUSY: Final = 32
"""The busiest pairs that are told in a second."""


class Load:
    """The frames from one to another since the last second. `users` are the connections that count here."""

    __slots__ = ("frames", "source", "target", "users")

    def __init__(self, source: bytes, target: bytes) -> None:
        self.source, self.target = source, target
        self.frames = self.users = 0


class Loads:
    """All pairs of the present second. Who has a connection keeps its `Load` and counts there itself."""

    def __init__(self) -> None:
        self._pairs: dict[bytes, Load] = {}
        self._targets: dict[bytes, Load] = {}
        self._rest = Load(b"", b"")
        self._since_ns = 0

    def of(self, source: bytes, target: bytes, *, apart: bool = False) -> Load:
        """Return where the frames of a pair are counted; `apart` from others also when there are too many."""
        key = source + target
        load = self._pairs.get(key)
        if load is None:
            if len(self._pairs) >= MOST_LOADS and not apart:
                return self._of_many(target)
            load = self._pairs[key] = Load(source, target)
        return load

    def tell(self, now_ns: int, notes: Sightings) -> None:
        """Say which pairs were busy since the last time, and count anew."""
        elapsed_ns, self._since_ns = max(now_ns - self._since_ns, NS), now_ns
        loads = [*self._pairs.values(), *self._targets.values(), self._rest]
        least = BUSY_PER_S * elapsed_ns // NS
        for load in nlargest(MOST_BUSY, (load for load in loads if load.frames >= least), key=_frames):
            per_s = round(load.frames * NS / elapsed_ns, 1)
            notes.tell(
                EventKind.RATE,
                now_ns,
                f"{per_s:g} frames a second",
                source=text(load.source),
                target=text(load.target),
                protocol="ethernet" if len(load.source) == 6 else "ip",
                per_s=per_s,
            )
        self._pairs = {key: load for key, load in self._pairs.items() if load.frames or load.users}
        self._targets.clear()
        for load in loads:
            load.frames = 0

    def _of_many(self, target: bytes) -> Load:
        load = self._targets.get(target)
        if load is None:
            if len(self._targets) >= MOST_TARGETS:
                return self._rest
            load = self._targets[target] = Load(b"", target)
        return load


def _frames(load: Load) -> int:
    return load.frames
