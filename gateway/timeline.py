"""The gateway's clock: UTC that runs with the monotonic clock, and follows the wall clock when it is looked at.

So a step of the wall clock happens to everybody at one moment, between two readings, and can be told. Slewing (chrony,
ntpd, a smeared leap second) moves both clocks of Linux alike and is no step.
"""

import time
from collections.abc import Callable

from gateway.clocksync import synchronised

STEP_NS = 10_000_000
"""Less is followed and not told: nobody's delay or window notices it."""
GLANCE_NS = 200_000
"""A look that took longer was interrupted between the two clocks, and says nothing."""


class Timeline:
    """A `Clock`. `stepped_ns` is by how much the wall clock was set last; `synchronised` whether it is right."""

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
        synchronised: Callable[[], bool] = synchronised,
    ) -> None:
        self.synchronised = synchronised
        self.stepped_ns = 0
        self._wall, self._steady = wall, steady
        self._offset_ns = wall() - steady()
        self._since_ns = 0
        self.began_ns = steady()

    def __call__(self) -> int:
        """Return UTC, nanoseconds since 1970."""
        return self._steady() + self._offset_ns

    @property
    def since_ns(self) -> int:
        """When this clock began to run, as it tells now."""
        return self.began_ns + self._offset_ns

    @property
    def agrees(self) -> bool:
        """Whether the wall clock was not set since the last look: then this is the time that may be handed on."""
        return abs(self._wall() - self()) < STEP_NS

    def follow(self) -> int:
        """Take up how the wall clock was set since the last look; return by how much, nanoseconds, 0 for a trifle."""
        before_ns = self._steady()
        by_ns = self._wall() - before_ns - self._offset_ns
        if self._steady() - before_ns > GLANCE_NS:
            return 0
        self._offset_ns += by_ns
        if abs(by_ns) < STEP_NS:
            return 0
        self.stepped_ns, self._since_ns = by_ns, self()
        return by_ns

    def renewed(self, stamp_ns: int) -> int:
        """Return the stamp of a moment ago as this clock tells it now: it may be of just before the clock was set."""
        made_since = self._since_ns <= stamp_ns < self() + STEP_NS
        return stamp_ns if made_since else stamp_ns + self.stepped_ns
