"""A serial line that is none: a pseudo-terminal, whose octets go to a server of this machine and back."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from simulator.pty import PseudoTerminal

CHUNK = 4096


class Terminal:
    """`path` is the terminal to open, known once it is there. `link` is a name that stays from start to start."""

    def __init__(self, host: str, port: int, link: Path | None = None) -> None:
        self.path = ""
        self._target, self._link = (host, port), link
        self._terminal: PseudoTerminal | None = None
        self._out: asyncio.WriteTransport | None = None
        self._in: asyncio.StreamWriter | None = None
        self._telling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Be there.

        Raises:
            OSError: there is no terminal left, or nobody serves.
        """
        loop = asyncio.get_running_loop()
        reader, self._in = await asyncio.open_connection(*self._target)
        terminal = self._terminal = PseudoTerminal(self._link)
        self.path = terminal.path if self._link is None else str(self._link)
        self._out, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(os.dup(terminal.ours), "wb", 0))
        loop.add_reader(terminal.ours, self._hear, terminal.ours, self._in)
        self._telling = asyncio.create_task(self._tell(reader, self._out), name=f"simulator:{self.path}")

    async def stop(self) -> None:
        """Take it away; may be called twice."""
        out, self._out = self._out, None
        if out is None or self._in is None or self._telling is None or self._terminal is None:
            return
        asyncio.get_running_loop().remove_reader(self._terminal.ours)
        self._telling.cancel()
        self._in.transport.abort()
        out.abort()
        await asyncio.wait([self._telling])  # and the loop comes round, so that both have closed what is theirs
        self._terminal.close()

    def _hear(self, ours: int, writer: asyncio.StreamWriter) -> None:
        with suppress(BlockingIOError):
            writer.write(os.read(ours, CHUNK))

    async def _tell(self, reader: asyncio.StreamReader, out: asyncio.WriteTransport) -> None:
        while data := await reader.read(CHUNK):
            out.write(data)
