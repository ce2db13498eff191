"""Where commands wait for their answer, whatever the format they came in."""

from collections import deque
from collections.abc import Callable

from gateway.uplink import payload
from gateway.uplink.commands import Commands, Reply
from gateway.uplink.format import Sources

COMMANDS_WAITING = 64
"""Commands that wait for their answer; beyond it they are dropped and counted, and their sender asks again."""
GAPS_PER_REPLY = 500
"""Newest gaps in one reply; all of them are told as gaps."""


class Desk:
    """Takes commands and answers them one by one. `dropped` counts those that found no room."""

    def __init__(self, sources: Sources, rebirth: Callable[[], None]) -> None:
        self.dropped = 0
        self._sources = sources
        self._commands = Commands(
            alarms=sources.command,
            gaps=self._list_gaps,
            rebirth=rebirth,
            kept=sources.states.flush,
            journal=sources.journal,
        )
        self._waiting: deque[bytes] = deque()

    def clear(self) -> None:
        """Forget what waits: its sender has lost the connection's answers, and asks again."""
        self._drop(len(self._waiting))
        self._waiting.clear()

    def put(self, command: bytes) -> None:
        """Let a command wait."""
        if len(self._waiting) < COMMANDS_WAITING:
            self._waiting.append(command)
        else:
            self._drop(1)

    async def answer(self) -> Reply | None:
        """Carry out the next command, if one waits, and return its answer."""
        return await self._commands.answer(self._waiting.popleft()) if self._waiting else None

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._sources.journal.dropped(count)

    async def _list_gaps(self) -> Reply:
        gaps = await self._sources.gaps()
        if gaps is None:
            return {"ok": False, "error": "the disk cannot be read now"}
        return {"count": len(gaps), "gaps": [payload.gap_fields(hole) for hole in gaps[-GAPS_PER_REPLY:]]}
