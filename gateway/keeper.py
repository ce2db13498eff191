"""Keeps what the checks have learned: on disk now and then, and at a stop."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.spare import give_back
from gateway.store import baseline, learned

STOP_S = 0.3
"""How long a stop waits for it; with what the stop waits for besides below 2 s."""
EVERY_S = 3600.0
"""How often it is written: 60 MB a day of flash at 1,000 points of 2.5 kB."""


class Keeper:
    """`packed` returns what is learned, in pieces, and `facts` what is normal, by whatever plant is at work.

    `facts` returns None while the file on disk must stay as it is. `enter` brings a new seal of it into the audit log.
    """

    def __init__(
        self,
        directory: Path,
        packed: Callable[[], Iterable[bytes]],
        facts: Callable[[], Mapping[str, Mapping[str, Any]] | None],
        enter: Callable[[str], Awaitable[None]],
    ) -> None:
        self._directory, self._packed, self._facts, self._enter = directory, packed, facts, enter
        self._turn = asyncio.Lock()
        self._entered = ""

    async def run(self) -> None:
        """Keep it now and then, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self._keep()
            await asyncio.to_thread(give_back)  # of this, and of all that came in bursts

    async def last(self) -> None:
        """Keep it once more, if the disk is quick enough."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self.facts()
                await asyncio.to_thread(learned.write, self._directory, self._packed())  # nothing is checked any more

    async def facts(self) -> bool:
        """Keep what is normal, now that a person has changed it; return whether it is on disk."""
        async with self._turn:
            told = self._facts()
            if told is None:
                return False
            ready = await asyncio.to_thread(baseline.ready, told)
            if ready is None:
                return False
            content, seal = ready
            if seal != self._entered:
                await self._enter(seal)
                self._entered = seal
            return await asyncio.to_thread(baseline.write, self._directory, content)

    async def _keep(self) -> None:
        """Keep it; each piece is made here, between two readings, and written beside."""
        await self.facts()
        try:
            new = await asyncio.to_thread(learned.begin, self._directory)
            for piece in self._packed():
                await asyncio.to_thread(new.add, piece)
            await asyncio.to_thread(new.put)
        except OSError as error:
            learned.not_kept(error)
