"""What is read in turns: data sets, and the variables that neither a report nor a data set brings, many at once."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from open61850.mms.pdu import ObjectName
from open61850.mms.types import PrimitiveType

from protocols.iec61850 import requests
from protocols.iec61850.codec import Answer, Refusal, results
from protocols.iec61850.layout import NUMERIC, Image, Member, Path, Tree, Wanted, members
from protocols.iec61850.questions import Questions
from protocols.iec61850.transport import Violation

ENVELOPE: Final = 64
"""Bytes of a message beside its names or values, rounded up."""
UNKNOWN: Final[list[tuple[Path, PrimitiveType]]] = [((), PrimitiveType("integer"))]
"""The leaves of an attribute whose type the device does not tell: read to find out."""
BYTES_A_LEAF: Final = 10
"""Room for a value of a usual answer: a time takes 10, a float 7, a quality 5."""


class Variable(NamedTuple):
    """One variable to read: its name, and whose values it has."""

    name: ObjectName
    member: Member

    @property
    def question(self) -> int:
        """Bytes that its name takes in a request."""
        return len(self.name.domain or "") + len(self.name.item) + 14

    @property
    def answer(self) -> int:
        """Bytes that its value takes in an answer, about."""
        return 4 + BYTES_A_LEAF * len(self.member.slots)


class Asked(NamedTuple):
    """What one request reads: variables; or a whole data set, of which `variables` are those that somebody wants."""

    data_set: ObjectName | None
    variables: tuple[Variable, ...]
    members: tuple[Member, ...]
    request: bytes

    @classmethod
    def of_variables(cls, variables: Sequence[Variable]) -> "Asked":
        """Read these at once."""
        request = requests.read([each.name for each in variables])
        return cls(None, tuple(variables), tuple(each.member for each in variables), request)

    @classmethod
    def of_data_set(cls, name: ObjectName, found: Sequence[Member]) -> "Asked":
        """Read a data set."""
        wanted = tuple(Variable(requests.variable(each.root), each) for each in found if each.places)
        return cls(name, wanted, tuple(found), requests.read_data_set(name))

    @property
    def places(self) -> set[int]:
        """The points it reads."""
        return {place for member in self.members for place in member.valued}


def variables(questions: Questions, wanted: Iterable[Wanted], image: Image) -> list[Variable]:
    """Return what to read for the `wanted` points, whose types were learned; what does not exist is refused.

    Value, quality and time are read together, as the data object they are in; a value without quality is read alone.
    """
    by_root: dict[Path, list[Wanted]] = {}
    trees: dict[Path, Tree] = {}
    for point in wanted:
        tree = _tree(questions, point, trees)
        if tree is None:
            image.refuse([point.place], "the device has no such attribute")
        elif not any((*tree.root, *path) == point.path and kind.kind in NUMERIC for path, kind in tree.leaves):
            image.refuse([point.place], "the attribute is no number")
        else:
            by_root.setdefault(tree.root, []).append(point)
    found: list[Variable] = []
    for root, points in by_root.items():
        [member] = members([trees[root]], points)
        member.loose = trees[root].leaves == UNKNOWN
        found.append(Variable(requests.variable(root), member))
    return found


def _tree(questions: Questions, point: Wanted, trees: dict[Path, Tree]) -> Tree | None:
    """Return the smallest part of the data object that has the value and its quality, or the value alone."""
    whole = questions.tree(point.path[:4])
    if whole is None:
        known = questions.tree(point.path[:3]) is not None
        return None if known else trees.setdefault(point.path, Tree(point.path, UNKNOWN))
    paths = {(*whole.root, *path) for path, _ in whole.leaves}
    if point.path not in paths:
        exists = any(path[: len(point.path)] == point.path for path in paths)
        return trees.setdefault(point.path, whole) if exists else None
    for depth in range(len(point.path) - 1, 3, -1):
        root = point.path[:depth]
        if (*root, "q") in paths:
            break
    else:
        root = point.path
    if root not in trees:
        parts = [((*whole.root, *path)[len(root) :], kind) for path, kind in whole.leaves]
        inside = [(*whole.root, *path)[: len(root)] == root for path, _ in whole.leaves]
        trees[root] = Tree(root, [part for part, is_inside in zip(parts, inside, strict=True) if is_inside])
    return trees[root]


def in_messages(found: Sequence[Variable], max_pdu: int) -> list[Asked]:
    """Return the fewest requests for `found`, in this order, whose names and values fit into messages of `max_pdu`."""
    room = max_pdu - ENVELOPE
    made: list[Asked] = []
    run: list[Variable] = []
    question = answer = 0
    for each in found:
        if run and (question + each.question > room or answer + each.answer > room):
            made.append(Asked.of_variables(run))
            run, question, answer = [], 0, 0
        run.append(each)
        question, answer = question + each.question, answer + each.answer
    return [*made, Asked.of_variables(run)] if run else made


async def fetch(questions: Questions, asked: Asked, image: Image) -> list[Asked]:
    """Read `asked` into `image`; return what reads it next time: itself, or halves where it was too much.

    Raises:
        TimeoutError, LinkLost: as the session does.
        Violation: the answer does not fit.
    """
    answer = await questions.ask(asked.request)
    if isinstance(answer, Answer):
        found = results(answer.content)
        if len(found) != len(asked.members):
            raise Violation(f"{len(found)} values where {len(asked.members)} were asked")
        for span, member in zip(found, asked.members, strict=True):
            if member.places:
                member.take(answer.content, span, image)
        return [asked]
    return await _smaller(questions, asked, answer, image)


async def _smaller(questions: Questions, asked: Asked, refusal: Refusal, image: Image) -> list[Asked]:
    """Read `asked` in parts: a data set that is too much for a message by its variables, variables by halves."""
    if asked.data_set is not None and refusal.too_much:
        parts = in_messages(asked.variables, questions.max_pdu)
    elif asked.data_set is None and len(asked.variables) > 1:
        middle = len(asked.variables) // 2
        parts = [Asked.of_variables(part) for part in (asked.variables[:middle], asked.variables[middle:])]
    else:
        image.refuse(asked.places, str(refusal))
        return [asked]
    return [smaller for part in parts for smaller in await fetch(questions, part, image)]
