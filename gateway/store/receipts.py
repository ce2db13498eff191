"""Who waits for the word that what he handed over is on disk, in the order in which the commits bring it.

While the disk refuses nobody is told anything. When it is back, those who waited while records fell out of RAM are told
that theirs may be among them: nobody knows whose they were.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

Settle: TypeAlias = Callable[[bool], None]
"""Told whether it is on disk, or may have fallen out of RAM."""


class Receipts:
    """The receipts that are open, each with the round of commits after which it is due.

    Their askers bound them: a driver has at most one open for a device.
    """

    def __init__(self) -> None:
        self._open: deque[tuple[int, Settle, bool]] = deque()
        self._whole = True

    def add(self, due: int, settle: Settle) -> None:
        """Let `settle` wait for the round `due`; no round is due before one that was added earlier."""
        self._open.append((due, settle, self._whole))

    def fell_out(self) -> None:
        """Note that records have fallen out of RAM."""
        self._whole = False
        self._open = deque((due, settle, False) for due, settle, _ in self._open)

    def stored(self, done: int) -> None:
        """Settle what was due up to the round `done`, each in a turn of its own: its fault is not one of the store."""
        while self._open and self._open[0][0] <= done:
            _, settle, whole = self._open.popleft()
            asyncio.get_running_loop().call_soon(settle, whole)
        self._whole = self._whole or not self._open
