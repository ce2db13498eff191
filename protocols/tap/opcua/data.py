"""The binary encoding of OPC UA (OPC 10000-6 clause 5.2), as much as the tap reads: pure, guarded before every read.

Every function takes the bytes and where to begin, and returns a value and where it ends.
"""

from hashlib import sha1
from math import isfinite
from struct import Struct
from typing import Final

from protocols.tap.ber import Malformed

TEXT_MAX: Final = 64
"""Characters of a text that are shown."""
BAD: Final = 0x8000_0000
"""A status code with this bit is an error (OPC 10000-4 clause 7.39)."""

Value = bool | int | float | str

_U32: Final = Struct("<I")
_I32: Final = Struct("<i")
_U16: Final = Struct("<H")
_SCALARS: Final = {
    1: Struct("<?"),
    2: Struct("<b"),
    3: Struct("<B"),
    4: Struct("<h"),
    5: Struct("<H"),
    6: Struct("<i"),
    7: Struct("<I"),
    8: Struct("<q"),
    9: Struct("<Q"),
    10: Struct("<f"),
    11: Struct("<d"),
}
_STRING: Final = 12
_PRINTABLE: Final = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))


def u32(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number of 32 bits."""
    if at + 4 > len(data):
        raise Malformed("number cut off")
    return _U32.unpack_from(data, at)[0], at + 4


def blob(data: bytes, at: int) -> tuple[bytes, int]:
    """Read a string or a byte string; one that is null is empty."""
    if at + 4 > len(data):
        raise Malformed("length cut off")
    length = max(_I32.unpack_from(data, at)[0], 0)
    if at + 4 + length > len(data):
        raise Malformed("string longer than its message")
    return data[at + 4 : at + 4 + length], at + 4 + length


def text(data: bytes) -> str:
    """Return what can be shown of a text of the peer: ASCII, with ? for all else."""
    return data[:TEXT_MAX].translate(_PRINTABLE).decode("ascii")


def past_node(data: bytes, at: int) -> int:
    """Return where a node id ends."""
    kind = data[at] & 0x3F if at < len(data) else 0xFF
    if kind in (3, 5):
        return blob(data, at + 3)[1]
    size = (2, 4, 7, 0, 19)[kind] if kind < 5 else 0
    if not size or at + size > len(data):
        raise Malformed("node id")
    return at + size


def node(data: bytes, at: int) -> tuple[str, int]:
    """Read a node id as people write it: `ns=2;i=7`, without `ns=0;`."""
    end = past_node(data, at)
    kind = data[at] & 0x3F
    if kind == 0:
        return f"i={data[at + 1]}", end
    space = data[at + 1] if kind == 1 else _U16.unpack_from(data, at + 1)[0]
    prefix = f"ns={space};" if space else ""
    if kind == 1:
        return f"{prefix}i={_U16.unpack_from(data, at + 2)[0]}", end
    if kind == 2:
        return f"{prefix}i={_U32.unpack_from(data, at + 3)[0]}", end
    if kind == 3:
        return f"{prefix}s={text(data[at + 7 : end])}", end
    return f"{prefix}{'g' if kind == 4 else 'b'}={data[at + 3 : end].hex()[:TEXT_MAX]}", end


def extension(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Read an extension object: number of its type when that is of the standard, else 0; and its body."""
    end = past_node(data, at)
    kind = _U16.unpack_from(data, at + 2)[0] if data[at] == 1 and not data[at + 1] else 0
    if end >= len(data):
        raise Malformed("extension object cut off")
    if data[end] == 0:
        return kind, b"", end + 1
    body, stop = blob(data, end + 1)
    return kind, body, stop


def past_header(data: bytes, at: int) -> int:
    """Return where the header of a request ends: token, time, handle, diagnostics, audit entry, timeout, more."""
    at = past_node(data, at) + 16
    _, at = blob(data, at)
    return extension(data, at + 4)[2]


def variant(data: bytes, at: int) -> Value | None:
    """Return a value when it is a simple one."""
    if at >= len(data):
        return None
    kind = data[at]
    if kind == _STRING:
        return text(blob(data, at + 1)[0])
    scalar = _SCALARS.get(kind)
    if scalar is None or at + 1 + scalar.size > len(data):
        return None
    value: bool | int | float = scalar.unpack_from(data, at + 1)[0]
    return value if not isinstance(value, float) or isfinite(value) else str(value)


def thumbprint(certificate: bytes) -> str:
    """Return the SHA-1 of a certificate, the first of a chain, as the standard names one (OPC 10000-4 clause 7.36)."""
    if certificate[:2] == b"\x30\x82":
        certificate = certificate[: 4 + int.from_bytes(certificate[2:4], "big")]
    return sha1(certificate, usedforsecurity=False).hexdigest()
