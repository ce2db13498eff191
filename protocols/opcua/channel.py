"""One OPC UA connection and its secure channel: requests go out, and each answer finds who asked.

What is no message, or answers nothing, is a violation, which ends the conversation at once.
"""

import asyncio
import os
import struct
from typing import Any, Final, cast

from protocols.driver import Clock, LinkLost
from protocols.opcua import encoding
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.chunks import CHUNK_BYTES, SHORTEST_CHUNK, Chunks, Security
from protocols.opcua.codec import EPOCH, Header, Refused, Service
from protocols.opcua.handshake import keys
from protocols.opcua.status import bad, name
from protocols.opcua.waiting import Done, Waiting, fail, settle
from protocols.tcp import prepare

CHUNK_SHARE: Final = 1024
"""A message may come in so many chunks as it has bytes divided by this: none is without content."""
UNSENT_BYTES: Final = 1024 * 1024
"""Requests the peer has not even taken in; the largest, of 1000 nodes, has 100 KiB. Beyond it the link is lost."""
LIFETIME_MS: Final = 3_600_000
"""How long the keys of a channel are asked to last."""
RENEW_AFTER: Final = 0.75
"""Share of what the server allows after which they are renewed (OPC 10000-4 clause 5.5.2)."""


class Channel(asyncio.BufferedProtocol):
    """The client's end. `lost` is why it is over, if it is."""

    def __init__(self, security: Security, max_message_bytes: int, clock: Clock) -> None:
        self.security = security
        self.lost: LinkLost | Violation | None = LinkLost("not connected")
        self.renew_at = float("inf")
        self.token = encoding.number_node(0)
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._max_message_bytes = max_message_bytes
        self._chunks = Chunks(
            security, max_message_bytes=max_message_bytes, max_chunks=max_message_bytes // CHUNK_SHARE
        )
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(CHUNK_BYTES))
        self._filled = 0
        self._waiting = Waiting()
        self._greeted: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(
        cls, url: tuple[str, int, str], *, security: Security, max_message_bytes: int, clock: Clock
    ) -> "Channel":
        """Connect to host, port and url, say hello, and agree on keys.

        Raises:
            OSError, LinkLost, Violation: nobody answers, or not in this protocol.
        """
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(lambda: cls(security, max_message_bytes, clock), *url[:2])
        try:
            await channel._hello(url[2])  # noqa: SLF001  its own
            await channel.agree(renew=False)
        except BaseException:
            channel.end(LinkLost("given up"))
            raise
        return channel

    @property
    def late(self) -> int:
        """How many answers came too late."""
        return self._waiting.late

    async def ask(self, service: Service, parameters: bytes, timeout_s: float) -> Reader:
        """Send a request and return what the service answers.

        Raises:
            TimeoutError: no answer within `timeout_s`; the conversation goes on.
            Refused: the server refuses.
            LinkLost, Violation: the conversation is over.
        """
        future: asyncio.Future[tuple[Header, Reader]] = self._loop.create_future()
        request = self.send(service, parameters, lambda *answer: settle(future, answer), future, timeout_s=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                head, reader = await future
        except TimeoutError:
            raise TimeoutError(f"no answer in {timeout_s:g} s") from None
        finally:
            self._waiting.abandon(request)
        if bad(head.status):
            raise Refused(service, head.status)
        return reader

    def send(
        self,
        service: Service,
        parameters: bytes,
        done: Done,
        future: "asyncio.Future[Any] | None" = None,
        *,
        timeout_s: float = 0,
    ) -> int:
        """Send a request and return its id; `done` gets its answer, `future` fails if the conversation ends before.

        Raises:
            LinkLost, Violation: the conversation is over.
        """
        if self.lost is not None:
            raise self.lost
        assert self._transport is not None
        request = self._waiting.add(service, done, future)
        body = encoding.number_node(service) + self._header(request, timeout_s) + parameters
        match service:
            case Service.OPEN_SECURE_CHANNEL:
                self._transport.write(self._chunks.opening(request, body))
            case Service.CLOSE_SECURE_CHANNEL:
                self._transport.write(self._chunks.message(request, body, b"CLO"))
            case _:
                self._transport.write(self._chunks.message(request, body))
        return request

    async def agree(self, *, renew: bool) -> None:
        """Agree on new keys with the server.

        Raises:
            LinkLost, Violation, Refused: as when asking.
        """
        nonce = os.urandom(self.security.nonce_bytes)
        future: asyncio.Future[None] = self._loop.create_future()

        def done(head: Header, reader: Reader) -> None:
            """Speak with the new keys at once: the next message may need them."""
            if bad(head.status):
                fail(future, Refused(Service.OPEN_SECURE_CHANNEL, head.status))
                return
            found = keys(reader)
            lock, key = self.security.agree(nonce, found.nonce)
            self._chunks.agreed(channel=found.channel, token=found.token, lock=lock, key=key)
            self.renew_at = self._loop.time() + found.lifetime_ms * RENEW_AFTER / 1000
            settle(future, None)

        parameters = encoding.open_secure_channel(
            renew=renew, mode=self.security.mode, nonce=nonce, lifetime_ms=LIFETIME_MS
        )
        self.send(Service.OPEN_SECURE_CHANNEL, parameters, done, future)
        await future

    def close(self) -> None:
        """Say goodbye to the channel and hang up; nothing is waited for."""
        if self.lost is None:
            self.send(Service.CLOSE_SECURE_CHANNEL, b"", lambda *_: None)
            self.lost = LinkLost("closed")
            if self._transport is not None:
                self._transport.close()
        self.end(LinkLost("closed"))

    def end(self, reason: LinkLost | Violation) -> None:
        """Be over, for `reason`: at once for who waits, and for every later request."""
        hang_up = self.lost is None
        self.lost = self.lost or reason
        for future in (self._greeted, *self._waiting.forget()):
            fail(future, self.lost)
        if hang_up and self._transport is not None:
            self._transport.abort()

    async def _hello(self, url: str) -> None:
        encoded = url.encode()
        chunks = self._max_message_bytes // CHUNK_SHARE
        limits = struct.pack("<IIIII", 0, CHUNK_BYTES, CHUNK_BYTES, self._max_message_bytes, chunks)
        body = limits + struct.pack("<i", len(encoded)) + encoded
        assert self._transport is not None
        self._transport.write(b"HELF" + struct.pack("<I", 8 + len(body)) + body)
        await self._greeted

    def _header(self, request: int, timeout_s: float) -> bytes:
        """Return the request header: who asks, when, and how long the answer is waited for."""
        now = self._clock() // 100 + EPOCH
        rest = struct.pack("<qIIiI", now, request, 0, -1, int(timeout_s * 1000))
        return self.token + rest + b"\x00\x00\x00"

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for requests."""
        self._transport, self.lost = cast("asyncio.Transport", transport), None
        prepare(self._transport, UNSENT_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail who waits at once, whatever its time-out."""
        half = f" in mid-frame, after {self._filled} bytes" if self._filled else ""
        self.end(LinkLost(f"connection lost{half}: {exc}" if exc else f"closed by the server{half}"))

    def pause_writing(self) -> None:
        """Give up a peer that reads nothing."""
        self.end(LinkLost(f"the server reads nothing: over {UNSENT_BYTES} bytes unsent"))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  the interface of asyncio
        """Return the free end of the buffer, which every complete chunk leaves."""
        return self._buffer[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        """Take the chunks that are complete, and keep what is left of the next."""
        filled, start = self._filled + nbytes, 0
        try:
            while self.lost is None and (size := _size(self._buffer[start:filled])):
                self._take(bytes(self._buffer[start : start + size]))
                start += size
        except Violation as violation:
            self.end(violation)
        self._filled = filled - start
        self._buffer[: self._filled] = self._buffer[start:filled]

    def _take(self, chunk: bytes) -> None:
        match chunk[:3]:
            case b"ACK":
                self._acknowledged(Reader(chunk[8:]))
            case b"ERR":
                reader = Reader(chunk[8:])
                status, said = reader.u32(), reader.text()[:100]
                self.end(LinkLost(f"the server hangs up: {name(status)}" + (f", {said}" if said else "")))
            case _:
                message = self._chunks.take(chunk)
                if message is not None:
                    self._waiting.answered(message[0], Reader(message[1]))

    def _acknowledged(self, reader: Reader) -> None:
        """Send no longer chunks than the server takes; what it sends stays within our limits, whatever it says."""
        _, takes = reader.u32(), reader.u32()
        if self._greeted.done() or takes < 8192:
            raise Violation(
                f"acknowledge out of place, or of a receive buffer of {takes} bytes; at least 8192 is allowed"
            )
        self._chunks.most_sent = min(CHUNK_BYTES, takes)
        self._greeted.set_result(None)


def _size(found: memoryview) -> int:
    """Return the size of the chunk that `found` begins with, or 0 while it is incomplete.

    Raises:
        Violation: it can never become one.
    """
    if len(found) < 8:
        return 0
    kind, size = bytes(found[:3]), int.from_bytes(found[4:8], "little")
    if kind not in (b"ACK", b"ERR", b"OPN", b"MSG"):
        raise Violation(f"bytes {kind.hex(' ')} begin no message of a server")
    shortest = SHORTEST_CHUNK if kind in (b"OPN", b"MSG") else 16
    if not shortest <= size <= CHUNK_BYTES:
        raise Violation(f"chunk of {size} bytes; {shortest} to {CHUNK_BYTES} are allowed")
    return size if len(found) >= size else 0
