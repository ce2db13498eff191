"""Interruptions: bays without voltage, or with an open breaker where customers hang on it."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept
from detectors.supply.ratios import DEAD, Ratios
from protocols.model import Frame, Rows, Values
from protocols.points import Points

NS = 1_000_000_000
SETTLE_FRAMES = 2
"""So many frames in a row must say so: phases of one outage may come with different scans."""
LONG_NS = 180 * NS
"""Longer is a long interruption, up to it a short one (EN 50160 clause 3.2)."""
GAP_NS = 3600 * NS
"""More between two frames is no time that was watched."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What a frame says of all bays: `begun` and `over` int[k], and `lasted_ns` int64[bays] that this frame adds.

    `calm` when it says nothing at all.
    """

    begun: NDArray[np.intp]
    over: NDArray[np.intp]
    lasted_ns: NDArray[np.int64]
    calm: bool = False


class Interruptions(Kept):
    """`down` bool[bays]: interrupted now. `since_ns` int64[bays], in the time without steps: from when on.

    A bay is down while every known voltage of it is dead, or one of its breakers is known to be open and it is among
    those with `customers`. Where nothing is known any more it stays what it was, and lasts: what a meter measures feeds
    it, too.
    """

    KEPT = ("down", "since_ns", "_count", "_last_ns", "_busy")

    def __init__(self, points: Points, bays: tuple[str, ...], ratios: Ratios, customers: Collection[str]) -> None:
        self._ratios = ratios
        place = {bay: index for index, bay in enumerate(bays)}
        of_bay = [_place(points, int(row), place) for row in ratios.voltage]
        within = np.array([index is not None for index in of_bay], np.bool_)
        self._voltage, self._dead = ratios.voltage[within], DEAD * ratios.nominal[within]
        self._voltage_bay = np.array([index for index in of_bay if index is not None], np.intp)
        self._breaker, self._breaker_bay, self._open = _breakers(
            points, {bay: place[bay] for bay in place if bay in customers}
        )
        self._bays = len(bays)
        self.down, self.since_ns = np.zeros(len(bays), np.bool_), np.zeros(len(bays), np.int64)
        self._busy = np.zeros((), np.bool_)
        none = np.zeros(0, np.intp)
        self._nothing = Change(none, none, np.zeros(len(bays), np.int64), calm=True)
        self._count, self._last_ns = np.zeros(len(bays), np.int32), np.full((), -1, np.int64)

    def observe(self, frame: Frame) -> Change:
        """Return what `frame` changes; its ratios have seen it before."""
        if self._calm(frame):
            self._last_ns[...] = frame.time_ns
            return self._nothing
        passed_ns = frame.time_ns - int(self._last_ns) if self._last_ns >= 0 else 0
        self._last_ns[...] = frame.time_ns
        dead, known = self._judged(frame)
        lasted_ns = np.where(self.down, passed_ns if 0 < passed_ns <= GAP_NS else 0, 0)
        self._count = np.where(known & (dead != self.down), self._count + 1, np.where(known, 0, self._count)).astype(
            np.int32
        )
        turned = self._count >= SETTLE_FRAMES
        self._count[turned] = 0
        begun, over = np.flatnonzero(turned & dead), np.flatnonzero(turned & ~dead)
        self.down ^= turned
        self.since_ns[begun] = frame.time_ns
        self._busy[...] = self.down.any() or self._count.any()
        return Change(begun, over, lasted_ns)

    def _calm(self, frame: Frame) -> bool:
        """Whether no bay is down and nothing says that one is; what nearly every frame is."""
        if self._busy or np.count_nonzero(frame.values.take(self._breaker) == self._open):
            return False
        if self._ratios.alive:  # of this frame, which it saw before
            return True
        return not np.count_nonzero(np.abs(frame.values.take(self._voltage)) < self._dead)

    def take_up(self, bay: int, since_ns: int) -> None:
        """It was down when the gateway stopped: since then, where nothing else is known."""
        self.down[bay] = self._busy[...] = True
        self.since_ns[bay] = self.since_ns[bay] or since_ns

    def rows(self, bay: int) -> tuple[int, ...]:
        """Return the rows of the voltages of a bay, or of its breakers where it has none."""
        voltages, breakers = self._voltage[self._voltage_bay == bay], self._breaker[self._breaker_bay == bay]
        return tuple((voltages if len(voltages) else breakers).tolist())

    def why(self, bay: int, frame: Frame) -> tuple[tuple[int, ...], str]:
        """Return the rows that say that a bay is down, and what they say."""
        breakers = self._breaker[self._breaker_bay == bay]
        opens = frame.values[breakers] == self._open[self._breaker_bay == bay]
        if opens.any():
            return tuple(breakers[opens].tolist()), "open"
        return self.rows(bay), f"below {100 * DEAD:.0f} % of nominal"

    def _judged(self, frame: Frame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whether each bay is dead, and whether that is known; bool[bays]."""
        values = frame.values.take(self._voltage)
        dead, alive = np.abs(values) < self._dead, np.abs(values) >= self._dead
        deads, alives = (np.bincount(self._voltage_bay, each, self._bays) for each in (dead, alive))
        breakers = frame.values.take(self._breaker)
        opens = np.bincount(self._breaker_bay, breakers == self._open, self._bays)
        shut = np.bincount(self._breaker_bay, np.isfinite(breakers) & (breakers != self._open), self._bays)
        down = (opens > 0) | ((deads > 0) & (alives == 0))
        return down, down | (alives > 0) | (shut > 0)


def bays_of(points: Points) -> tuple[str, ...]:
    """Return the bays, in the order of the configuration."""
    roles = (config.role for config in points.configs)
    return tuple(dict.fromkeys(role.bay for role in roles if role is not None and role.bay is not None))


def _place(points: Points, row: int, place: dict[str, int]) -> int | None:
    role = points.configs[row].role
    return None if role is None or role.bay is None else place.get(role.bay)


def _breakers(points: Points, place: dict[str, int]) -> tuple[Rows, NDArray[np.intp], Values]:
    """Return rows, bays and the value that means open: a Dbpos is 1 then, any other status 0."""
    found = [
        (row, index, 1.0 if config.kind == "dbpos" else 0.0)
        for row, config in enumerate(points.configs)
        if config.role is not None and config.role.quantity == "breaker"
        if (index := _place(points, row, place)) is not None
    ]
    rows, bays, opens = zip(*found, strict=True) if found else ((), (), ())
    return np.array(rows, np.int32), np.array(bays, np.intp), np.array(opens, np.float64)
