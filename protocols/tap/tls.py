"""The opening of TLS on any port (RFC 8446, RFC 5246): which version is agreed, which certificate is shown, what fails.

record:     type:1  03 0x  length:2  ...        handshake, in records of type 22:  type:1  length:3  ...

With TLS 1.3 certificates are encrypted, so only the version is told. After the opening nothing can be read; that it is
TLS at all is seen in each record, so a connection that goes on in clear is malformed.
"""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct
from typing import ClassVar, Final

from protocols.model import EventKind
from protocols.tap.ber import Malformed
from protocols.tap.dissector import Flow
from protocols.tap.messages import Shape
from protocols.tap.talk import Side, Talk

HANDSHAKE_MAX: Final = 16_384
"""Bytes of an opening that are kept of a side: a chain of four certificates has some six thousand."""
VERSIONS: Final = {0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}

_HEADER: Final = 5
_RECORD: Final = Shape(
    re.compile(rb"[\x14-\x18]\x03[\x00-\x04]"),
    size=_HEADER,
    length=Struct(">H"),
    at=3,
    more=_HEADER,
    most=16_384 + 2053,
)
"""RFC 5246 clause 6.2.3: a record has 2^14 + 2048 bytes at most behind its header."""
_CHANGE_CIPHER, _ALERT, _HANDSHAKE, _DATA = 20, 21, 22, 23
_SERVER_HELLO, _CERTIFICATE = 2, 11
_SUPPORTED_VERSIONS: Final = 43
_FATAL: Final = 2


@dataclass(slots=True, eq=False)
class TlsSide(Side):
    """One direction, and what of the opening waits to be whole; `closed` when nothing of it is left to be read."""

    opening: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def gap(self) -> None:
        """Give up the opening: what is left of it cannot be read."""
        Side.gap(self)
        self.opening.clear()
        self.closed = True


class TlsConversation(Talk[TlsSide]):
    """Looks at both directions of a connection."""

    SHAPE: ClassVar[Shape] = _RECORD
    GARBAGE: ClassVar[str] = "no TLS"
    PROTOCOL: ClassVar[str] = "tls"
    NAME: ClassVar[str] = "TLS"

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow, TlsSide)
        self._client.closed = self._server.closed = not flow.sure

    def _take(self, side: TlsSide, message: bytes) -> None:
        kind = message[0]
        if kind in (_CHANGE_CIPHER, _DATA):
            side.closed = True
            side.opening.clear()
        elif kind == _ALERT and not side.closed and len(message) == _HEADER + 2 and message[_HEADER] == _FATAL:
            code = str(message[_HEADER + 1])
            self._note(
                side, EventKind.EXCEPTION, "alert", f"TLS refused, alert {code}", code, message, code=code, what=""
            )
        elif kind == _HANDSHAKE and not side.closed:
            side.opening += message[_HEADER:]
            self._opening(side)
            if len(side.opening) > HANDSHAKE_MAX:
                side.opening.clear()
                side.closed = True
                raise Malformed(f"opening over {HANDSHAKE_MAX} bytes")

    def _opening(self, side: TlsSide) -> None:
        """Take the messages that are whole."""
        held = side.opening
        while len(held) >= 4:
            size = 4 + int.from_bytes(held[1:4], "big")
            if len(held) < size:
                break
            message = bytes(held[:size])
            del held[:size]
            self._trace(str(message[0]), side)
            if message[0] == _SERVER_HELLO:
                version = _version(message)
                self._security(self._client, "version", VERSIONS.get(version, f"{version:#06x}"), message)
            elif message[0] == _CERTIFICATE and size > 10:
                length = int.from_bytes(message[7:10], "big")
                if 10 + length > size:
                    raise Malformed("certificate longer than its message")
                self._security(side, "certificate", sha256(message[10 : 10 + length]).hexdigest(), message)


def _version(hello: bytes) -> int:
    """Return the version that a server chose: of TLS 1.3 it stands in an extension (RFC 8446 clause 4.2.1).

    Raises:
        Malformed: the message is cut off.
    """
    if len(hello) < 39:
        raise Malformed("hello cut off")
    at = 39 + hello[38] + 3 + 2
    while at + 6 <= len(hello):
        kind, size = int.from_bytes(hello[at : at + 2], "big"), int.from_bytes(hello[at + 2 : at + 4], "big")
        if kind == _SUPPORTED_VERSIONS and size == 2:
            return int.from_bytes(hello[at + 4 : at + 6], "big")
        at += 4 + size
    return int.from_bytes(hello[4:6], "big")
