"""Object headers of DNP3 fragments: which objects a request touches, and what it gives them.

    group | variation | qualifier: prefix code, range code | range | objects, each with its prefix | ...

What one object means is read only where it commands something: control relay output blocks, set points, times, names of
files. The rest is measured and passed over (IEEE 1815-2012 clause 4.2.2.7 and annex A).
"""

from struct import Struct
from typing import Final, TypeAlias

from protocols.tap.dnp3.values import MOST_VALUES, READERS, Header, file

HEADER: Final = 3
MOST_HEADERS: Final = 256
"""Headers read of one fragment; real masters send a dozen. A fragment with more is malformed."""

NO_DATA: Final = frozenset({0, 1, 7, 8, 9, 10, 13, 14, 20, 21, 22, 23, 24})
"""Functions whose headers name objects and bring none; only what tells its own size follows them."""

Range: TypeAlias = tuple[Struct, bool]

_RANGES: Final[dict[int, Range]] = {
    0: (Struct("<BB"), True),
    1: (Struct("<HH"), True),
    2: (Struct("<II"), True),
    3: (Struct("<BB"), True),
    4: (Struct("<HH"), True),
    5: (Struct("<II"), True),
    7: (Struct("<B"), False),
    8: (Struct("<H"), False),
    9: (Struct("<I"), False),
    11: (Struct("<B"), False),
}
"""By range code: how it lies in memory, whether first and last or a number of objects."""
_ALL: Final = 6
_PREFIXES: Final = {0: 0, 1: 1, 2: 2, 3: 4, 4: 1, 5: 2, 6: 4}
_SIZED: Final = frozenset({4, 5, 6})
"""Prefix codes that tell the size of the object instead of its index."""

_BITS: Final = {(1, 1): 1, (3, 1): 2, (10, 1): 1, (12, 3): 1, (80, 1): 1}
_OCTETS: Final = {
    **{(group, 2): 1 for group in (1, 3, 10)},
    (2, 1): 1,
    (2, 2): 7,
    (2, 3): 3,
    (4, 1): 1,
    (4, 2): 7,
    (4, 3): 3,
    (11, 1): 1,
    (11, 2): 7,
    (13, 1): 1,
    (13, 2): 7,
    (12, 1): 11,
    (12, 2): 11,
    (20, 1): 5,
    (20, 2): 3,
    (20, 5): 4,
    (20, 6): 2,
    (21, 1): 5,
    (21, 2): 3,
    (21, 5): 11,
    (21, 6): 9,
    (21, 9): 4,
    (21, 10): 2,
    (22, 1): 5,
    (22, 2): 3,
    (22, 5): 11,
    (22, 6): 9,
    (30, 1): 5,
    (30, 2): 3,
    (30, 3): 4,
    (30, 4): 2,
    (30, 5): 5,
    (30, 6): 9,
    (32, 1): 5,
    (32, 2): 3,
    (32, 3): 11,
    (32, 4): 9,
    (32, 5): 5,
    (32, 6): 9,
    (32, 7): 11,
    (32, 8): 15,
    (34, 1): 2,
    (34, 2): 4,
    (34, 3): 4,
    (40, 1): 5,
    (40, 2): 3,
    (40, 3): 5,
    (40, 4): 9,
    (41, 1): 5,
    (41, 2): 3,
    (41, 3): 5,
    (41, 4): 9,
    (50, 1): 6,
    (50, 2): 10,
    (50, 3): 6,
    (50, 4): 11,
    (51, 1): 6,
    (51, 2): 6,
    (52, 1): 2,
    (52, 2): 2,
    (101, 1): 2,
    (101, 2): 4,
    (101, 3): 8,
    (102, 1): 1,
    (120, 3): 6,
    (120, 4): 2,
}
_BY_VARIATION: Final = frozenset({110, 112})
"""Groups whose variation is the number of octets of an object."""
_TIMES: Final = frozenset({50, 51})


class Wrong(Exception):
    """Octets that are no object header."""


