"""How long to wait before the broker is tried again: longer each time and by chance, so that a fleet spreads out."""

from collections.abc import Callable

RETRY_FIRST_S = 1.0
"""First pause before the broker is tried again; doubles up to `retry_max_s`, with full jitter."""
STEADY_S = 10.0
"""A connection that lasted longer starts the pauses anew; a shorter one is one more failure."""


class Backoff:
    """The pauses of one publisher. `failures` counts the attempts that came to nothing since the last steady one."""

    def __init__(self, longest_s: float, random: Callable[[], float]) -> None:
        self.failures = 0
        self._longest_s = longest_s
        self._random = random

    def pause_s(self, lasted_s: float) -> float:
        """Return how long to wait after a connection of `lasted_s`."""
        self.failures = 0 if lasted_s > STEADY_S else self.failures + 1
        return self._random() * min(self._longest_s, RETRY_FIRST_S * 2.0 ** min(self.failures, 32))
