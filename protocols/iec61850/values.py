"""What one value in a message means: a number, a quality, a time (IEC 61850-8-1 clauses 8.1.3 and 8.2). Pure.

| MMS | number |
|---|---|
| boolean | 0 or 1 |
| integer, unsigned | as it is: counters, enumerations, tap positions |
| floating point | as it is, 32 or 64 bits |
| bit string up to 32 bits | first bit highest: Dbpos 0 intermediate, 1 off, 2 on, 3 bad |

| quality, IEC 61850-7-3 clause 6.2 | flag |
|---|---|
| validity invalid, or the reserved 10 | INVALID |
| validity questionable | QUESTIONABLE |
| overflow, outOfRange, badReference, oscillatory, failure, oldData, inconsistent, inaccurate | of the same name |
| source substituted · test · operatorBlocked | SUBSTITUTED · TEST · BLOCKED |
| time quality: ClockFailure or ClockNotSynchronized | TIME_UNTRUSTED |
"""

import math
from struct import Struct
from typing import Final

import numpy as np

from protocols.iec61850.transport import Violation
from protocols.model import Quality

BOOLEAN, BITS, INTEGER, UNSIGNED, FLOAT, UTC, BINARY_TIME = 0x83, 0x84, 0x85, 0x86, 0x87, 0x91, 0x8C
NUMBERS: Final = frozenset({BOOLEAN, BITS, INTEGER, UNSIGNED, FLOAT})

_FLOAT32, _FLOAT64 = Struct(">f"), Struct(">d")
_NS: Final = 1_000_000_000
_DAYS_TO_1984: Final = 5113
"""From 1970 on; binary time counts from 1984 (IEC 61850-8-1 clause 8.1.3.7)."""
_CLOCK_BAD: Final = 0x60
"""ClockFailure and ClockNotSynchronized: IEC 61850-8-1 clause 8.1.3.7, table 9."""
_MOST_BITS: Final = 32
_LONGEST_INTEGER: Final = 17
"""INT128 and a leading zero."""

_DETAIL: Final = (
    Quality.OVERFLOW, Quality.OUT_OF_RANGE, Quality.BAD_REFERENCE, Quality.OSCILLATORY, Quality.FAILURE,
    Quality.OLD, Quality.INCONSISTENT, Quality.INACCURATE, Quality.SUBSTITUTED, Quality.TEST, Quality.BLOCKED,
)  # fmt: skip
"""Bits 2 to 12."""
_VALIDITY: Final = (Quality.GOOD, Quality.INVALID, Quality.INVALID, Quality.QUESTIONABLE)


def _table() -> list[int]:
    """Return the flags for each of the 8192 bit strings of 13 bits."""
    strings = np.arange(1 << 13)
    flags = np.array([int(each) for each in _VALIDITY])[strings >> 11]
    for bit, flag in enumerate(_DETAIL, start=2):
        flags |= (strings >> (12 - bit) & 1) * int(flag)
    found: list[int] = flags.tolist()
    return found


QUALITY: Final = _table()
"""Flags of each bit string of 13 bits, as a number."""


def number(data: bytes, tag: int, body: int, end: int) -> float:
    """Return the number at data[body:end], NaN where it is none.

    Raises:
        Violation: its size is wrong.
    """
    size = end - body
    if tag == FLOAT:
        if size == 5:
            return float(_FLOAT32.unpack_from(data, body + 1)[0])
        if size == 9:
            return float(_FLOAT64.unpack_from(data, body + 1)[0])
        raise Violation(f"floating point of {size} bytes; 5 and 9 are allowed")
    if tag == BOOLEAN and size:
        return 1.0 if data[end - 1] else 0.0
    if tag in (INTEGER, UNSIGNED) and 1 <= size <= _LONGEST_INTEGER:
        return float(int.from_bytes(data[body:end], "big", signed=tag == INTEGER))
    if tag == BITS and size:
        length = (size - 1) * 8 - data[body]
        return float(bits(data, body, end)) if 0 <= length <= _MOST_BITS else math.nan
    if tag in NUMBERS:
        raise Violation(f"value {tag:#04x} of {size} bytes")
    return math.nan


def bits(data: bytes, body: int, end: int) -> int:
    """Return the bit string at data[body:end] as a number, its first bit the highest.

    Raises:
        Violation: it says that it has more unused bits than a byte, or than it has at all.
    """
    unused = data[body] if end > body else 8
    if unused > 7 or (unused and end - body < 2):
        raise Violation(f"bit string of {end - body} bytes with {unused} unused bits")
    return int.from_bytes(data[body + 1 : end], "big") >> unused


def flags(data: bytes, tag: int, body: int, end: int) -> int:
    """Return the `Quality` at data[body:end].

    Raises:
        Violation: it is no bit string of 13 bits.
    """
    if tag != BITS or end - body != 3 or data[body] != 3:
        raise Violation(f"quality in a value {tag:#04x} of {end - body} bytes, not in a bit string of 13 bits")
    return QUALITY[data[body + 1] << 5 | data[body + 2] >> 3]


def time(data: bytes, tag: int, body: int, end: int) -> tuple[int, int]:
    """Return the UTC time at data[body:end] in ns since 1970, 0 for none, and what its quality says against it.

    Raises:
        Violation: it is no UTC time of 8 bytes.
    """
    if tag != UTC or end - body != 8:
        raise Violation(f"time in a value {tag:#04x} of {end - body} bytes, not in a UTC time of 8")
    return moment(int.from_bytes(data[body:end], "big"))


def moment(whole: int) -> tuple[int, int]:
    """Return what `time` does, of the 8 bytes as a number."""
    seconds, fraction = whole >> 32, whole >> 8 & 0xFFFFFF
    if not seconds:
        return 0, 0
    ns = seconds * _NS + (fraction * _NS + (1 << 23) >> 24)
    return ns, int(Quality.TIME_UNTRUSTED) if whole & _CLOCK_BAD else 0


def entry_time(data: bytes, body: int, end: int) -> int:
    """Return the binary time at data[body:end] (TimeOfEntry) in ns since 1970, 0 for none.

    Raises:
        Violation: it has no date.
    """
    if end - body != 6:
        raise Violation(f"time of entry of {end - body} bytes, not 6")
    milliseconds, days = int.from_bytes(data[body : body + 4], "big"), int.from_bytes(data[body + 4 : end], "big")
    return ((days + _DAYS_TO_1984) * 86_400_000 + milliseconds) * 1_000_000 if days else 0
