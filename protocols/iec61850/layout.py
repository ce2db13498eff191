"""Where the points stand in a data set or a variable: learned once from its types, then applied to each message. Pure.

A member of a data set is a tree of values; a message has its leaves in the order of the type. So a member is a list of
slots, one a leaf: None for what nobody wants, or whose value, quality or time it is.

    MMXU1$MX$A$phsA  =  { cVal { mag { f } }, q, t }    slots: [value of 7, quality of 7, time of 7]
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from open61850.mms.types import ArrayType, MmsType, PrimitiveType, StructureType

from protocols.iec61850.codec import ACCESS_ERROR, MOST_VALUES, PASSING, Span, access_error, error_code
from protocols.iec61850.shape import Shape, learned
from protocols.iec61850.transport import Violation
from protocols.iec61850.values import BITS, FLOAT, QUALITY, UTC, flags, moment, number, time
from protocols.model import Qualities, Quality, Times, Values

MOST_DEPTH: Final = 16
"""Levels of a type: WYE in a data object has six, and the standard has no deeper ones."""
NUMERIC: Final = frozenset({"boolean", "integer", "unsigned", "float", "bit-string"})
LESSONS: Final = 3
"""Messages from which the form of a member is learned; some have the same one seldom or never."""
VALUE, ON_OFF, QUALITY_OF, TIME = range(4)
"""What a leaf is to a point; ON_OFF is a value for some points that want a Dbpos as on or off."""

Path: TypeAlias = tuple[str, ...]
Slot: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""What it is; of which points; which of them have no quality anywhere; which want a Dbpos as on or off."""

_STRUCTURES: Final = frozenset({0xA1, 0xA2})
_NOTHING: Final = int(Quality.INVALID)


class Wanted(NamedTuple):
    """A point in a tree: `path` to its value; `place` in the image; whether a Dbpos is read as on or off."""

    path: Path
    place: int
    on_off: bool = False


class Tree(NamedTuple):
    """A member of a data set: the path to it, and its leaves with the path from there."""

    root: Path
    leaves: Sequence[tuple[Path, PrimitiveType]]


class Image:
    """The last reading of each point of a device; what a message does not bring stays as it was."""

    def __init__(self, size: int) -> None:
        self.values = [np.nan] * size
        self.quality = [_NOTHING] * size
        self.time_ns = [0] * size
        self.untrusted = [0] * size
        self.refused: dict[int, str] = {}

    def refuse(self, places: Iterable[int], why: str, flag: Quality = Quality.BAD_REFERENCE) -> None:
        """Note that there is no reading of `places`; `refused` keeps why, until it is taken from there."""
        for place in places:
            self.values[place], self.quality[place] = np.nan, int(Quality.INVALID | flag)
            self.time_ns[place] = self.untrusted[place] = 0
            if flag is Quality.BAD_REFERENCE:
                self.refused[place] = why

    def taken(self, places: Sequence[int]) -> tuple[Values, Qualities, Times]:
        """Return the readings of `places`: float64[n], uint16[n], int64[n]."""
        count = len(places)
        quality = (self.quality[place] | self.untrusted[place] for place in places)
        return (
            np.fromiter(map(self.values.__getitem__, places), np.float64, count),
            np.fromiter(quality, np.uint16, count),
            np.fromiter(map(self.time_ns.__getitem__, places), np.int64, count),
        )


class Member:
    """One member of a data set, or one variable: where it stands, its leaves, and which of them are whose.

    `places` are the points it tells something of, `valued` those whose value it has, `untimed` those of them which have
    no time anywhere.
    """

    loose = False
    """Whether its type is not known, so that it may have other parts."""

    def __init__(self, root: Path, slots: Sequence[Slot | None], untimed: Iterable[int] = ()) -> None:
        self.root, self.slots = root, tuple(slots)
        found = [slot for slot in slots if slot is not None]
        self.places = tuple(sorted({place for slot in found for place in slot[1]}))
        self.valued = tuple(sorted({place for slot in found if slot[0] in (VALUE, ON_OFF) for place in slot[1]}))
        self.untimed = tuple(set(untimed).intersection(self.valued))
        self._shape: Shape | None = None
        kinds = [None if slot is None else _TAGS[slot[0]] for slot in slots]
        self._tags = kinds if all(slot[1] == self.places and not slot[2] for slot in found) else []
        self._lessons = LESSONS if len(self.places) == 1 and self._tags else 0

    def take(self, data: bytes, span: Span, image: Image) -> None:
        """Put what `span` of `data` says into `image`.

        Raises:
            Violation: it is not of the type that the device told.
        """
        if self._shape is not None and self._shape.fits(data, span.start, span.end):
            [place] = self.places
            image.values[place], quality, stamp = self._shape.fields.unpack_from(data, span.start)
            image.quality[place] = QUALITY[quality >> 3]
            image.time_ns[place], image.untrusted[place] = moment(stamp)
        elif span.tag == ACCESS_ERROR:
            code = error_code(data, span)
            image.refuse(self.valued, access_error(code), Quality.FAILURE if code in PASSING else Quality.BAD_REFERENCE)
        else:
            self._take_parts(data, span, image)

    def _take_parts(self, data: bytes, span: Span, image: Image) -> None:
        at, end = span.start, span.end
        try:
            for slot in self.slots:
                tag = data[at]
                while tag in _STRUCTURES:
                    length = data[at + 1]
                    at += 2 + (length & 0x7F if length & 0x80 else 0)
                    tag = data[at]
                length, body = data[at + 1], at + 2
                if length & 0x80:
                    body += length & 0x7F
                    length = int.from_bytes(data[at + 2 : body], "big")
                at = body + length
                if at > end:
                    break
                if slot is not None:
                    _put(slot, data, tag, body, at, image)
        except IndexError:
            at = -1
        if at != end and self.loose:
            image.refuse(self.places, "the attribute is no number")
        elif at != end:
            raise Violation(f"a value at byte {span.start} has not the {len(self.slots)} parts of its type")
        elif self._lessons:
            self._lessons -= 1
            self._shape = learned(data, span, self._tags)


