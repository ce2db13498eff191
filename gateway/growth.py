"""How long the store lasts at the present rate: a straight line through what it held in the last minutes."""

from collections import deque

EVERY_S = 10.0
"""How often the store is looked at."""
LOOKS = 61
"""Looks that are kept: ten minutes, so that one large commit is not a trend."""
LEAST_S = 30.0
"""A shorter story has no trend."""
FULL = 0.97
"""A store that holds so much of what it may is full: it makes room for what comes by letting the oldest fade."""
LONGEST_H = 87_600.0
"""Ten years: what lasts longer does not grow."""


class Growth:
    """Keeps the bytes of the last minutes. Times are seconds of a monotonic clock."""

    def __init__(self, room_bytes: int) -> None:
        self._room_bytes = room_bytes
        self._looks: deque[tuple[float, int]] = deque(maxlen=LOOKS)

    def look(self, now_s: float, used_bytes: int) -> None:
        """Note what is used now."""
        if not self._looks or now_s - self._looks[-1][0] >= EVERY_S:
            self._looks.append((now_s, used_bytes))

    @property
    def hours_until_full(self) -> float | None:
        """Return how long it lasts, hours; 0 when it is full, None while it does not grow, or that is not known yet."""
        if not self._looks:
            return None
        (then_s, before), (now_s, used) = self._looks[0], self._looks[-1]
        if used >= FULL * self._room_bytes:
            return 0.0
        if now_s - then_s < LEAST_S or used <= before:
            return None
        hours = (self._room_bytes - used) / (used - before) * (now_s - then_s) / 3600
        return round(hours, 1) if hours <= LONGEST_H else None
