"""One connection: questions are read within bounds, answered one after the other, as long as all goes well."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import h11

from gateway.http.message import Answer, Question
from gateway.http.share import Share

HEAD_BYTES: Final = 8192
"""Longest request without its body; Prometheus sends some hundred bytes, a browser with cookies one or two thousand."""
BODY_BYTES: Final = 4096
"""Longest body: a command has some hundred bytes."""
ASK_S: Final = 5.0
"""How long an asker may take for the first question, from the first byte to the last."""
IDLE_S: Final = 15.0
"""And for each further one on the same connection, with the time in which he asks nothing."""
SEND_S: Final = 10.0
"""How long he may take to take the answer."""
LINGER_S: Final = 0.5
"""How long it is read on after a refusal, so that the other side sees it."""

Answers: TypeAlias = Callable[[Question], Awaitable[Answer]]


class Refused(Exception):
    """The connection cannot go on; `status` is what the other side is told."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Conversation:
    """Speaks HTTP/1.1 with `asker`.

    `waits_s` is since when it waits for him, None while it does not; `moved` is set when it begins to. `answered`
    counts answers; while it is `crowded`, one is the last.
    """

    def __init__(
        self, asker: socket.socket, peer: str, share: Share, moved: asyncio.Event, *, crowded: Callable[[], bool]
    ) -> None:
        self.waits_s: float | None = None
        self.answered = 0
        self._asker, self._peer, self._share, self._moved = asker, peer, share, moved
        self._crowded = crowded
        self._wire = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)

    async def run(self, answers: Answers) -> bool:
        """Answer until it ends; return whether it ended well: after whole answers, and not in the midst of anything."""
        try:
            while (question := await self._asked()) is not None:
                with self._share.spending():
                    answer = await answers(question)
                await self._send(answer, whole=question.method != "HEAD")
                self.answered += 1
                if self._wire.our_state is not h11.DONE:
                    return True
                self._wire.start_next_cycle()
        except Refused as refused:
            await self._refuse(refused.status)
            return False
        except (TimeoutError, OSError, h11.LocalProtocolError):
            return self.answered > 0 and self._wire.our_state is h11.IDLE and not self._wire.trailing_data[0]
        return self.answered > 0

    async def _asked(self) -> Question | None:
        """Return the next question; None when the other side ends the connection instead.

        Raises:
            Refused: it is none, or too long.
            TimeoutError, OSError: it does not come.
        """
        request: h11.Request | None = None
        body = b""
        await self._share.ready()
        async with asyncio.timeout(IDLE_S if self.answered else ASK_S):
            while True:
                match await self._event():
                    case h11.Request() as request:
                        _refuse_body(request)
                    case h11.Data() as data:
                        body += data.data
                    case h11.EndOfMessage():
                        assert request is not None
                        return _question(request, body, self._peer)
                    case _:
                        return None

    async def _event(self) -> h11.Event:
        """Return what comes next.

        Raises:
            Refused: it is no HTTP.
            OSError: the connection broke.
        """
        while True:
            try:
                with self._share.spending():
                    event = self._wire.next_event()
            except h11.RemoteProtocolError as error:
                raise Refused(error.error_status_hint) from None
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type)
                return event
            await self._share.ready()
            self._wire.receive_data(await self._received())

    async def _received(self) -> bytes:
        """Return what has come, or comes next.

        Raises:
            OSError: the connection broke.
        """
        try:
            return self._asker.recv(HEAD_BYTES)
        except BlockingIOError:
            loop = asyncio.get_running_loop()
            self.waits_s = loop.time()
            self._moved.set()
            try:
                return await loop.sock_recv(self._asker, HEAD_BYTES)
            finally:
                self.waits_s = None

    async def _send(self, answer: Answer, *, whole: bool = True) -> None:
        """Send `answer`, without its body unless `whole`.

        Raises:
            TimeoutError, OSError: nobody takes it.
        """
        with self._share.spending():
            head = [*answer.head(), ("Connection", "close")] if self._crowded() else answer.head()
            said = self._wire.send(h11.Response(status_code=answer.status, headers=head, reason=answer.reason))
            if whole and answer.body:
                said += self._wire.send(h11.Data(data=answer.body))
            said += self._wire.send(h11.EndOfMessage())
        async with asyncio.timeout(SEND_S):
            await asyncio.get_running_loop().sock_sendall(self._asker, said)

    async def _refuse(self, status: int) -> None:
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError, OSError, h11.LocalProtocolError):
            await self._send(Answer(status, "text/plain", b"", {"Connection": "close"}))
            self._asker.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(LINGER_S):
                while await loop.sock_recv(self._asker, HEAD_BYTES):
                    await self._share.ready()


def _refuse_body(request: h11.Request) -> None:
    """Refuse a body that is too long, or does not say how long it is, before it comes.

    Raises:
        Refused: it is.
    """
    for name, value in request.headers:
        if name == b"transfer-encoding":
            raise Refused(411)
        if name == b"content-length" and int(value) > BODY_BYTES:
            raise Refused(413)


def _question(request: h11.Request, body: bytes, peer: str) -> Question:
    path, _, query = request.target.decode("ascii").partition("?")
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key, text = name.decode("ascii"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Question(request.method.decode("ascii"), path, query, headers, body, peer)
