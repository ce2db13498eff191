"""OPC UA binary, the small things: numbers, strings, node ids, variants and data values (OPC 10000-6 clause 5.2).

Counts that a peer names are never trusted: what is counted must be there. What is no number is left out, not decoded.
"""

from math import isfinite, nan
from struct import Struct, error
from typing import Final, NamedTuple

DEEPEST: Final = 16
"""Structures within structures; a number stands in none."""

TYPES: Final = (
    "Null", "Boolean", "SByte", "Byte", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Float", "Double",
    "String", "DateTime", "Guid", "ByteString", "XmlElement", "NodeId", "ExpandedNodeId", "StatusCode", "QualifiedName",
    "LocalizedText", "ExtensionObject", "DataValue", "Variant", "DiagnosticInfo",
)  # fmt: skip
"""Built-in types by their number, OPC 10000-6 table 1."""
NUMBERS: Final = {
    kind: Struct("<" + letter) for kind, letter in enumerate("?bBhHiIqQfd", start=1)
}  # fmt: skip
ARRAY: Final = 0x80
DIMENSIONS: Final = 0x40
NO_NUMBER: Final = 0x100
"""Beside the type of a value: it is there, and it is no number."""

SIZES: Final = {**{kind: form.size for kind, form in NUMBERS.items()}, 13: 8, 14: 16, 19: 4}
"""Bytes of the types that always take as many."""
DOUBLE: Final = NUMBERS[11]
_U16, _U32, _I32, _I64 = Struct("<H"), Struct("<I"), Struct("<i"), Struct("<q")


class Violation(Exception):
    """The peer broke the protocol: its conversation must end. Says what was wrong and what is allowed."""


class Found(NamedTuple):
    """A value as it came: `value` is NaN where there is no number, and then `kind` says what there is."""

    value: float
    kind: int
    status: int
    filetime: int


