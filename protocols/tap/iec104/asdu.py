"""Application data of IEC 60870-5-104: what each type is, how long its objects are, and what a command says.

    type | SQ, number | T, P/N, cause | originator | common address, 2 octets | objects: address, 3 octets, elements |

With SQ one address is followed by the elements of that object and of those after it (IEC 60870-5-101 clause 7.2).
"""

from collections.abc import Callable
from struct import Struct
from typing import Final, NamedTuple

HEADER: Final = 6
ADDRESS: Final = 3
MOST_VALUES: Final = 8
"""Values told of one ASDU; evidence, not a record."""
ALL_STATIONS: Final = 0xFFFF

SEQUENCE, NEGATIVE, TEST, CAUSE = 0x80, 0x40, 0x80, 0x3F
ACTIVATION, CONFIRMED, DEACTIVATION, DEACTIVATED, TERMINATED, REQUEST = 6, 7, 8, 9, 10, 5
UNKNOWN_TYPE, UNKNOWN_OBJECT = 44, 47
"""Causes 44 to 47: unknown type, cause, common address, object."""
ANSWERS: Final = frozenset({CONFIRMED, DEACTIVATED, TERMINATED, 44, 45, 46, 47})


class Kind(NamedTuple):
    """A type: its name in the standard, octets of its elements (-1: they say so themselves), what a request does."""

    name: str
    octets: int
    action: str = ""


def _kinds() -> dict[int, Kind]:
    monitored = {
        1: 1,
        2: 4,
        3: 1,
        4: 4,
        5: 2,
        6: 5,
        7: 5,
        8: 8,
        9: 3,
        10: 6,
        11: 3,
        12: 6,
        13: 5,
        14: 8,
        15: 5,
        16: 8,
        17: 6,
        18: 7,
        19: 7,
        20: 5,
        21: 2,
        30: 8,
        31: 8,
        32: 9,
        33: 12,
        34: 10,
        35: 10,
        36: 12,
        37: 12,
        38: 10,
        39: 11,
        40: 11,
        70: 1,
    }
    return {number: Kind(f"type {number}", octets) for number, octets in monitored.items()}


KINDS: Final[dict[int, Kind]] = {
    **_kinds(),
    41: Kind("S_IT_TC_1", -1),
    45: Kind("C_SC_NA_1", 1, "control"),
    46: Kind("C_DC_NA_1", 1, "control"),
    47: Kind("C_RC_NA_1", 1, "control"),
    48: Kind("C_SE_NA_1", 3, "write"),
    49: Kind("C_SE_NB_1", 3, "write"),
    50: Kind("C_SE_NC_1", 5, "write"),
    51: Kind("C_BO_NA_1", 4, "write"),
    58: Kind("C_SC_TA_1", 8, "control"),
    59: Kind("C_DC_TA_1", 8, "control"),
    60: Kind("C_RC_TA_1", 8, "control"),
    61: Kind("C_SE_TA_1", 10, "write"),
    62: Kind("C_SE_TB_1", 10, "write"),
    63: Kind("C_SE_TC_1", 12, "write"),
    64: Kind("C_BO_TA_1", 11, "write"),
    **{
        number: Kind(f"security {number}", -1, "session")
        for number in (81, 82, 83, 84, 85, 86, 87, 90, 91, 92, 93, 94, 95)
    },
    100: Kind("C_IC_NA_1", 1, "read"),
    101: Kind("C_CI_NA_1", 1, "read"),
    102: Kind("C_RD_NA_1", 0, "read"),
    103: Kind("C_CS_NA_1", 7, "time"),
    104: Kind("C_TS_NA_1", 2, "session"),
    105: Kind("C_RP_NA_1", 1, "critical"),
    106: Kind("C_CD_NA_1", 2, "session"),
    107: Kind("C_TS_TA_1", 9, "session"),
    110: Kind("P_ME_NA_1", 3, "config"),
    111: Kind("P_ME_NB_1", 3, "config"),
    112: Kind("P_ME_NC_1", 5, "config"),
    113: Kind("P_AC_NA_1", 1, "config"),
    120: Kind("F_FR_NA_1", 6, "file"),
    121: Kind("F_SR_NA_1", 7, "file"),
    122: Kind("F_SC_NA_1", 4, "file"),
    123: Kind("F_LS_NA_1", 5, "file"),
    124: Kind("F_AF_NA_1", 4, "file"),
    125: Kind("F_SG_NA_1", -1, "file"),
    126: Kind("F_DR_TA_1", 13, "file"),
    127: Kind("F_SC_NB_1", 16, "file"),
}
"""The types of companion standard 104 and of its security extension 60870-5-7."""

