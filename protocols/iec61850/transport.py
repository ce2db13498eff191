"""TPKT and COTP: how MMS messages stand in a TCP stream (RFC 1006; ISO 8073 class 0). Pure: bytes in, messages out.

TPKT:  03 00  length:2 (with these four)
COTP:  length:1  type:1  ...          data: 02 F0 80 (last) or 00 (more follow), then a piece of the message
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final

TPKT: Final = Struct(">BBH")
VERSION: Final = 3
LEAST_FRAME: Final = TPKT.size + 3
"""RFC 1006 clause 6: a packet has a header of COTP at least."""
LARGEST_MESSAGE: Final = 131_072
"""Twice the PDU we propose: some servers do not count the envelope, and none has a reason for more."""
MOST_PIECES: Final = 4096
"""Pieces of one message: 32 bytes each at least for the largest one, where the smallest TPDU has 128."""
TPDU_CODE: Final = 0x0D
"""We propose TPDUs of 8192 bytes, the largest of class 0 (ISO 8073 clause 13.3.4)."""
LEAST_TPDU, LARGEST_TPDU = 128, 8192

_REQUEST, _CONFIRM, _DISCONNECT, _DATA = 0xE0, 0xD0, 0x80, 0xF0
_LAST: Final = 0x80
_TPDU_SIZE: Final = 0xC0


class Violation(Exception):
    """The peer broke the protocol: its conversation must end. Says what was wrong and what is allowed."""


class Disconnected(Exception):
    """The peer ended the connection in order."""


class Stream:
    """Takes bytes as they come. `take` gives the messages that are complete, the connection confirm first, as None."""

    def __init__(self) -> None:
        self.tpdu_size = LEAST_TPDU
        self._confirmed = False
        self._bytes = bytearray()
        self._pieces: list[bytes] = []
        self._length = 0

    @property
    def half(self) -> int:
        """How many bytes of an unfinished message were received."""
        return self._length + len(self._bytes)

    def take(self, data: bytes) -> Iterator[bytes | None]:
        """Add `data`; yield each complete message, and None for the confirm of the connection.

        Raises:
            Violation: this is no message, whatever follows.
            Disconnected: the peer says goodbye.
        """
        self._bytes += data
        start = 0
        try:
            while (end := self._frame_end(start)) is not None:
                tpdu = bytes(self._bytes[start + TPKT.size : end])
                start = end
                if self._confirmed:
                    message = self._piece(tpdu)
                    if message is not None:
                        yield message
                else:
                    self._confirm(tpdu)
                    yield None
        finally:
            del self._bytes[:start]

    def frames(self, message: bytes) -> bytes:
        """Return `message` as it goes on the wire."""
        room = self.tpdu_size - 3
        pieces = (message[at : at + room] for at in range(0, len(message), room))
        out, left = bytearray(), len(message)
        for piece in pieces:
            left -= len(piece)
            out += TPKT.pack(VERSION, 0, TPKT.size + 3 + len(piece)) + bytes((2, _DATA, 0 if left else _LAST)) + piece
        return bytes(out)

    def _frame_end(self, start: int) -> int | None:
        have = len(self._bytes) - start
        if have and self._bytes[start] != VERSION:
            raise Violation(f"TPKT version {self._bytes[start]}, not {VERSION}")
        if have < TPKT.size:
            return None
        length = TPKT.unpack_from(self._bytes, start)[2]
        if length < LEAST_FRAME:
            raise Violation(f"TPKT of {length} bytes; {LEAST_FRAME} at least")
        return start + length if have >= length else None

    def _confirm(self, tpdu: bytes) -> None:
        kind = tpdu[1] & 0xF0
        if kind == _DISCONNECT:
            raise Disconnected("transport connection refused")
        if kind != _CONFIRM:
            raise Violation(f"TPDU {tpdu[1]:#04x} answers a connection request")
        self._confirmed = True
        self.tpdu_size = min(max(_tpdu_size(tpdu), LEAST_TPDU), LARGEST_TPDU)

    def _piece(self, tpdu: bytes) -> bytes | None:
        kind = tpdu[1] & 0xF0
        if kind == _DISCONNECT:
            raise Disconnected("transport connection ended by the device")
        if kind != _DATA or tpdu[0] != 2:
            raise Violation(f"TPDU {tpdu[:2].hex()} is no data of class 0")
        self._length += len(tpdu) - 3
        self._pieces.append(tpdu[3:])
        if self._length > LARGEST_MESSAGE or len(self._pieces) > MOST_PIECES:
            what = f"{self._length} bytes in {len(self._pieces)} pieces"
            raise Violation(f"message of {what} is over {LARGEST_MESSAGE} bytes or {MOST_PIECES} pieces")
        if not tpdu[2] & _LAST:
            return None
        message = b"".join(self._pieces) if len(self._pieces) > 1 else self._pieces[0]
        self._pieces, self._length = [], 0
        return message


def connection_request(called: bytes, calling: bytes) -> bytes:
    """Return the packet that opens a connection, between transport selectors."""
    parameters = b"".join(
        bytes((code, len(value))) + value
        for code, value in ((_TPDU_SIZE, bytes((TPDU_CODE,))), (0xC2, called), (0xC1, calling))
    )
    body = bytes((_REQUEST, 0, 0, 0, 1, 0)) + parameters
    return TPKT.pack(VERSION, 0, TPKT.size + 1 + len(body)) + bytes((len(body),)) + body


def _tpdu_size(confirm: bytes) -> int:
    """Return the size that the peer agrees to; 128 when it does not say (ISO 8073 clause 13.4.4)."""
    at = 7
    while at + 2 < len(confirm):
        code, length = confirm[at], confirm[at + 1]
        if code == _TPDU_SIZE and length == 1:
            return 1 << min(confirm[at + 2], 13)
        at += 2 + length
    return LEAST_TPDU
