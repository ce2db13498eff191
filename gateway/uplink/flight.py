"""What is on its way to the broker, and what has arrived and may leave the store: at once, or after a while."""

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from typing import Protocol, TypeAlias

from gateway.store.record import Gap, Stream
from gateway.uplink.schedule import Due

Carried: TypeAlias = Due | Gap | None
"""What a message carries out of the store; None for what the gateway says about itself."""

HELD_MAX = 100_000
"""Rows that have arrived and are held all the same. Beyond it the oldest leave the store early, counted."""
HELD_BYTES = 130
"""Of each that is held: its number, and when it arrived."""


class Store(Protocol):
    """What is needed of the store to let go of what the broker has."""

    def acknowledge(self, stream: Stream, seqs: Iterable[int]) -> None:
        """Let go of rows that the broker has."""

    def lost(self, gap: Gap) -> None:
        """Remember that a row cannot be sent, and that `gap` goes in its place."""

    def reported(self, gaps: Iterable[Gap]) -> None:
        """Let go of gaps that the broker has."""


class Flight:
    """The messages of one publisher under way. `landed` is set while there are none, `backlog` of them are old rows."""

    def __init__(self, store: Store, *, hold_s: float) -> None:
        self.landed = asyncio.Event()
        self.landed.set()
        self.backlog = 0
        self.let_go_early = 0
        self._store = store
        self._hold_s = hold_s
        self._flying: dict[int, Carried] = {}
        self._held: deque[tuple[float, Stream, int]] = deque()
        self._reported: deque[tuple[float, Gap]] = deque()

    def __len__(self) -> int:
        return len(self._flying)

    @property
    def held(self) -> int:
        """Rows that the broker has and the store keeps."""
        return len(self._held)

    def take_off(self, mid: int, carried: Carried) -> None:
        """A message has gone under the identifier `mid`."""
        self._flying[mid] = carried
        self.backlog += isinstance(carried, Due) and carried.backlog
        self.landed.clear()

    def land(self, mid: int, now_s: float) -> None:
        """The broker has the message `mid`."""
        carried = self._flying.pop(mid)
        match carried:
            case Due():
                self.backlog -= carried.backlog
                self._held.append((now_s, carried.row.record.stream, carried.row.seq))  # not the row: it may be large
            case Gap():
                self._reported.append((now_s, carried))
        if not self._flying:
            self.landed.set()

    def recall(self) -> None:
        """All rows and gaps go again: what is under way or held does not count as arrived any more."""
        self._flying = dict.fromkeys(self._flying)
        self._held.clear()
        self._reported.clear()
        self.backlog = 0

    def crash(self) -> None:
        """The connection is over: what was under way or is still held goes again with the next one."""
        self._flying.clear()
        self._held.clear()
        self._reported.clear()
        self.backlog = 0
        self.landed.set()

    def rest_s(self, now_s: float) -> float:
        """Return how long until the next row has been held long enough."""
        return max(0.001, self._held[0][0] + self._hold_s - now_s) if self._held else math.inf

    def let_go(self, now_s: float) -> None:
        """Tell the store what has arrived and was held long enough by `now_s`, all at once."""
        gone: dict[Stream, list[int]] = {}
        while self._held and (len(self._held) > HELD_MAX or self._held[0][0] + self._hold_s <= now_s):
            arrived_s, stream, seq = self._held.popleft()
            self.let_go_early += arrived_s + self._hold_s > now_s
            gone.setdefault(stream, []).append(seq)
        for stream, seqs in gone.items():
            self._store.acknowledge(stream, tuple(seqs))
        told = []
        while self._reported and self._reported[0][0] + self._hold_s <= now_s:
            told.append(self._reported.popleft()[1])
        if told:
            self._store.reported(told)
