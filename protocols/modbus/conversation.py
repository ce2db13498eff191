"""One Modbus/TCP connection: one request at a time, and no answer is ever taken for another.

A request that timed out or was cancelled leaves its transaction behind; when its answer comes after all, it is counted
and dropped. Every other surprise is a violation, which ends the conversation at once.
"""

import asyncio
import socket
from collections import Counter, OrderedDict
from typing import Final, TypeAlias

from protocols.driver import LinkLost
from protocols.modbus.codec import LARGEST_FRAME, Refusal, Request, Violation, frame, frame_size

Answer: TypeAlias = bytes | Refusal

RECEIVE_BYTES: Final = 2 * LARGEST_FRAME
"""A frame in the making, and a late one before it; TCP holds back the rest."""
UNSENT_BYTES: Final = 1024
"""Requests the peer has not even taken in: beyond about 85 of them it reads nothing and the link is lost."""
MOST_ABANDONED: Final = 1024
"""Transactions whose late answer is still known: a quarter of an hour of time-outs at one a second."""
DEAD_AFTER_MS: Final = 20_000
"""TCP gives up a silent peer after this, instead of 15 minutes of retransmissions (Linux, tcp_retries2)."""


class Conversation(asyncio.BufferedProtocol):
    """The client's end of a connection. `late` counts late answers by unit; `violation` says what was illegal."""

    def __init__(self) -> None:
        self.late: Counter[int] = Counter()
        self.violation: str | None = None
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._transport: asyncio.Transport | None = None
        self._lost: str | None = "not connected"
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._filled = 0
        self._transaction = 0
        self._unit = 0
        self._request: Request | None = None
        self._waiting: asyncio.Future[Answer | Exception] | None = None
        self._abandoned: OrderedDict[int, int] = OrderedDict()

    @classmethod
    async def open(cls, host: str, port: int) -> "Conversation":
        """Connect.

        Raises:
            OSError: nobody answers.
        """
        _, conversation = await asyncio.get_running_loop().create_connection(cls, host, port)
        return conversation

    async def request(self, unit: int, request: Request, timeout_s: float) -> Answer:
        """Send `request` to `unit` when it is its turn, and return what answers it.

        Raises:
            TimeoutError: no answer within `timeout_s`; the conversation goes on.
            LinkLost: the conversation is over.
        """
        async with self._turn:
            self._waiting = waiting = self._send(unit, request)
            timer = self._loop.call_later(timeout_s, self._expire, timeout_s)
            try:
                answer = await waiting
            finally:
                timer.cancel()
                self._abandon()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """End the conversation now; the peer is not waited for."""
        self._end("closed")
        await asyncio.sleep(0)  # lets the transport close its socket

    def _send(self, unit: int, request: Request) -> asyncio.Future[Answer | Exception]:
        if self._transport is None or self._lost is not None:
            raise LinkLost(self._lost or "not connected")
        self._transaction = self._transaction % 0xFFFF + 1
        self._abandoned.pop(self._transaction, None)
        self._unit, self._request = unit, request
        self._transport.write(request.framed(self._transaction, unit))
        return self._loop.create_future()

    def _expire(self, timeout_s: float) -> None:
        self._settle(TimeoutError(f"no answer from unit {self._unit} in {timeout_s:g} s"))
        self._abandon()

    def _settle(self, answer: Answer | Exception) -> None:
        """Wake who waits; without one nothing happens."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)

    def _abandon(self) -> None:
        """Remember a transaction that was not answered, by when its caller has gone."""
        self._waiting = None
        if self._request is not None:
            self._request = None
            self._abandoned[self._transaction] = self._unit
            if len(self._abandoned) > MOST_ABANDONED:
                self._abandoned.popitem(last=False)

    def _end(self, reason: str) -> None:
        """Be over, for `reason`: at once for who waits, and for every later request."""
        if self._lost is None:
            self._lost = reason
        self._settle(LinkLost(self._lost))
        if self._transport is not None:
            self._transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for requests."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._lost = transport, None
        transport.set_write_buffer_limits(UNSENT_BYTES)
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail who waits at once, whatever its time-out."""
        half = f" in mid-frame, after {self._filled} bytes" if self._filled else ""
        self._end(f"connection lost{half}: {exc}" if exc else f"closed by the device{half}")

    def pause_writing(self) -> None:
        """Give up a peer that reads nothing."""
        self._end(f"the device reads nothing: over {UNSENT_BYTES} bytes unsent")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  the interface of asyncio
        """Return the free end of the buffer, which every complete frame leaves."""
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take the frames that are complete, and keep what is left of the next."""
        filled, start = self._filled + nbytes, 0
        try:
            while start < filled and (found := frame(self._buffer[start:filled])) is not None:
                start += frame_size(found)
                self._take(found.transaction, found.unit, found.pdu)
        except Violation as violation:
            self.violation = str(violation)
            self._end(f"violation: {violation}")
        self._filled = filled - start
        self._buffer[: self._filled] = self._buffer[start:filled]

    def _take(self, transaction: int, unit: int, pdu: bytes) -> None:
        if self._request is None or transaction != self._transaction:
            asked = self._abandoned.pop(transaction, None)
            if asked is None:
                raise Violation(f"transaction {transaction} was not asked")
            self.late[asked] += 1
            return
        if unit != self._unit:
            raise Violation(f"unit {unit} answers unit {self._unit}")
        answer, self._request = self._request.parse(pdu), None
        self._settle(answer)
