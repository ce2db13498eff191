"""The number that ties a death to its birth: one more with each CONNECT, 255 to 0, and kept over restarts."""

import asyncio
from contextlib import suppress

from gateway.uplink.format import States

KEY = "sparkplug/bdseq"
"""Where it is among the states in the store."""
NUMBERS = 256
"""Sparkplug 3.0 clause 6.4.27: 0 to 255."""
DISK_S = 1.0
"""How long an attempt waits for the disk; a disk that refuses keeps no gateway from its broker."""


class BdSeq:
    """`now` is the number of the last CONNECT. It is on disk before the CONNECT goes: a crash never repeats one."""

    def __init__(self, states: States) -> None:
        self.now = NUMBERS - 1
        self._states = states
        self._read = False
        self._reserved: int | None = None

    async def reserve(self) -> None:
        """Put the next number on disk, unless the last one that was put there has not been used."""
        if not self._read:
            stored = (await self._states.states(KEY)).get(KEY, b"")
            self.now = stored[0] if stored else self.now
            self._read = True
        if self._reserved is None:
            self._keep()
            with suppress(TimeoutError):
                async with asyncio.timeout(DISK_S):
                    await self._states.flush()

    def take(self) -> int:
        """Return the number of the CONNECT that goes now."""
        if self._reserved is None:  # the second CONNECT of one attempt, in the older version of MQTT
            self._keep()
        assert self._reserved is not None
        self.now, self._reserved = self._reserved, None
        return self.now

    def _keep(self) -> None:
        self._reserved = (self.now + 1) % NUMBERS
        self._states.append([], {KEY: bytes([self._reserved])}, urgent=True)
