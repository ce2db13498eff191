"""A share of one core for those who ask, so that polls and checks have the rest, however much is asked."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

SHARE: Final = 0.1
"""Of one core: so much may be asked for that it is used up, and no poll is late."""
BURST_S: Final = 0.3
"""Processor time that may be used at once, after a while without questions: a page opens with all its files in this."""
UNSEEN: Final = 2
"""For each second that is measured, one more is used around it: by the event loop, and by the kernel for us."""
LEAST_S: Final = 0.001
"""Shortest wait: a shorter one costs more than it brings."""


class Share:
    """Counts processor time; whoever comes when it is used up waits. `clock_s` and `used_s` are in seconds."""

    def __init__(
        self, clock_s: Callable[[], float] = time.monotonic, used_s: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock_s, self._used_s = clock_s, used_s
        self._left_s, self._looked_s = BURST_S, clock_s()
        self._turn = asyncio.Lock()

    async def ready(self) -> None:
        """Return when there is some left, one asker a turn of the event loop: so polls come between."""
        async with self._turn:
            while (left_s := self._left()) < 0:  # noqa: ASYNC110 - time sends no event
                await asyncio.sleep(max(-left_s / SHARE, LEAST_S))
            await asyncio.sleep(0)

    @contextmanager
    def spending(self, more_s: float = 0.0) -> Iterator[None]:
        """Count what is used meanwhile, and `more_s`."""
        began_s = self._used_s()
        try:
            yield
        finally:
            self._left_s -= (self._used_s() - began_s) * UNSEEN + more_s

    def _left(self) -> float:
        now_s = self._clock_s()
        self._left_s = min(BURST_S, self._left_s + (now_s - self._looked_s) * SHARE)
        self._looked_s = now_s
        return self._left_s