class Reader:
    """Takes one thing after the other from `data`.

    Raises:
        Violation: it ends too early, or holds more than is allowed.
    """

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: Struct) -> int:
        """Return one number of `form`."""
        try:
            (number,) = form.unpack_from(self.data, self.at)
        except error:
            raise Violation(f"message of {len(self.data)} bytes ends within a value") from None
        self.at += form.size
        return number  # type: ignore[no-any-return]

    def u8(self) -> int:
        """Return a byte."""
        self.at += 1
        if self.at > len(self.data):
            raise Violation(f"message of {len(self.data)} bytes ends within a value")
        return self.data[self.at - 1]

    def u16(self) -> int:
        """Return an unsigned 16 bit integer."""
        return self.take(_U16)

    def u32(self) -> int:
        """Return an unsigned 32 bit integer."""
        return self.take(_U32)

    def i64(self) -> int:
        """Return a signed 64 bit integer: also a time."""
        return self.take(_I64)

    def skip(self, count: int) -> None:
        """Leave out `count` bytes."""
        if count < 0 or self.at + count > len(self.data):
            raise Violation(f"{count} bytes announced, {len(self.data) - self.at} are there")
        self.at += count

    def count(self) -> int:
        """Return how many items an array has, each of at least one byte; 0 for none."""
        count = self.take(_I32)
        if count > len(self.data) - self.at:
            raise Violation(f"array of {count} in {len(self.data) - self.at} bytes")
        return max(count, 0)

    def octets(self) -> bytes:
        """Return a byte string; empty for none."""
        size = max(self.take(_I32), 0)
        self.skip(size)
        return self.data[self.at - size : self.at]

    def text(self) -> str:
        """Return a string; empty for none."""
        return self.octets().decode("utf-8", "replace")

    def localized(self) -> None:
        """Leave out a localized text."""
        for _ in range((self.u8() & 0x03).bit_count()):
            self.octets()

    def node(self) -> int:
        """Return the number of a node id of namespace 0, or -1 for any other; leave it behind."""
        encoding = self.u8()
        match encoding & 0x3F:
            case 0:
                found = self.u8()
            case 1:
                namespace, number = self.u8(), self.u16()
                found = -1 if namespace else number
            case 2:
                namespace, number = self.take(_U16), self.u32()
                found = -1 if namespace else number
            case 3 | 5:
                self.skip(2)
                self.octets()
                found = -1
            case 4:
                self.skip(18)
                found = -1
            case other:
                raise Violation(f"node id of encoding {other}; 0 to 5 are allowed")
        if encoding & 0x80:
            self.octets()
        if encoding & 0x40:
            self.skip(4)
        return found

    def object(self) -> tuple[int, int]:
        """Return the type of an extension object and where it ends; the reader stands at its body."""
        kind, encoding = self.node(), self.u8()
        if encoding > 2:
            raise Violation(f"extension object of encoding {encoding}; 0 to 2 are allowed")
        size = max(self.take(_I32), 0) if encoding else 0
        if size > len(self.data) - self.at:
            raise Violation(f"extension object of {size} bytes, {len(self.data) - self.at} are there")
        return kind, self.at + size

    def diagnostics(self, depth: int = 0) -> None:
        """Leave out diagnostic information, which nobody asked for."""
        if depth > DEEPEST:
            raise Violation(f"diagnostics nested deeper than {DEEPEST}")
        mask = self.u8()
        self.skip(4 * (mask & 0x0F).bit_count())
        if mask & 0x10:
            self.octets()
        if mask & 0x20:
            self.skip(4)
        if mask & 0x40:
            self.diagnostics(depth + 1)

    def variant(self, depth: int = 0) -> tuple[float, int]:
        """Return the number in a variant and its type; NaN and the type with NO_NUMBER where it is another thing."""
        encoding = self.u8()
        kind = encoding & 0x3F
        if encoding < ARRAY and (form := NUMBERS.get(kind)):
            return float(self.take(form)), kind
        if not encoding:
            return nan, 0
        if encoding & ARRAY:
            for _ in range(self.count() if kind else self._nothings()):
                self._skip(kind, depth + 1)
            if encoding & DIMENSIONS:
                self.skip(4 * self.count())
        else:
            self._skip(kind, depth + 1)
        return nan, encoding | NO_NUMBER

    def value(self, depth: int = 0) -> Found:
        """Return a data value (OPC 10000-6 clause 5.2.2.17)."""
        mask = self.u8()
        value, kind = self.variant(depth) if mask & 0x01 else (nan, 0)
        status = self.take(_U32) if mask & 0x02 else 0
        filetime = self.take(_I64) if mask & 0x04 else 0
        self._skip_server_time(mask)
        return Found(value, kind, status, filetime)

    def fact(self) -> tuple[str, ...] | int | None:
        """Return a data value that is no reading: its texts, its time or number as an integer, None for any other."""
        mask, found = self.u8(), None
        if mask & 0x01:
            found = self._fact()
        self.skip((4 if mask & 0x02 else 0) + (8 if mask & 0x04 else 0))
        self._skip_server_time(mask)
        return found

    def _fact(self) -> tuple[str, ...] | int | None:
        match self.data[self.at : self.at + 1]:
            case b"\x0c" | b"\x8c" as encoding:
                self.skip(1)
                return tuple(self.text() for _ in range(self.count() if encoding == b"\x8c" else 1))
            case b"\x0d":
                self.skip(1)
                return self.i64()
        value, kind = self.variant()
        return None if kind & NO_NUMBER or not isfinite(value) else int(value)

    def _skip_server_time(self, mask: int) -> None:
        """Leave out picoseconds and when the server looked: only the source's own time is the time of a value."""
        self.skip((2 if mask & 0x10 else 0) + (8 if mask & 0x08 else 0) + (2 if mask & 0x20 else 0))

    def _nothings(self) -> int:
        """Leave the length of an array of nulls, which take no bytes: any number of them is none."""
        self.take(_I32)
        return 0

    def _skip(self, kind: int, depth: int) -> None:
        """Leave out a value of a built-in type; types of the future are byte strings (OPC 10000-6 clause 5.1.2)."""
        if depth > DEEPEST:
            raise Violation(f"values nested deeper than {DEEPEST}")
        if size := SIZES.get(kind):
            self.skip(size)
            return
        match TYPES[kind] if kind < len(TYPES) else "":
            case "Null":
                pass
            case "NodeId" | "ExpandedNodeId":
                self.node()
            case "DataValue":
                self.value(depth)
            case "Variant":
                self.variant(depth)
            case _:
                self._skip_text(kind, depth)

    def _skip_text(self, kind: int, depth: int) -> None:
        match TYPES[kind] if kind < len(TYPES) else "":
            case "QualifiedName":
                self.skip(2)
                self.octets()
            case "LocalizedText":
                self.localized()
            case "ExtensionObject":
                _, self.at = self.object()
            case "DiagnosticInfo":
                self.diagnostics(depth)
            case _:
                self.octets()


def told(kind: int) -> str:
    """Return what a value is that is no number, for people."""
    name = TYPES[kind & 0x3F] if kind & 0x3F < len(TYPES) else "unknown type"
    return f"an array of {name}" if kind & ARRAY else f"a {name}"
