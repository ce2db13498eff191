"""One OPC UA connection and its secure channel: requests go out, and each answer finds who asked.

    | type 3 | F C or A | size 4 | channel 4 | security header | sequence 4, request 4 | body | padding, signature |

asyncua signs, encrypts, checks and joins the chunks of a message; framing, limits and matching are ours (OPC 10000-6
clause 6.7 and 7.1). What is no message, or answers nothing, is a violation, which ends the conversation at once.
"""

import asyncio
import logging
import socket
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer, create_nonce
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import header_from_binary, nodeid_to_binary, struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError
from cryptography.exceptions import InvalidSignature

from protocols.driver import Clock, LinkLost
from protocols.opcua.binary import Reader, Violation
from protocols.opcua.codec import EPOCH, SERVICE_FAULT, Header, Refused, Service, header
from protocols.opcua.status import bad, name

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)  # what there is to say is said by events

Done: TypeAlias = Callable[[Header, Reader], None]

CHUNK_BYTES: Final = 65_535
"""Longest chunk, sent and received; the usual receive buffer, and the one allocated here for good."""
SHORTEST_CHUNK: Final = 24
"""Header, channel, token and sequence of a message without a body."""
CHUNK_SHARE: Final = 1024
"""A message may come in so many chunks as it has bytes divided by this: none is without content."""
UNSENT_BYTES: Final = 1024 * 1024
"""Requests the peer has not even taken in; the largest, of 1000 nodes, has 100 KiB. Beyond it the link is lost."""
MOST_ABANDONED: Final = 256
"""Requests whose late answer is still known."""
DEAD_AFTER_MS: Final = 20_000
"""TCP gives up a silent peer after this, instead of 15 minutes of retransmissions (Linux, tcp_retries2)."""
LIFETIME_MS: Final = 3_600_000
"""How long the keys of a channel are asked to last; renewed at three quarters of what the server allows."""

ILLEGAL: Final = (
    UaError, InvalidSignature, struct.error, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
    AssertionError, RecursionError,
)  # fmt: skip
"""What asyncua makes of illegal bytes."""


