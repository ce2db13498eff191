"""A share of one core for those who ask, so that polls and checks have the rest, however much is asked."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SHARE: Final = 0.1
"""Of one core: 330 plain answers a second on a slow one, and a reader of 1,000 points takes a hundredth of it."""
BURST_S: Final = 0.3
"""Processor time that may be used at once, after a while without questions: a page with its files opens in this."""


class Share:
    """Counts processor time; whoever comes when it is used up waits. `clock_s` and `used_s` are in seconds."""

    def __init__(
        self, clock_s: Callable[[], float] = time.monotonic, used_s: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock_s, self._used_s = clock_s, used_s
        self._left_s, self._looked_s = BURST_S, clock_s()

    async def ready(self) -> None:
        """Return when there is some left."""
        while (left_s := self._left()) < 0:  # noqa: ASYNC110 - time sends no event
            await asyncio.sleep(-left_s / SHARE)

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count what is used meanwhile."""
        began_s = self._used_s()
        try:
            yield
        finally:
            self._left_s -= self._used_s() - began_s

    def _left(self) -> float:
        now_s = self._clock_s()
        self._left_s = min(BURST_S, self._left_s + (now_s - self._looked_s) * SHARE)
        self._looked_s = now_s
        return self._left_s