def headers(fragment: bytes, at: int, function: int) -> tuple[list[Header], str]:
    """Return the headers from `at`, and what is wrong with them, empty for nothing.

    An object whose size nobody here knows ends the list; that is not wrong.
    """
    found: list[Header] = []
    try:
        while at < len(fragment):
            at = _next(found, fragment, at, function)
    except Wrong as wrong:
        return found, str(wrong)
    return found, ""


def _next(found: list[Header], fragment: bytes, at: int, function: int) -> int:
    """Add the header at `at`, and return where its objects end."""
    if len(found) >= MOST_HEADERS:
        raise Wrong(f"over {MOST_HEADERS} object headers")
    if len(fragment) - at < HEADER:
        raise Wrong("object header cut")
    header = Header(fragment[at], fragment[at + 1])
    prefix, code = fragment[at + 2] >> 4, fragment[at + 2] & 0x0F
    if prefix not in _PREFIXES or (code != _ALL and code not in _RANGES):
        raise Wrong("qualifier")
    found.append(header)
    at += HEADER
    if code == _ALL:
        return at
    at = _range(header, fragment, at, code)
    at = _objects(header, fragment, at, prefix, bare=function in NO_DATA and header.group not in _TIMES)
    if at > len(fragment):
        raise Wrong("objects cut")
    return at if at >= 0 else len(fragment)


def _range(header: Header, fragment: bytes, at: int, code: int) -> int:
    layout, span = _RANGES[code]
    if len(fragment) - at < layout.size:
        raise Wrong("range cut")
    told = layout.unpack_from(fragment, at)
    if not span:
        header.count = told[0]
    elif told[0] > told[1]:
        raise Wrong("range backwards")
    else:
        header.items, header.count = told, told[1] - told[0] + 1
    return at + layout.size


def _objects(header: Header, fragment: bytes, at: int, prefix: int, *, bare: bool) -> int:
    """Read the objects of a header; return where they end, beyond the fragment if they are cut, -1 for unknown."""
    width = _PREFIXES[prefix]
    if prefix in _SIZED:
        return _sized(header, fragment, at, width)
    kind = header.group, header.variation
    if bare:
        return _indexed(header, fragment, at, width, 0)
    if kind in _BITS and not width:
        return _packed(header, fragment, at, _BITS[kind])
    if header.group == 0:
        return _attributes(header, fragment, at)
    octets = header.variation if header.group in _BY_VARIATION else _OCTETS.get(kind, -1)
    return octets if octets < 0 else _indexed(header, fragment, at, width, octets)


def _indexed(header: Header, fragment: bytes, at: int, width: int, octets: int) -> int:
    step = width + octets
    if not step:
        return at
    there = min(header.count, (len(fragment) - at) // step)
    read = READERS.get(header.group)
    lowest, highest = 1 << 32, -1
    for place in range(at, at + there * step, step):
        if width:
            index = int.from_bytes(fragment[place : place + width], "little")
            lowest, highest = min(lowest, index), max(highest, index)
        if octets and read is not None:
            read(header, fragment[place + width : place + step])
    if highest >= 0:
        header.items = lowest, highest
    return at + header.count * step


def _packed(header: Header, fragment: bytes, at: int, bits: int) -> int:
    """Bits, the lowest first."""
    after = at + (header.count * bits + 7) // 8
    if bits == 1:
        for bit in range(min(header.count, MOST_VALUES, (len(fragment) - at) * 8)):
            header.values.append(fragment[at + bit // 8] >> bit % 8 & 1)
    return after


def _sized(header: Header, fragment: bytes, at: int, width: int) -> int:
    for _ in range(header.count):
        if at + width > len(fragment):
            return len(fragment) + 1
        octets = int.from_bytes(fragment[at : at + width], "little")
        at += width
        if header.group == 70:
            file(header, fragment[at : at + octets])
        at += octets
    return at


def _attributes(header: Header, fragment: bytes, at: int) -> int:
    """Device attributes: type, number of octets, the value (A.1)."""
    for _ in range(header.count):
        if at + 2 > len(fragment):
            return len(fragment) + 1
        at += 2 + fragment[at + 1]
    return at
