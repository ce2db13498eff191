"""A station that speaks IEC 60870-5-104: it confirms whatever it is asked, and has nothing to tell by itself."""

import asyncio
from typing import Final

START: Final = 0x68
HEAD: Final = 2
STARTDT, STOPDT, TESTFR = 0x07, 0x13, 0x43
CONFIRMED: Final = 4
"""Added to the function of a U frame it makes the confirmation (IEC 60870-5-104 clause 5.1)."""
CAUSE_AT: Final = 8
CONFIRM: Final = {6: 7, 8: 9}
"""Cause of transmission of the answer: activation and deactivation are confirmed."""


class Iec104Station:
    """Serves at `port`, which is known once it serves."""

    def __init__(self, *, host: str, port: int = 0) -> None:
        self.port = port
        self._host = host
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Free the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = received = 0
        try:
            while True:
                head = await reader.readexactly(HEAD)
                frame = head + await reader.readexactly(head[1])
                if head[0] != START:
                    break
                if frame[2] & 3 == 3:
                    if frame[2] in (STARTDT, STOPDT, TESTFR):
                        writer.write(bytes((START, 4, frame[2] + CONFIRMED, 0, 0, 0)))
                elif frame[2] & 1 == 0:
                    received += 1
                    cause = CONFIRM.get(frame[CAUSE_AT] & 0x3F) if len(frame) > CAUSE_AT else None
                    if cause is not None:
                        numbers = (sent << 1 & 0xFFFE).to_bytes(2, "little") + (received << 1 & 0xFFFE).to_bytes(
                            2, "little"
                        )
                        writer.write(frame[:2] + numbers + frame[6:CAUSE_AT] + bytes((cause,)) + frame[CAUSE_AT + 1 :])
                        sent += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
