"""What a host was told last of each point of a device: what differs is news, what is older is history."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.store.record import Stream
from protocols.model import Qualities, Quality, Values

UNREAD = np.uint16(Quality.INVALID | Quality.OLD)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Values of several points, ready to be told: `at` their rows, `late` which of them are historical."""

    at: NDArray[np.int64]
    values: Values
    quality: Qualities
    times_ms: NDArray[np.int64]
    late: NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Told:
    """One row a point: value, quality, time, and the `columns` numbers of its last window; and the last messages."""

    columns: int
    index: dict[str, int] = field(default_factory=dict)
    values: Values = field(default_factory=lambda: np.empty(0))
    quality: Qualities = field(default_factory=lambda: np.empty(0, np.uint16))
    times_ms: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    windows: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    numbers: dict[Stream, tuple[int | None, int]] = field(default_factory=dict)

    def grow(self, names: Sequence[str]) -> None:
        """Add points of which nothing was told."""
        more = len(names)
        self.index |= {name: len(self.values) + n for n, name in enumerate(names)}
        self.values = np.append(self.values, np.full(more, np.nan))
        self.quality = np.append(self.quality, np.full(more, UNREAD))
        self.times_ms = np.append(self.times_ms, np.zeros(more, np.int64))
        empty = np.full((more, self.columns), np.nan)
        self.windows = np.append(self.windows.reshape(-1, self.columns), empty, axis=0)

    def inherit(self, older: "Told") -> None:
        """Take over what was told before, of the points that there are in both."""
        self.numbers |= older.numbers
        both = [name for name in self.index if name in older.index]
        mine, theirs = ([index[name] for name in both] for index in (self.index, older.index))
        self.values[mine], self.quality[mine] = older.values[theirs], older.quality[theirs]
        self.times_ms[mine], self.windows[mine] = older.times_ms[theirs], older.windows[theirs]

    def seen(
        self,
        points: Sequence[str],
        values: Values,
        quality: Qualities,
        times_ms: NDArray[np.int64],
        *,
        live_ms: int | None,
    ) -> Seen:
        """Say which values are historical: all if `live_ms`, now, is None; else what is older than what was told.

        What was told of a time that has not come is no measure: then a clock went back.
        """
        at = np.array([self.index[name] for name in points], np.int64)
        if live_ms is None:
            return Seen(at, values, quality, times_ms, np.ones(len(at), np.bool_))
        told_ms = self.times_ms[at]
        return Seen(at, values, quality, times_ms, times_ms < np.where(told_ms > live_ms, 0, told_ms))

    def differs(self, seen: Seen) -> NDArray[np.bool_]:
        """Return which values or qualities are other than what was told."""
        found: NDArray[np.bool_] = other(seen.values, self.values[seen.at]) | (seen.quality != self.quality[seen.at])
        return found

    def tell(self, seen: Seen, now_ms: int) -> None:
        """Remember the live ones. A device whose clock is ahead does not make all that follows historical."""
        live = ~seen.late
        at = seen.at[live]
        self.values[at], self.quality[at] = seen.values[live], seen.quality[live]
        self.times_ms[at] = np.minimum(seen.times_ms[live], now_ms)


def other(new: NDArray[np.float64], old: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where values differ; two that do not exist are the same."""
    found: NDArray[np.bool_] = (new != old) & ~(np.isnan(new) & np.isnan(old))
    return found