def _put(slot: Slot, data: bytes, tag: int, body: int, end: int, image: Image) -> None:
    what, places, plain, on_off = slot
    if what == QUALITY_OF:
        quality = flags(data, tag, body, end)
        for place in places:
            image.quality[place] = quality
    elif what == TIME:
        time_ns, untrusted = time(data, tag, body, end)
        for place in places:
            image.time_ns[place], image.untrusted[place] = time_ns, untrusted
    else:
        value = number(data, tag, body, end)
        for place in places:
            image.values[place] = value
        if what == ON_OFF and tag == BITS:
            for place in on_off:
                image.values[place] = _ON_OFF.get(value, np.nan)
        for place in plain:
            image.quality[place] = 0


_TAGS: Final = {VALUE: FLOAT, ON_OFF: BITS, QUALITY_OF: BITS, TIME: UTC}
_ON_OFF: Final[Mapping[float, float]] = {1.0: 0.0, 2.0: 1.0}
"""Dbpos off and on; neither the intermediate nor the bad state is one of them."""


def leaves(kind: MmsType) -> list[tuple[Path, PrimitiveType]]:
    """Return the leaves of a type in the order of its messages, with the path to each.

    Raises:
        Violation: it is endless, or has a part without a type.
    """
    found: list[tuple[Path, PrimitiveType]] = []
    for path, primitive in _leaves(kind, ()):
        found.append((path, primitive))
        if len(found) > MOST_VALUES:
            raise Violation(f"a type of more than {MOST_VALUES} values")
    return found


def _leaves(kind: MmsType, path: Path) -> Iterator[tuple[Path, PrimitiveType]]:
    if len(path) > MOST_DEPTH:
        raise Violation(f"a type of more than {MOST_DEPTH} levels")
    if isinstance(kind, StructureType):
        for name, part in kind.components:
            yield from _leaves(part, (*path, name))
    elif isinstance(kind, ArrayType):
        for index in range(min(kind.count, MOST_VALUES + 1)):
            yield from _leaves(kind.element, (*path, f"({index})"))
    elif isinstance(kind, PrimitiveType):
        yield path, kind
    else:
        raise Violation("a type that is only named")


def members(trees: Sequence[Tree], wanted: Sequence[Wanted]) -> list[Member]:
    """Return where the `wanted` points stand in the members of a data set.

    A point whose value is in none of them is in no `places`. Quality and time are the nearest there are: beside the
    value, or beside what it is part of, in whichever member.
    """
    kinds = {(*tree.root, *path): primitive.kind for tree in trees for path, primitive in tree.leaves}
    owners: dict[tuple[str, Path], list[int]] = {}
    plain: set[int] = set()
    untimed: set[int] = set()
    for point in wanted:
        if kinds.get(point.path) not in NUMERIC:
            continue
        owners.setdefault(("bool" if point.on_off else "value", point.path), []).append(point.place)
        time_path = _nearest(point.path, "t", "utc-time", kinds)
        owners.setdefault(("t", time_path), []).append(point.place)
        quality_path = _nearest(point.path, "q", "bit-string", kinds)
        owners.setdefault(("q", quality_path), []).append(point.place)
        if not quality_path:
            plain.add(point.place)
        if not time_path:
            untimed.add(point.place)
    return [
        Member(tree.root, [_slot((*tree.root, *path), owners, plain) for path, _ in tree.leaves], untimed)
        for tree in trees
    ]


def _slot(path: Path, owners: Mapping[tuple[str, Path], list[int]], plain: AbstractSet[int]) -> Slot | None:
    for what, name in ((QUALITY_OF, "q"), (TIME, "t")):
        if places := owners.get((name, path)):
            return what, tuple(places), (), ()
    straight, on_off = owners.get(("value", path), []), owners.get(("bool", path), [])
    if not straight and not on_off:
        return None
    places = [*straight, *on_off]
    unqualified = tuple(place for place in places if place in plain)
    return ON_OFF if on_off else VALUE, tuple(places), unqualified, tuple(on_off)


def _nearest(path: Path, name: str, kind: str, kinds: Mapping[Path, str]) -> Path:
    """Return where quality or time of the value at `path` stands; () where there is none.

    A path begins with logical device, logical node, functional constraint and data object.
    """
    candidates = ((*path[:depth], name) for depth in range(len(path) - 1, 3, -1))
    return next((each for each in candidates if kinds.get(each) == kind), ())
