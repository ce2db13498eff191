"""What an IED shows of its model: for commissioning, never at work (ISO 9506-2 clause 10.5; IEC 61850-8-1 clause 13).

GetNameList:  the logical devices; in each its variables, LN$FC$DATA..., and its data sets, LN$NAME
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from open61850.mms import pdu
from open61850.mms.types import PrimitiveType

from protocols.iec61850.codec import WRONG, Answer
from protocols.iec61850.config import OBJECT, Address
from protocols.iec61850.layout import NUMERIC, Path
from protocols.iec61850.questions import Questions
from protocols.iec61850.transport import Violation

LOGICAL_DEVICES, VARIABLES, DATA_SETS = 9, 0, 2
"""Object classes: domain, named variable, named variable list."""
MOST_PAGES: Final = 2_000
"""Answers to one question for names: a large IED has 50,000 names, a hundred in each; one without end stops here."""
MOST_KEPT: Final = 20_000
"""Names of one kind that are kept."""
CONSTRAINTS: Final = ("ST", "MX")
"""Functional constraints of what the process does (IEC 61850-7-2 table 20)."""
BESIDE: Final = frozenset({"q", "t", "origin", "ctlNum", "range", "rangeAng", "stSeld", "opRcvd", "opOk", "subQ"})
"""Attributes that go with a value, or with a control of somebody else (IEC 61850-7-3 clause 7)."""
INSTANTANEOUS: Final = {"instMag": "mag", "instCVal": "cVal"}
"""The same measurand before its dead-band."""
DBPOS_BITS: Final = 2
_NODE: Final = re.compile(r"([A-Za-z0-9_]+)\$(" + "|".join(CONSTRAINTS) + ")")
_BLOCK: Final = re.compile(r"([A-Za-z0-9_]+)\$(BR|RP)\$([A-Za-z0-9_]+)")


class Block(NamedTuple):
    """A report control block: logical device, logical node, BR or RP, name."""

    device: str
    node: str
    constraint: str
    name: str

    @property
    def reference(self) -> str:
        """As the configuration names it."""
        return f"{self.device}/{self.node}.{self.name}"


class Model(NamedTuple):
    """A logical device: what of its nodes can be read, its data sets and its blocks; `whole` if that is all."""

    device: str
    nodes: list[Path]
    data_sets: list[str]
    blocks: list[Block]
    whole: bool


async def logical_devices(questions: Questions) -> list[str]:
    """Return the names of the logical devices.

    Raises:
        TimeoutError, LinkLost, Violation: as the session and its answers do.
    """
    return (await _names(questions, LOGICAL_DEVICES, None, lambda _: True))[0]


async def model(questions: Questions, device: str) -> Model:
    """Return what a logical device shows.

    Raises:
        TimeoutError, LinkLost, Violation: as the session and its answers do.
    """
    names, all_names = await _names(questions, VARIABLES, device, _is_wanted)
    sets, all_sets = await _names(questions, DATA_SETS, device, lambda name: name.count("$") == 1)
    nodes = [(device, *match.groups()) for name in names if (match := _NODE.fullmatch(name))]
    blocks = [Block(device, *match.groups()) for name in names if (match := _BLOCK.fullmatch(name))]
    return Model(device, nodes, [name for name in sets if _can_be_named(device, name)], blocks, all_names and all_sets)


def values(root: Path, leaves: "list[tuple[Path, PrimitiveType]]") -> list[tuple[Path, str | None]]:
    """Return the paths of what is worth a point below the node `root`, each with its type, None for the usual one."""
    below = {path for path, _ in leaves}
    found = []
    for path, kind in leaves:
        if kind.kind not in NUMERIC or BESIDE.intersection(path) or _is_twice(path, below):
            continue
        if kind.kind == "bit-string" and abs(kind.size or 0) != DBPOS_BITS:
            continue
        found.append(((*root, *path), _type(root[2], path, kind)))
    return found


def address(path: Path) -> str:
    """Return where `path` stands, as the configuration writes it.

    Raises:
        ValueError: it cannot be written there, as part of an array.
    """
    device, node, constraint, *names = path
    text = f"{device}/{'.'.join((node, *names))}[{constraint}]"
    Address.parse(text)
    return text


def _type(constraint: str, path: Path, kind: PrimitiveType) -> str | None:
    match kind.kind:
        case "boolean":
            return "bool"
        case "bit-string":
            return "dbpos"
        case "float":
            return "float64" if constraint == "ST" else None
        case _:
            return None if path[-1] == "stVal" else "int64"


def _is_twice(path: Path, below: set[Path]) -> bool:
    return any(
        part in INSTANTANEOUS and (*path[:at], INSTANTANEOUS[part], *path[at + 1 :]) in below
        for at, part in enumerate(path)
    )


def _is_wanted(name: str) -> bool:
    return bool(_NODE.fullmatch(name) or _BLOCK.fullmatch(name))


def _can_be_named(device: str, item: str) -> bool:
    return OBJECT.fullmatch(f"{device}/{item.replace('$', '.')}") is not None


async def _names(
    questions: Questions, kind: int, device: str | None, wanted: Callable[[str], bool]
) -> tuple[list[str], bool]:
    """Return the names that are `wanted`, and whether those are all."""
    found: list[str] = []
    after: str | None = None
    for _ in range(MOST_PAGES):
        answer = await questions.ask(pdu.get_name_list_request(kind, device, after))
        if not isinstance(answer, Answer):
            return found, False
        page, more = _page(answer)
        found += filter(wanted, page)
        if not more:
            return found, len(found) <= MOST_KEPT
        if not page or page[-1] == after or len(found) > MOST_KEPT:
            break
        after = page[-1]
    return found[:MOST_KEPT], False


def _page(answer: Answer) -> tuple[list[str], bool]:
    try:
        return pdu.get_name_list_response(answer.content)
    except WRONG as error:
        raise Violation(f"no list of names: {error}"[:200]) from None
