"""A relay on the loopback that counts the octets each way: what a line really carries."""

import asyncio
from contextlib import suppress
from typing import Self

CHUNK_BYTES = 65_536


class Counted:
    """Listens at `port` and hands everything on to `behind`; `sent` and `received` are as the client sees them."""

    def __init__(self, behind: int) -> None:
        self.behind, self.port, self.sent, self.received = behind, 0, 0, 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._met, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def taken(self) -> tuple[int, int]:
        """Return what was sent and received since the last time, and count anew."""
        found = self.sent, self.received
        self.sent = self.received = 0
        return found

    async def _met(self, reader, writer) -> None:
        self._tasks.add(asyncio.current_task())
        other_reader, other = await asyncio.open_connection("127.0.0.1", self.behind)
        with suppress(OSError):
            await asyncio.gather(self._carry(reader, other, "sent"), self._carry(other_reader, writer, "received"))

    async def _carry(self, reader, writer, way: str) -> None:
        try:
            while content := await reader.read(CHUNK_BYTES):
                setattr(self, way, getattr(self, way) + len(content))
                writer.write(content)
                await writer.drain()
        finally:
            writer.close()
