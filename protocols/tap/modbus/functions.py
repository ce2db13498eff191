"""What Modbus functions do: MODBUS Application Protocol V1.1b3, clause 6, and what the tap has to know of each.

Pure: a message (PDU, function first) in, words and numbers out. `data` may be cut or false everywhere; a message whose
fields do not fit together is told by `fault`.
"""

from struct import Struct, unpack_from
from typing import Final, NamedTuple

EXCEPTION: Final = 0x80
ADDRESSES: Final = 65_536
PROGRAM: Final = 90
"""UMAS of Schneider: not of the standard, and its messages are larger."""
MOST_VALUES: Final = 32
"""Values of a command that are told: more is a download, and the first ones say of what."""

NAMES: Final = {
    1: "read coils",
    2: "read discrete inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write single coil",
    6: "write single register",
    7: "read exception status",
    8: "diagnostics",
    11: "get communication event counter",
    12: "get communication event log",
    15: "write multiple coils",
    16: "write multiple registers",
    17: "report server id",
    20: "read file record",
    21: "write file record",
    22: "mask write register",
    23: "read and write multiple registers",
    24: "read FIFO queue",
    43: "encapsulated interface",
    90: "UMAS programming",
}
EXCEPTIONS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}
_ACTIONS: Final = {
    5: "control", 6: "write", 9: "program", 13: "program", 15: "control", 16: "write", 17: "discover", 18: "program",
    20: "file", 21: "file", 22: "write", 23: "write", 90: "program",
}  # fmt: skip
"""What is neither here nor in `NAMES` is of one vendor alone: it may write, so it counts as that."""
_CRITICAL: Final = {1: "restart communications", 4: "force listen only mode", 10: "clear counters and log"}
_DIAGNOSTICS: Final = 8
_ENCAPSULATED: Final = 43
_IDENTIFY: Final = 14
_ITEMS: Final = {1: 2000, 2: 2000, 3: 125, 4: 125, 15: 1968, 16: 123, 23: 125}
"""The most items of a request, from clauses 6.1 to 6.17."""
_MOST_WRITTEN: Final = 121
"""Registers that function 23 writes at most: clause 6.17."""
_WRITES: Final = {5: 1, 6: 1, 15: 1, 16: 1, 22: 1, 23: 5}
"""Where the address stands in what writes."""
_SINGLE: Final = frozenset({5, 6, 22})
_FIXED_REQUESTS: Final = {1: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 7: 1, 11: 1, 12: 1, 17: 1, 22: 7, 24: 3}
_FIXED_RESPONSES: Final = {5: 5, 6: 5, 7: 2, 11: 5, 15: 5, 16: 5, 22: 7}
_COUNTED_REQUESTS: Final = {15: 5, 16: 5, 20: 1, 21: 1, 23: 9}
_COUNTED_RESPONSES: Final = {1: 1, 2: 1, 3: 1, 4: 1, 12: 1, 17: 1, 20: 1, 21: 1, 23: 1}
_PAIR: Final = Struct(">HH")


class Command(NamedTuple):
    """What a request does: `items` are first and last that it touches, `values` what it writes, `sub` of 8, 43, 90."""

    action: str
    what: str
    items: tuple[int, int] | None = None
    values: tuple[int, ...] = ()
    sub: int | None = None


def length(function: int, data: memoryview, at: int, *, request: bool) -> int:
    """Return how long the message at `at` is by its own fields; 0 where they do not say, or are not there yet."""
    if function >= EXCEPTION and not request:
        return 2
    fixed = (_FIXED_REQUESTS if request else _FIXED_RESPONSES).get(function)
    if fixed is not None:
        return fixed
    counted = (_COUNTED_REQUESTS if request else _COUNTED_RESPONSES).get(function)
    if counted is None or at + counted >= len(data):
        return 0
    return counted + 1 + data[at + counted]


def span(function: int, data: memoryview) -> tuple[int, int]:
    """Return first item and how many: of what is read where a request reads and writes. (0, 0) for none."""
    if function in _SINGLE and len(data) >= 3:
        return int(unpack_from(">H", data, 1)[0]), 1
    if function in _ITEMS and len(data) >= 5:
        first, count = _PAIR.unpack_from(data, 1)
        return first, count
    return 0, 0


def fault(function: int, data: memoryview) -> str:
    """Return what is wrong in a request, or nothing."""
    if not 0 < function < EXCEPTION:
        return "function"
    if function not in _ITEMS or len(data) < 5:
        return ""
    first, count = span(function, data)
    if not 0 < count <= _ITEMS[function] or first + count > ADDRESSES:
        return "quantity"
    return _fault_written(function, data)


def _fault_written(function: int, data: memoryview) -> str:
    at = _WRITES.get(function, 0)
    if not at or len(data) < at + 5:
        return ""
    first, count = _PAIR.unpack_from(data, at)
    if first + count > ADDRESSES or (function == 23 and not 0 < count <= _MOST_WRITTEN):
        return "quantity"
    return "" if data[at + 4] == ((count + 7) // 8 if function == 15 else 2 * count) else "byte count"


def command(function: int, data: memoryview) -> Command:
    """Say what a request does; `data` is its message."""
    name = NAMES.get(function, f"function {function}")
    if function == _DIAGNOSTICS:
        sub = int.from_bytes(data[1:3], "big") if len(data) >= 3 else -1
        critical = _CRITICAL.get(sub)
        return Command("critical" if critical else "read", critical or f"diagnostics {sub}", sub=sub)
    if function == _ENCAPSULATED:
        sub = data[1] if len(data) > 1 else -1
        identify = sub == _IDENTIFY
        return Command("discover" if identify else "write", "read device identification" if identify else name, sub=sub)
    action = _ACTIONS.get(function, "read" if function in NAMES else "write")
    if function == PROGRAM:
        return Command(action, name, sub=data[2] if len(data) > 2 else -1)
    items, values = _written(function, data) if function in _WRITES else (span(function, data), ())
    first, count = items
    return Command(action, name, (first, first + count - 1) if count else None, values)


def _written(function: int, data: memoryview) -> tuple[tuple[int, int], tuple[int, ...]]:
    """Return the first item that is written and how many, and the values."""
    at = _WRITES[function]
    if len(data) < at + 4:
        return (0, 0), ()
    first, value = _PAIR.unpack_from(data, at)
    if function == 5:
        return (first, 1), (int(value == 0xFF00),)
    if function == 6:
        return (first, 1), (value,)
    if function == 22:
        return (first, 1), tuple(unpack_from(">HH", data, at + 2)) if len(data) >= at + 6 else ()
    there = data[at + 5 :]
    if function == 15:
        bits = min(value, 8 * len(there), MOST_VALUES)
        return (first, value), tuple(there[bit // 8] >> bit % 8 & 1 for bit in range(bits))
    words = min(value, len(there) // 2, MOST_VALUES)
    return (first, value), tuple(unpack_from(f">{words}H", there))
