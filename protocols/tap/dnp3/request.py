"""What a request of a DNP3 master does, read once for each different one."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from protocols.tap.dnp3.objects import headers
from protocols.tap.dnp3.values import Header

CONFIRM, READ, WRITE, SELECT, OPERATE, DIRECT_OPERATE = 0, 1, 2, 3, 4, 5
ENABLE, DISABLE, AUTHENTICATE = 20, 21, 32
RESPONSE, UNSOLICITED, CHALLENGE = 129, 130, 131

FUNCTIONS: Final = {
    0: ("confirm", ""),
    1: ("read", "read"),
    2: ("write", "write"),
    3: ("select", "select"),
    4: ("operate", "control"),
    5: ("direct operate", "control"),
    6: ("direct operate, no response", "control"),
    7: ("freeze", "freeze"),
    8: ("freeze, no response", "freeze"),
    9: ("freeze and clear", "freeze"),
    10: ("freeze and clear, no response", "freeze"),
    11: ("freeze at time", "freeze"),
    12: ("freeze at time, no response", "freeze"),
    13: ("cold restart", "critical"),
    14: ("warm restart", "critical"),
    15: ("initialize data", "critical"),
    16: ("initialize application", "critical"),
    17: ("start application", "critical"),
    18: ("stop application", "critical"),
    19: ("save configuration", "critical"),
    20: ("enable unsolicited", "config"),
    21: ("disable unsolicited", "critical"),
    22: ("assign class", "config"),
    23: ("delay measurement", "time"),
    24: ("record current time", "time"),
    25: ("open file", "file"),
    26: ("close file", "file"),
    27: ("delete file", "file"),
    28: ("get file information", "file"),
    29: ("authenticate file", "file"),
    30: ("abort file transfer", "file"),
    31: ("activate configuration", "critical"),
    32: ("authentication request", "session"),
    33: ("authentication request, no response", "session"),
}
"""Name and action of each function code of a request (IEEE 1815-2012 table 4-1)."""
SILENT: Final = frozenset({CONFIRM, 6, 8, 10, 12, 33})
"""Functions that nobody answers."""

_WRITTEN: Final = {0: "config", 34: "write", 50: "time", 70: "file", 80: "config", 120: "session"}
"""By group, what a write does; any other is a write of the process."""
_GRAVITY: Final = ("write", "file", "config", "time", "session")
_DISCOVERED: Final = frozenset({0, 90, 91})
"""Groups that tell what a device is: attributes, applications, configurations."""
_AUTHENTICATION: Final = 120
_CLASSES: Final = 60
MOST_KINDS_TOLD: Final = 8
"""Kinds of objects told of one request."""


class Part(NamedTuple):
    """What is noted of a request, of a read for each of its headers: what it is about, the text, the facts."""

    about: tuple[Any, ...]
    text: str
    facts: dict[str, Any]


class Request(NamedTuple):
    """A request that was read. `action` is empty for a function that does not exist; `wrong` for what is malformed.

    `classes` are the event classes that it enables or disables, a bit each.
    """

    function: int
    action: str
    wrong: str
    classes: int
    parts: Sequence[Part]


def read(fragment: bytes) -> Request:
    """Return what the request in `fragment` does."""
    function = fragment[1]
    if function not in FUNCTIONS:
        return Request(function, "", "unknown function", 0, ())
    found, wrong = headers(fragment, 2, function)
    name, action = FUNCTIONS[function]
    if function == WRITE:
        action = _written(found)
    if function == READ:
        parts = [_query(header) for header in found] or [Part(("",), "reads nothing", {"action": "read", "what": ""})]
    else:
        parts = [_command(name, action, found)]
    return Request(function, action, wrong, _classes(found), parts)


def _written(found: Sequence[Header]) -> str:
    actions = {_WRITTEN.get(header.group, "write") for header in found if header.group != _AUTHENTICATION}
    if not actions:
        return "session" if found else "write"
    return min(actions, key=_GRAVITY.index)


def _query(header: Header) -> Part:
    action = "discover" if header.group in _DISCOVERED else "read"
    facts: dict[str, Any] = {"action": action, "what": header.name}
    if header.items is not None:
        facts["items"] = header.items
    return Part((header.group, header.variation, header.items), f"reads {header.name}{_place(header.items)}", facts)


def _command(name: str, action: str, found: Sequence[Header]) -> Part:
    what = " ".join(list(dict.fromkeys(header.name for header in found))[:MOST_KINDS_TOLD])
    bounds = [header.items for header in found if header.items is not None]
    items = (min(first for first, _ in bounds), max(last for _, last in bounds)) if bounds else None
    values = tuple(value for header in found for value in header.values)[:MOST_KINDS_TOLD]
    facts: dict[str, Any] = {"action": action, "what": what}
    if items is not None:
        facts["items"] = items
    if values:
        facts["values"] = values
    if any(header.group == _AUTHENTICATION for header in found):
        facts["auth"] = True
    text = f"{name} {what}".rstrip() + _place(items)
    if values:
        text += ": " + ", ".join(map(str, values))
    return Part((action, what, items), text, facts)


def _place(items: tuple[int, int] | None) -> str:
    if items is None:
        return ""
    return f" {items[0]}" if items[0] == items[1] else f" {items[0]} to {items[1]}"


def _classes(found: Sequence[Header]) -> int:
    """Variations 2 to 4 of group 60 are the event classes 1 to 3."""
    return sum(
        {1 << header.variation - 2 for header in found if header.group == _CLASSES and header.variation in (2, 3, 4)}
    )
