"""When the broker is tried again, and when the backlog begins: by chance, so that a fleet that returns spreads out."""

from collections.abc import Callable

STEADY_S = 10.0
"""A connection that lasted longer starts the pauses anew; a shorter one is one more failure."""
SPREAD_SHARE = 0.1
"""The backlog waits up to this share of the time that the broker was away: short outages are made up at once."""
SPREAD_MAX_S = 30.0
"""Longest wait of the backlog, a window or three: birth, status and live messages of a fleet have gone by then."""


class Backoff:
    """The pauses of one publisher, with full jitter: up to `first_s`, doubled by each failure up to `longest_s`.

    So N gateways that lost a broker at once come back with about N / `first_s` connections a second at most. `failures`
    counts the attempts that came to nothing since the last steady one.
    """

    def __init__(self, first_s: float, longest_s: float, random: Callable[[], float]) -> None:
        self.failures = 0
        self._first_s = first_s
        self._longest_s = longest_s
        self._random = random

    def pause_s(self, lasted_s: float) -> float:
        """Return how long to wait after a connection of `lasted_s`."""
        self.failures = 0 if lasted_s > STEADY_S else self.failures + 1
        return self._random() * min(self._longest_s, self._first_s * 2.0 ** min(self.failures, 32))

    def spread_s(self, away_s: float) -> float:
        """Return how long the backlog waits after the broker was away for `away_s`."""
        return self._random() * min(SPREAD_MAX_S, SPREAD_SHARE * away_s)
