"""Slows down who guesses: after a few wrong tokens an address, and after many all, must wait."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

EACH: Final = 5
"""Wrong tokens from one address within WITHIN_S; then it is not asked for another."""
ALL: Final = 50
"""And from all together: who has a network of addresses has no more guesses than this."""
WITHIN_S: Final = 60.0
NEVER: Final[deque[float]] = deque(maxlen=1)
ADDRESSES_MAX: Final = 256
"""Addresses that are counted; of more, the one that failed longest ago begins anew, which ALL bounds."""


class Throttle:
    """Counts failures, `of` each address. `clock_s` is monotonic."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self.of: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque(maxlen=ALL)

    def wait_s(self, address: str) -> float:
        """Return how long `address` must wait until it may try again; 0 when it need not."""
        return max(self._wait_s(self.of.get(address, NEVER), EACH), self._wait_s(self._all, ALL))

    def failed(self, address: str) -> None:
        """Count a wrong token."""
        now_s = self._clock_s()
        times = self.of.pop(address, deque(maxlen=EACH))
        times.append(now_s)
        self.of[address] = times
        self._all.append(now_s)
        if len(self.of) > ADDRESSES_MAX:
            self.of.popitem(last=False)

    def _wait_s(self, times: deque[float], most: int) -> float:
        return max(0.0, times[0] + WITHIN_S - self._clock_s()) if len(times) >= most else 0.0
