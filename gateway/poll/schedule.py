"""When each scan is due: a steady grid that never drifts; what was missed is skipped and counted, never made up."""

import math
from collections.abc import Iterable

from protocols.driver import Scan


class Schedule:
    """The due times of the scans of one conversation, in seconds of a monotonic clock.

    Every scan is due at once, then at `phase` + k * `every_s`. The first turn on the grid is at least half an interval
    away, so that a start, where everything happens at once, misses none.
    """

    def __init__(self, scans: Iterable[Scan], *, phase: float, now: float) -> None:
        self._phase = phase
        self._due = dict.fromkeys(scans, now)
        self._fresh = set(self._due)

    def first(self) -> tuple[float, Scan]:
        """Return the scan that is due first, and when."""
        scan = min(self._due, key=self._due.__getitem__)
        return self._due[scan], scan

    def postpone(self, scan: Scan, until: float) -> None:
        """Let the turn of `scan` wait."""
        self._due[scan] = until

    def done(self, scan: Scan, now: float) -> int:
        """Plan the next turn of `scan` after `now`; return how many turns were missed meanwhile."""
        due, every = self._due[scan], scan.every_s
        if scan in self._fresh:
            self._fresh.remove(scan)
            due += every / 2
        turn = math.floor((due - self._phase) / every + 1e-6) + 1
        upcoming = max(turn, math.ceil((now - self._phase) / every - 1e-6))
        self._due[scan] = self._phase + upcoming * every
        return upcoming - turn
