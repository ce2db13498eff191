"""A very small HTTP server: GET and HEAD of /metrics and /health, one answer a connection, within bounds.

Whoever asks slowly, asks much, or comes as the ninth, is hung up on; it is counted. A page is drawn at most once a
second, however often it is asked, so nobody can keep the gateway busy with it.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

import structlog

from gateway.health import Health
from gateway.metrics.metric import CONTENT_TYPE

CONNECTIONS: Final = 8
"""Askers at once: one Prometheus or two, a probe and a curious person."""
REQUEST_BYTES: Final = 8192
"""Longest request with its headers; Prometheus sends some hundred bytes."""
PATIENCE_S: Final = 5.0
"""How long an asker may take for everything, from the first byte of the question to the last of the answer."""
FRESH_S: Final = 1.0
"""A page is given again for so long."""
AGAIN_S: Final = 10.0
"""An address that cannot be had is tried again so often."""
ANSWERED: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}

log = structlog.get_logger()


class Answer(NamedTuple):
    """What goes back."""

    status: int
    kind: str
    body: bytes


class MetricsServer:
    """Serves `listen`, HOST:PORT. `answered` and `refused` count connections; `port` is the one it has, 0 before."""

    def __init__(self, listen: str, *, metrics: Callable[[], bytes], health: Callable[[], Health]) -> None:
        self.answered = self.refused = self.port = 0
        self.listening = asyncio.Event()
        host, _, port = listen.rpartition(":")
        self._address = host.strip("[]"), int(port)
        self._metrics, self._health = metrics, health
        self._askers: set[asyncio.WriteTransport] = set()
        self._page, self._drawn_s = b"", float("-inf")
        self._said = ""

    async def run(self) -> None:
        """Serve until cancelled."""
        while True:
            try:
                server = await asyncio.start_server(self._meet, *self._address, limit=REQUEST_BYTES)
            except OSError as error:
                if str(error) != self._said:
                    log.warning("metrics_lost", listen=":".join(map(str, self._address)), reason=str(error))
                self._said = str(error)
                await asyncio.sleep(AGAIN_S)
                continue
            self.port = server.sockets[0].getsockname()[1]
            self.listening.set()
            try:
                await asyncio.get_running_loop().create_future()  # for ever
            finally:  # `Server.wait_closed` would wait for slow askers, and a stop with it
                server.close()
                for asker in self._askers:
                    asker.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection, or end it."""
        self._askers.add(writer.transport)
        try:
            if len(self._askers) <= CONNECTIONS and await self._served(reader, writer):
                self.answered += 1
            else:
                self.refused += 1
        finally:
            self._askers.discard(writer.transport)
            if writer.transport.get_write_buffer_size():
                writer.transport.abort()
            writer.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Return whether a whole question came and its whole answer went, in time."""
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(PATIENCE_S):
                question = await reader.readuntil(b"\r\n\r\n")
                words = question.partition(b"\r\n")[0].split(b" ")
                if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
                    return False
                await self._send(writer, self._answer(words[0], words[1]), whole=words[0] != b"HEAD")
                return True
        return False

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer, *, whole: bool) -> None:
        head = (
            f"HTTP/1.1 {answer.status} {ANSWERED[answer.status]}\r\nContent-Type: {answer.kind}\r\n"
            f"Content-Length: {len(answer.body)}\r\nConnection: close\r\n\r\n"
        )
        writer.transport.set_write_buffer_limits(0)
        writer.write(head.encode() + (answer.body if whole else b""))
        await writer.drain()

    def _answer(self, method: bytes, target: bytes) -> Answer:
        path = target.partition(b"?")[0]
        if path not in (b"/metrics", b"/health"):
            return Answer(404, "text/plain", b"only /metrics and /health are here\n")
        if method not in (b"GET", b"HEAD"):
            return Answer(405, "text/plain", b"only GET is answered\n")
        return self._drawn() if path == b"/metrics" else self._well()

    def _drawn(self) -> Answer:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._drawn_s > FRESH_S:
            self._page, self._drawn_s = self._metrics(), now_s
        return Answer(200, CONTENT_TYPE, self._page)

    def _well(self) -> Answer:
        """Say how the gateway is; 503 when that is critical."""
        health = self._health()
        told = {"state": health.state, "health": health.score, "why": list(health.why)}
        return Answer(503 if health.state == "critical" else 200, "application/json", json.dumps(told).encode() + b"\n")
