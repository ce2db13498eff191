"""How busy a line is: the share of the time that somebody waits on it for an answer."""

from math import exp

MEMORY_S = 60.0
"""What was a minute ago counts a third of what is now: a slow scan of ten seconds shows, and does not jump."""


class Occupancy:
    """The present share of one conversation, and `busy_s` since its start. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.busy_s = 0.0
        self._share = self._weight = 0.0
        self._looked = self._began = 0.0

    def begin(self, now: float) -> None:
        """Note that a request goes out. The first one begins the time that is looked at."""
        if not self._looked:
            self._looked = now
        self._fade(now, busy=False)
        self._began = now

    def end(self, now: float) -> None:
        """Note that it was answered, or given up."""
        self._fade(now, busy=True)
        self.busy_s += now - self._began
        self._began = 0.0

    def share(self, now: float) -> float:
        """Return how much of the last minute was busy, 0 to 1; of less while there was less."""
        if self._looked:
            self._fade(now, busy=self._began > 0)
        return self._share / self._weight if self._weight else 0.0

    def _fade(self, now: float, *, busy: bool) -> None:
        """Let the time since the last look count, exponentially less the older it is."""
        kept = exp((self._looked - now) / MEMORY_S)
        self._share = self._share * kept + (1 - kept) * busy
        self._weight = self._weight * kept + (1 - kept)
        self._looked = now
