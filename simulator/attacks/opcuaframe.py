"""OPC UA messages as clients and servers send them in a channel without security (OPC 10000-6 clause 7.1)."""

from struct import pack
from typing import Final

NONE: Final = "http://opcfoundation.org/UA/SecurityPolicy#None"
HEADER: Final = b"\x00\x00" + bytes(8) + pack("<II", 1, 0) + pack("<i", -1) + pack("<I", 1000) + bytes(3)
"""Of a request: no token, no time, handle 1, no diagnostics, no audit, a second to answer."""


def text(data: str | bytes) -> bytes:
    """Return a string, or bytes, with its length."""
    raw = data.encode() if isinstance(data, str) else data
    return pack("<i", len(raw)) + raw


def chunk(kind: bytes, body: bytes, last: bytes = b"F") -> bytes:
    """Return a chunk: HEL, ACK, OPN, MSG or CLO."""
    return kind + last + pack("<I", len(body) + 8) + body


def opens(policy: str = NONE, mode: int = 1, certificate: bytes = b"") -> bytes:
    """Return what opens a secure channel; what is secured is not readable anyway."""
    body = pack("<I", 0) + text(policy) + text(certificate) + text(b"") + pack("<II", 1, 1)
    clear = b"\x01\x00" + pack("<H", 446) + HEADER + pack("<III", 0, 0, mode) + text(b"") + pack("<I", 3600)
    return chunk(b"OPN", body + (clear if policy == NONE else bytes(range(64))))


def message(number: int, body: bytes = b"", request: int = 2, *, kind: bytes = b"MSG", last: bytes = b"F") -> bytes:
    """Return a message whose type has this number."""
    return chunk(kind, pack("<IIII", 1, 1, request, request) + b"\x01\x00" + pack("<H", number) + body, last)


def asks(number: int, body: bytes = b"", request: int = 2) -> bytes:
    """Return a request."""
    return message(number, HEADER + body, request)


def answers(number: int, code: int = 0, body: bytes = b"", request: int = 2) -> bytes:
    """Return a response with a status."""
    return message(number, bytes(8) + pack("<II", 1, code) + b"\x00" + pack("<I", 0) + bytes(3) + body, request)


def token(kind: int, body: bytes) -> bytes:
    """Return what says who logs on: no signature, no certificates, no locale, then the token."""
    nothing = text(b"") + text(b"") + pack("<II", 0, 0)
    return nothing + b"\x01\x00" + pack("<H", kind) + b"\x01" + text(body)
