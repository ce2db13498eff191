"""One end of a connection: what is sent goes out at once or not at all, and it is over once, for one reason."""

import asyncio
from hashlib import sha256
from typing import ClassVar, cast

from protocols.driver import LinkLost
from protocols.tcp import prepare


class Wire(asyncio.BaseProtocol):
    """What every end does alike; a protocol says what is in the making (`_half`), and tells who waits (`_tell`).

    `over` is why it has ended, None while it is alive; `violation` what the peer did that is illegal, if that was why.
    """

    unsent_bytes: ClassVar[int]
    """Requests the peer has not even taken in: beyond it reads nothing and the link is lost."""

    def __init__(self) -> None:
        self.over: str | None = "not connected"
        self.violation: str | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    @property
    def certificate(self) -> str:
        """The SHA-256 of the certificate that the peer has shown, in hex; empty without TLS."""
        tls = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        shown = None if tls is None else tls.getpeercert(binary_form=True)
        return sha256(shown).hexdigest() if shown else ""

    async def close(self) -> None:
        """End the conversation now; the peer is not waited for."""
        self._end("closed")
        await asyncio.sleep(0)  # lets the transport close its socket

    def _live(self) -> asyncio.Transport:
        """Return where to write.

        Raises:
            LinkLost: it is over, or has not begun.
        """
        if self._transport is None or self.over is not None:
            raise LinkLost(self.over or "not connected")
        return self._transport

    def _violated(self, what: str) -> None:
        self.violation = self.violation or what
        self._end(f"violation: {what}")

    def _end(self, reason: str, *, abort: bool = True) -> None:
        """Be over, for `reason`: at once for who waits, and for every later request."""
        if self.over is None:
            self.over = reason
        self._tell(self.over)
        if abort and self._transport is not None:
            self._transport.abort()

    def _tell(self, reason: str) -> None:
        """Fail who waits, for `reason`."""
        raise NotImplementedError

    def _half(self) -> int:
        """Return how many bytes there are of a frame that has begun."""
        raise NotImplementedError

    # asyncio.BaseProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready for requests."""
        self._transport, self.over = cast("asyncio.Transport", transport), None
        prepare(self._transport, self.unsent_bytes)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail who waits at once, whatever its time-out."""
        half = f" in mid-frame, after {self._half()} bytes" if self._half() else ""
        self._end(f"connection lost{half}: {exc}" if exc else f"closed by the device{half}")

    def pause_writing(self) -> None:
        """Give up a peer that reads nothing."""
        self._end(f"the device reads nothing: over {self.unsent_bytes} bytes unsent")
