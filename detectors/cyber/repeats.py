"""What is normal once and odd when it comes again soon."""

from typing import Final

NS: Final = 1_000_000_000
MOST_REPEATS: Final = 1024
"""Subjects that are counted; of more, the one that was not counted for longest begins anew."""


class Repeats:
    """Tells when something was seen `times` within `within_ns`, by subject."""

    def __init__(self, times: int, *, within_ns: int = 60 * NS) -> None:
        self._times, self._within_ns = times, within_ns
        self._seen: dict[str, list[int]] = {}

    def often(self, subject: str, now_ns: int, count: int = 1) -> bool:
        """Count `subject`, and return whether it came often enough."""
        seen = [at_ns for at_ns in self._seen.pop(subject, ()) if now_ns - at_ns < self._within_ns]
        self._seen[subject] = (seen + [now_ns] * min(count, self._times))[-self._times :]
        if len(self._seen) > MOST_REPEATS:
            del self._seen[next(iter(self._seen))]
        return len(self._seen[subject]) >= self._times