class Channel(asyncio.BufferedProtocol):
    """The client's end. `lost` is why it is over, if it is; `late` counts answers that came too late."""

    def __init__(self, policy: Any, max_message_bytes: int, clock: Clock) -> None:
        self.policy = policy
        self.late = 0
        self.lost: LinkLost | Violation | None = LinkLost("not connected")
        self.renew_at = float("inf")
        self.token = nodeid_to_binary(ua.NodeId())
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._max_message_bytes = max_message_bytes
        chunks = max_message_bytes // CHUNK_SHARE
        limits = TransportLimits(CHUNK_BYTES, CHUNK_BYTES, chunks, max_message_bytes)
        self._connection = SecureConnection(policy, limits)
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(CHUNK_BYTES))
        self._filled = 0
        self._request = 0
        self._asked: dict[int, tuple[Service, Done, asyncio.Future[Any] | None]] = {}
        self._abandoned: OrderedDict[int, None] = OrderedDict()
        self._greeted: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, url: tuple[str, int, str], *, policy: Any, max_message_bytes: int, clock: Clock) -> "Channel":
        """Connect to host, port and url, say hello, and agree on keys.

        Raises:
            OSError, LinkLost, Violation: nobody answers, or not in this protocol.
        """
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_connection(lambda: cls(policy, max_message_bytes, clock), *url[:2])
        try:
            await channel._hello(url[2])  # noqa: SLF001  its own
            await channel.agree(renew=False)
        except BaseException:
            channel.end(LinkLost("given up"))
            raise
        return channel

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
            self._abandon(request)
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
        kind: Any = ua.MessageType.SecureMessage,
    ) -> int:
        """Send a request and return its id; `done` gets its answer, `future` fails if the conversation ends before.

        Raises:
            LinkLost, Violation: the conversation is over.
        """
        if self.lost is not None:
            raise self.lost
        assert self._transport is not None
        if self._connection.next_security_token.TokenId:
            self._connection.revolve_tokens()
        self._request = self._request % 0xFFFF_FFFF + 1
        self._asked[self._request] = service, done, future
        body = b"\x01\x00" + struct.pack("<H", service) + self._header(timeout_s) + parameters
        self._transport.write(self._connection.message_to_binary(body, kind, self._request))
        return self._request

    async def agree(self, *, renew: bool) -> None:
        """Agree on new keys with the server.

        Raises:
            LinkLost, Violation, Refused: as when asking.
        """
        request_type = ua.SecurityTokenRequestType.Renew if renew else ua.SecurityTokenRequestType.Issue
        nonce = create_nonce(self.policy.secure_channel_nonce_length)
        parameters = ua.OpenSecureChannelParameters(0, request_type, self.policy.Mode, nonce, LIFETIME_MS)
        future: asyncio.Future[None] = self._loop.create_future()

        def done(head: Header, reader: Reader) -> None:
            if bad(head.status):
                fail(future, Refused(Service.OPEN_SECURE_CHANNEL, head.status))
                return
            result = struct_from_binary(ua.OpenSecureChannelResult, Buffer(reader.data, reader.at))
            self._connection.set_channel(result, request_type, nonce)
            self.renew_at = self._loop.time() + result.SecurityToken.RevisedLifetime * 0.75 / 1000
            settle(future, None)

        encoded = struct_to_binary(parameters)
        self.send(Service.OPEN_SECURE_CHANNEL, encoded, done, future, kind=ua.MessageType.SecureOpen)
        await future

    def close(self) -> None:
        """Say goodbye to the channel and hang up; nothing is waited for."""
        if self.lost is None:
            self.send(Service.CLOSE_SECURE_CHANNEL, b"", lambda *_: None, kind=ua.MessageType.SecureClose)
            self.lost = LinkLost("closed")
            if self._transport is not None:
                self._transport.close()
        self.end(LinkLost("closed"))

    def end(self, reason: LinkLost | Violation) -> None:
        """Be over, for `reason`: at once for who waits, and for every later request."""
        hang_up = self.lost is None
        self.lost = self.lost or reason
        asked, self._asked = self._asked, {}
        for future in (self._greeted, *(future for _, _, future in asked.values())):
            if future is not None:
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

    def _header(self, timeout_s: float) -> bytes:
        """Return the request header: who asks, when, and how long the answer is waited for."""
        now = self._clock() // 100 + EPOCH
        rest = struct.pack("<qIIiI", now, self._request, 0, -1, int(timeout_s * 1000))
        return self.token + rest + b"\x00\x00\x00"

    def _abandon(self, request: int) -> None:
        """Remember a request that was not answered, by when its caller has gone."""
        if self._asked.pop(request, None) is not None:
            self._abandoned[request] = None
            if len(self._abandoned) > MOST_ABANDONED:
                self._abandoned.popitem(last=False)

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for requests."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.lost = transport, None
        transport.set_write_buffer_limits(UNSENT_BYTES)
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

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
        except ILLEGAL as illegal:
            self.end(Violation(self._said(illegal)))
        self._filled = filled - start
        self._buffer[: self._filled] = self._buffer[start:filled]

    def _said(self, illegal: Exception) -> str:
        if getattr(illegal, "code", None) == StatusCodes.BadRequestTooLarge:
            return f"a message is over {self._max_message_bytes} bytes (max_message_bytes), or in too many chunks"
        if "wrong sequence" in str(illegal):
            return "a chunk has the wrong sequence number"
        return f"illegal message: {type(illegal).__name__} {illegal}"[:200].rstrip()

    def _take(self, chunk: bytes) -> None:
        match chunk[:3]:
            case b"ACK":
                self._acknowledged(Reader(chunk[8:]))
            case b"ERR":
                reader = Reader(chunk[8:])
                status, said = reader.u32(), reader.text()[:100]
                self.end(LinkLost(f"the server hangs up: {name(status)}" + (f", {said}" if said else "")))
            case _:
                buffer = Buffer(chunk)
                message = self._connection.receive_from_header_and_body(header_from_binary(buffer), buffer)
                if message is not None:
                    self._answered(message.request_id(), Reader(bytes(message.body())))

    def _acknowledged(self, reader: Reader) -> None:
        """Send no longer chunks than the server takes; what it sends stays within our limits, whatever it says."""
        _, takes = reader.u32(), reader.u32()
        if self._greeted.done() or takes < 8192:
            raise Violation(
                f"acknowledge out of place, or of a receive buffer of {takes} bytes; at least 8192 is allowed"
            )
        self._limits.max_send_buffer = min(CHUNK_BYTES, takes)
        self._greeted.set_result(None)

    def _answered(self, request: int, reader: Reader) -> None:
        head = header(reader)
        asked = self._asked.get(request)
        if asked is None:
            if request not in self._abandoned:
                raise Violation(f"request {request} was not asked")
            del self._abandoned[request]
            self.late += 1
            return
        service, done, _ = asked
        if head.kind not in (service + 3, SERVICE_FAULT):
            raise Violation(f"structure {head.kind} answers {service.name.lower()}")
        done(head, reader)
        self._asked.pop(request, None)  # not before: who waits must hear of a violation


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


def settle(future: "asyncio.Future[Any]", result: object) -> None:
    """Let who awaits `future` go on with `result`, unless it was given up."""
    if not future.done():
        future.set_result(result)


def fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    """Let who awaits `future` see `error`; nobody need have awaited it."""
    if not future.done():
        future.set_exception(error)
        future.exception()
