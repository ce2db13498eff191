"""What an outstation's clock is worth: how far it is off, told from the times of its events."""

from collections import deque
from typing import Final

import numpy as np

from protocols.dnp3.decode import Readings

TOLERANCE_NS: Final = 2_000_000_000
"""An offset below it is not said: events wait for a poll, and answers take their time."""
FRAGMENTS: Final = 16
"""Fragments with times that must all look late before a clock is said to be behind: one may bring old events."""


TOLD_EVERY_NS: Final = 1_000_000_000
"""How often the offset is told at most."""


class ClockWatch:
    """Compares the newest time in each fragment with its arrival, our clock being right.

    `offset_s` is how far the newest time of the last fragment was ahead of its arrival: never more than the clock is
    ahead, and less by as long as the event has waited. It is told, so that steps show, but not too often.
    """

    def __init__(self) -> None:
        self._lags_ns: deque[int] = deque(maxlen=FRAGMENTS)
        self._off = False
        self._told_ns = 0
        self.offset_s: float | None = None

    def take_offset(self) -> float | None:
        """Return the offset to be told, once."""
        offset_s, self.offset_s = self.offset_s, None
        return offset_s

    def observe(self, readings: list[Readings], arrival_ns: int, late_ns: int) -> str | None:
        """Return what to say when the clock turns out wrong, or right again; `late_ns` is the usual delay of events."""
        times = [int(each.time_ns.max()) for each in readings if each.group.event and each.time_ns.any()]
        if not times:
            return None
        self._lags_ns.append(arrival_ns - max(times))
        if not 0 <= arrival_ns - self._told_ns < TOLD_EVERY_NS:
            self._told_ns, self.offset_s = arrival_ns, (max(times) - arrival_ns) / 1e9
        lag_ns = int(np.min(self._lags_ns))
        ahead = lag_ns < -TOLERANCE_NS
        behind = len(self._lags_ns) == FRAGMENTS and lag_ns > TOLERANCE_NS + late_ns
        if (ahead or behind) == self._off:
            return None
        self._off = ahead or behind
        return (
            f"device clock is {abs(lag_ns) / 1e9:.1f} s {'ahead' if ahead else 'behind'}"
            if self._off
            else "device clock is right again"
        )