_SELECT: Final = {45: 0, 46: 0, 47: 0, 48: 2, 49: 2, 50: 4, 58: 0, 59: 0, 60: 0, 61: 2, 62: 2, 63: 4}
"""Commands with a select bit, and which octet of the element has it."""
_COUNTERS: Final = 101
_FREEZE: Final = 0xC0
"""Bits of the counter interrogation that freeze or reset (7.2.6.23)."""

_SCALED, _FLOAT, _BITS = Struct("<h"), Struct("<f"), Struct("<I")
_ADDRESS: Final = Struct("<HB")


def wrong(asdu: memoryview) -> str:
    """Return what is wrong with an ASDU, empty for nothing."""
    octets = len(asdu)
    if octets < HEADER:
        return "ASDU cut"
    kind = KINDS.get(asdu[0])
    if kind is None:
        return "unknown type"
    number = asdu[1] & 0x7F
    if not asdu[2] & CAUSE:
        return "cause 0"
    if kind.octets < 0:
        return "" if octets > HEADER + ADDRESS else "ASDU cut"
    if asdu[1] & SEQUENCE:
        expected = HEADER + ADDRESS + number * kind.octets
    else:
        expected = HEADER + number * (ADDRESS + kind.octets)
    if octets == expected and number:
        return ""
    return "length of objects"


class Command(NamedTuple):
    """What a request says: what it does, the first and last address, and the values that it gives."""

    action: str
    items: tuple[int, int]
    values: tuple[float | str, ...]


def command(asdu: memoryview) -> Command:
    """Read a request that is not wrong."""
    number, kind = asdu[0], KINDS[asdu[0]]
    step = kind.octets if asdu[1] & SEQUENCE else ADDRESS + kind.octets
    objects = asdu[1] & 0x7F if kind.octets >= 0 else 1
    first = _address(asdu, HEADER)
    if asdu[1] & SEQUENCE:
        items = first, first + objects - 1
    else:
        addresses = [_address(asdu, HEADER + place * step) for place in range(objects)]
        items = min(addresses), max(addresses)
    elements = [asdu[at : at + kind.octets] for at in (HEADER + ADDRESS + place * step for place in range(objects))]
    read = _VALUES.get(number)
    values = tuple(read(element) for element in elements[:MOST_VALUES]) if read else ()
    return Command(_action(number, kind, elements), items, values)


def _address(asdu: memoryview, at: int) -> int:
    low, high = _ADDRESS.unpack_from(asdu, at)
    return int(low | high << 16)


def _action(number: int, kind: Kind, elements: list[memoryview]) -> str:
    """A counter interrogation that freezes is no read; a command that only selects operates nothing."""
    if number == _COUNTERS and any(element[0] & _FREEZE for element in elements):
        return "freeze"
    place = _SELECT.get(number)
    if place is not None and all(element[place] & 0x80 for element in elements):
        return "select"
    return kind.action


def _single(element: memoryview) -> str:
    return "on" if element[0] & 1 else "off"


def _double(element: memoryview) -> str:
    return ("invalid 0", "off", "on", "invalid 3")[element[0] & 3]


def _step(element: memoryview) -> str:
    return ("invalid 0", "lower", "higher", "invalid 3")[element[0] & 3]


def _normalized(element: memoryview) -> float:
    return float(_SCALED.unpack_from(element)[0]) / 0x8000


def _scaled(element: memoryview) -> float:
    return float(_SCALED.unpack_from(element)[0])


def _float(element: memoryview) -> float:
    return float(_FLOAT.unpack_from(element)[0])


def _bits(element: memoryview) -> float:
    return float(_BITS.unpack_from(element)[0])


def _octet(element: memoryview) -> float:
    return float(element[0])


_VALUES: Final[dict[int, Callable[[memoryview], float | str]]] = {
    **dict.fromkeys((45, 58), _single),
    **dict.fromkeys((46, 59), _double),
    **dict.fromkeys((47, 60), _step),
    **dict.fromkeys((48, 61, 110), _normalized),
    **dict.fromkeys((49, 62, 111), _scaled),
    **dict.fromkeys((50, 63, 112), _float),
    **dict.fromkeys((51, 64), _bits),
    **dict.fromkeys((100, 101, 105, 113), _octet),
}
