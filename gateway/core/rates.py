"""Rates: how many alarms an operator is told of an hour, against EEMUA 191, and which of them come most.

A day is kept in buckets of ten minutes. EEMUA 191 calls an average of one alarm in ten minutes acceptable, one in five
manageable, one in two over-demanding, and more than one a minute unacceptable.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NS = 1_000_000_000
BUCKET_NS = 600 * NS
BUCKETS = 144
"""Ten minutes each: a day, over which EEMUA 191 takes its averages."""
HOUR = 6
ACTORS_MAX = 256
"""Alarms whose comings are counted; of more, the rarest gives its place, with its count, to the new one."""
BENCHMARK = ((6.0, "acceptable"), (12.0, "manageable"), (60.0, "over-demanding"))
"""Most alarms an hour of each word; beyond, it is unacceptable."""


class Rates:
    """Counts of a day: int64[3, 144], the newest bucket last."""

    RAISED, TOLD, FLOOD_MS = 0, 1, 2

    def __init__(self) -> None:
        self._counts = np.zeros((3, BUCKETS), np.int64)
        self._at_ns = 0
        self._since_ns = 0
        self._actors: dict[str, int] = {}

    def raised(self, id_: str, now_ns: int) -> None:
        """Count an alarm that came, whether anybody was told or not."""
        self._turn(now_ns)
        self._counts[self.RAISED, -1] += 1
        if id_ not in self._actors and len(self._actors) >= ACTORS_MAX:
            rarest = min(self._actors, key=lambda each: self._actors[each])
            self._actors[id_] = self._actors.pop(rarest)
        self._actors[id_] = self._actors.get(id_, 0) + 1

    def told(self, now_ns: int) -> None:
        """Count an alarm that an operator was told of."""
        self._turn(now_ns)
        self._counts[self.TOLD, -1] += 1

    def flooded(self, for_ns: int, now_ns: int) -> None:
        """Count time in which a flood lasted."""
        self._turn(now_ns)
        self._counts[self.FLOOD_MS, -1] += max(for_ns, 0) // 1_000_000

    def overview(self, now_ns: int) -> Mapping[str, Any]:
        """Return alarms told in the last hour, on average of a day, and what EEMUA 191 says to it."""
        self._turn(now_ns)
        hours = min(max((now_ns - self._since_ns) / 3600 / NS, 1.0), 24.0) if self._since_ns else 1.0
        mean = float(self._counts[self.TOLD].sum()) / hours
        return {
            "last_hour": int(self._counts[self.TOLD, -HOUR:].sum()),
            "raised_last_hour": int(self._counts[self.RAISED, -HOUR:].sum()),
            "most_in_10_min": int(self._counts[self.TOLD].max()),
            "mean_per_hour": round(mean, 2),
            "benchmark": benchmark(mean),
            "flood_percent": round(float(self._counts[self.FLOOD_MS].sum()) / (hours * 36_000), 2),
        }

    def actors(self, count: int) -> Sequence[tuple[str, int]]:
        """Return the alarms that came most in a day or two, and how often."""
        return sorted(self._actors.items(), key=lambda each: (-each[1], each[0]))[:count]

    def step(self, by_ns: int) -> None:
        """The clock was set."""
        if self._at_ns:
            self._at_ns, self._since_ns = self._at_ns + by_ns, self._since_ns + by_ns

    def state(self) -> Mapping[str, Any]:
        """Return everything as plain words."""
        counts, actors = self._counts.tolist(), self._actors
        return {"counts": counts, "at_ns": self._at_ns, "since_ns": self._since_ns, "actors": actors}

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take up what `state` told."""
        counts = np.array(told["counts"], np.int64)
        if counts.shape != self._counts.shape:
            raise ValueError(f"counts of shape {counts.shape}, not {self._counts.shape}")
        self._counts, self._at_ns, self._since_ns = counts, int(told["at_ns"]), int(told["since_ns"])
        self._actors = {str(id_): int(count) for id_, count in told["actors"].items()}

    def _turn(self, now_ns: int) -> None:
        """Begin new buckets until the last one holds `now_ns`."""
        if not self._at_ns:
            self._at_ns, self._since_ns = now_ns - now_ns % BUCKET_NS, now_ns
        new = (now_ns - self._at_ns) // BUCKET_NS
        if new <= 0:
            return
        self._counts = np.roll(self._counts, -min(new, BUCKETS), axis=1)
        self._counts[:, -min(new, BUCKETS) :] = 0
        if self._at_ns // BUCKET_NS // BUCKETS != (self._at_ns + new * BUCKET_NS) // BUCKET_NS // BUCKETS:
            self._actors = {id_: count // 2 for id_, count in self._actors.items() if count > 1}
        self._at_ns += new * BUCKET_NS


def benchmark(per_hour: float) -> str:
    """Return what EEMUA 191 says of an average rate."""
    return next((word for most, word in BENCHMARK if per_hour <= most), "unacceptable")
