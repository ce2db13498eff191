"""The way to the collector: one POST, in a thread that can be given up, with one clear sentence for what goes wrong.

What the collector answers is read up to a bound and never logged; what stands in the file of headers neither.
"""

import asyncio
import gzip
import http.client
import re
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.config.otel import OtelExport
from gateway.metrics.otlp import rejected
from gateway.uplink.endpoint import sentence, tls_context

ANSWER_BYTES: Final = 65_536
"""Longest answer: a whole one is `{}`, a partial one has a sentence."""
HEADERS_BYTES: Final = 8192
"""Longest file of headers: servers take no more in a request."""
LEVEL: Final = 1
"""Of compression: names that repeat shrink twentyfold, and more effort saves little."""
OURS: Final = {"Content-Type": "application/json", "Content-Encoding": "gzip", "User-Agent": "gridsentinel"}
A_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)[ \t]*")
"""RFC 9110, clause 5: a token, and visible characters."""


class CollectorLost(Exception):
    """The collector did not take it: the exporter tries again with newer numbers, after `wait_s` at least."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Answer:
    """What the collector says. `wait_s` is its Retry-After."""

    status: int
    rejected: int
    wait_s: float


class Collector:
    """Sends to one collector, one try at a time: a try that is given up must have ended before the next."""

    def __init__(self, export: OtelExport) -> None:
        self._export = export
        self._attempt: _Attempt | None = None

    async def send(self, body: bytes) -> int:
        """Send `body`; return how many of its values were rejected.

        Raises:
            CollectorLost: it was not taken, for the reason said.
        """
        if self._attempt is not None and not self._attempt.ended:
            self._attempt.sever()
            raise CollectorLost("the try before has not ended yet")
        attempt = self._attempt = _Attempt(self._export, body)
        attempt.start()
        try:
            async with asyncio.timeout(self._export.timeout_s):
                answer = await attempt.done
        except (OSError, ValueError) as error:
            raise CollectorLost(self._why(error)) from None
        except http.client.HTTPException:
            raise CollectorLost(f"what {self._export.host}:{self._export.port} answers is no HTTP") from None
        finally:
            attempt.sever()
        if answer.status // 100 != 2:
            raise CollectorLost(f"{self._export.host}:{self._export.port} answers {answer.status}", answer.wait_s)
        return answer.rejected

    def _why(self, error: Exception) -> str:
        return sentence(error, self._export.host, port=self._export.port, within_s=self._export.timeout_s)


class _Attempt(threading.Thread):
    """One connection, in a thread, until `ended`; `done` has its answer or its error, for the loop that made it."""

    def __init__(self, export: OtelExport, body: bytes) -> None:
        super().__init__(name="otel", daemon=True)
        self._export, self._body = export, body
        self._loop = asyncio.get_running_loop()
        self.ended = False
        self._connection: http.client.HTTPConnection | None = None
        self.done: asyncio.Future[Answer] = self._loop.create_future()

    def run(self) -> None:
        """Do it; not for the loop."""
        answer, error = None, None
        try:
            answer = self._posted()
        except (OSError, ValueError, http.client.HTTPException) as caught:
            error = caught
        finally:
            self.ended = True
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._settle, answer, error)

    def sever(self) -> None:
        """End it: the thread wakes up with an error, if it is still there."""
        sock = self._connection.sock if self._connection is not None else None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _settle(self, answer: Answer | None, error: Exception | None) -> None:
        if self.done.done():
            return
        if answer is not None:
            self.done.set_result(answer)
        elif error is not None:
            self.done.set_exception(error)

    def _posted(self) -> Answer:
        """Send it, and return the answer.

        Raises:
            OSError, ValueError, HTTPException: there is none.
        """
        headers = {**read_headers(self._export.headers_file), **OURS}
        connection = self._connection = _connection(self._export)
        try:
            connection.request("POST", self._export.path, gzip.compress(self._body, LEVEL), headers)
            response = connection.getresponse()
            content = response.read(ANSWER_BYTES)
            return Answer(response.status, rejected(content), _wait_s(response.getheader("Retry-After", "")))
        finally:
            connection.close()


def read_headers(path: Path | None) -> Mapping[str, str]:
    """Return the headers in `path`, a `Name: value` a line; read at each try, so that a token can be changed.

    Raises:
        OSError: it cannot be read.
        ValueError: it is too long, or a line is no header; which is said without what stands there.
    """
    if path is None:
        return {}
    with path.open("rb") as file:
        content = file.read(HEADERS_BYTES + 1)
    if len(content) > HEADERS_BYTES:
        raise ValueError(f"{path} is over {HEADERS_BYTES} bytes")
    found = {}
    for number, line in enumerate(content.decode("latin-1").splitlines(), 1):
        header = A_HEADER.fullmatch(line)
        if header:
            found[header[1]] = header[2]
        elif line.strip():
            raise ValueError(f"line {number} of {path} is no header, such as Authorization: Bearer TOKEN")
    return found


def _connection(export: OtelExport) -> http.client.HTTPConnection:
    if export.tls:
        context = tls_context(export.ca_file)
        return http.client.HTTPSConnection(export.host, export.port, timeout=export.timeout_s, context=context)
    return http.client.HTTPConnection(export.host, export.port, timeout=export.timeout_s)


def _wait_s(text: str) -> float:
    """Return the seconds of a Retry-After; 0 for a date, as clocks differ."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
