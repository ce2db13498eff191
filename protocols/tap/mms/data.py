"""Values as MMS and GOOSE carry them (ISO 9506-2 clause 14; IEC 61850-8-1 annex A): made readable, nothing more.

tag   83 boolean   84 bit string   85 integer   86 unsigned   87 floating point   89 octets   8A visible string
      8C binary time   91 UTC time   A1 array   A2 structure
"""

from contextlib import suppress
from struct import Struct
from typing import Final

from protocols.tap.ber import Malformed, tlv

DEEPEST: Final = 8
"""Structures in one another; a double point with quality and time in a control has three."""
LONGEST_TEXT: Final = 64
"""Characters of a text that are shown."""

Value = bool | int | float | str

_FLOAT: Final = Struct(">f")
_DOUBLE: Final = Struct(">d")
_PRINTABLE: Final = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))
_BOOLEAN, _BITS, _INTEGER, _UNSIGNED, _FLOATING, _TEXT = 0x83, 0x84, 0x85, 0x86, 0x87, 0x8A
_ARRAY, _STRUCTURE = 0xA1, 0xA2


def values(data: bytes, at: int, end: int, most: int) -> list[Value]:
    """Return the first `most` simple values between `at` and `end`, those in structures too; broken bytes end it."""
    found: list[Value] = []
    with suppress(Malformed):
        _collect(data, at, end, most, found, 0)
    return found


def _collect(data: bytes, at: int, end: int, most: int, found: list[Value], depth: int) -> None:
    while at < end and len(found) < most:
        tag, start, at = tlv(data, at, end)
        if tag in (_ARRAY, _STRUCTURE):
            if depth < DEEPEST:
                _collect(data, start, at, most, found, depth + 1)
        else:
            found.append(_simple(tag, data[start:at]))


def _simple(tag: int, content: bytes) -> Value:
    size = len(content)
    if tag == _BOOLEAN and size == 1:
        return content[0] != 0
    if tag in (_INTEGER, _UNSIGNED) and 0 < size <= 9:
        return int.from_bytes(content, "big", signed=tag == _INTEGER)
    if tag == _BITS and size:
        return _bits(content)
    if tag == _FLOATING and size in (5, 9):
        return float((_FLOAT if size == 5 else _DOUBLE).unpack_from(content, 1)[0])
    return text(content) if tag == _TEXT else content[: LONGEST_TEXT // 2].hex()


def _bits(content: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in content[1 : 1 + LONGEST_TEXT // 8])
    return bits[: max(len(bits) - (content[0] & 7), 0)]


def text(content: bytes) -> str:
    """Return what can be shown of a text of the peer: ASCII, with ? for all else."""
    return content[:LONGEST_TEXT].translate(_PRINTABLE).decode("ascii")
