"""How often the same happened lately: a few times within a while say more than one."""

from collections import deque
from typing import Final

NS: Final = 1_000_000_000
KEYS_MAX: Final = 512
"""Different things that are counted at once; of more, the one that did not happen for longest is forgotten."""


class Often:
    """Counts up to `times` within `within_s` for each key, whatever the key is."""

    def __init__(self, times: int, within_s: float) -> None:
        self.times, self._within_ns = times, int(within_s * NS)
        self._when: dict[object, deque[int]] = {}

    def happens(self, key: object, now_ns: int, count: int = 1) -> bool:
        """Return whether it happened `times` within the while, the last `count` of them now."""
        when = self._when.pop(key, None)
        if when is None:
            when = deque(maxlen=self.times)
            if len(self._when) >= KEYS_MAX:
                del self._when[next(iter(self._when))]
        self._when[key] = when
        when.extend([now_ns] * min(count, self.times))
        return len(when) == self.times and now_ns - when[0] <= self._within_ns

    def forget(self, key: object) -> None:
        """Begin to count anew."""
        self._when.pop(key, None)

    def __len__(self) -> int:
        return len(self._when)
