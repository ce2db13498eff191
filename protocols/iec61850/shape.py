"""The usual form of a measurand: a 32-bit float, its quality and its time, read in one step. Pure.

A member has the same tags and lengths in nearly every message. They are learned from one that was read part by part;
a message that has them, whatever its contents, means the same. Half of the time of a reading goes here otherwise.

    a2 16  a2 07 87 05 08 ........  84 03 03 ....  91 08 ................        what is shown must be the same
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from protocols.iec61850.codec import Span, header
from protocols.iec61850.transport import Violation
from protocols.iec61850.values import BITS, FLOAT, UTC

STRUCTURES: Final = frozenset({0xA1, 0xA2})
LONGEST: Final = 256
"""Bytes of a member that has a shape; a measurand with all that the standard foresees has 120."""
_FIELDS: Final = {FLOAT: ("f", 5, 1), BITS: ("H", 3, 1), UTC: ("Q", 8, 0)}
"""How a leaf is read: its format, its length, and how many of its first bytes are always the same."""


class Shape(NamedTuple):
    """A form: `size` bytes, of which those in `mask` are `constant`; `fields` reads value, quality and time."""

    size: int
    mask: int
    constant: int
    fields: Struct

    def fits(self, data: bytes, start: int, end: int) -> bool:
        """Return whether the value at data[start:end] has this form."""
        return end - start == self.size and int.from_bytes(data[start:end], "big") & self.mask == self.constant


def learned(data: bytes, span: Span, wanted: Sequence[int | None]) -> Shape | None:
    """Return the form of the value at `span`, which is well; `wanted` are the tags of the leaves that are read.

    None where it is not the usual one: value, quality and time in this order.
    """
    if span.end - span.start > LONGEST or [tag for tag in wanted if tag is not None] != [FLOAT, BITS, UTC]:
        return None
    try:
        leaves = list(_leaves(data, span))
    except Violation:
        leaves = []
    if len(leaves) != len(wanted):
        return None  # a structure whose length is not that of its parts
    mask, form, at = bytearray(b"\xff" * (span.end - span.start)), ">", 0
    for leaf, tag in zip(leaves, wanted, strict=True):
        body, end = leaf.body - span.start, leaf.end - span.start
        fixed = 0
        if tag is not None:
            letter, length, fixed = _FIELDS[tag]
            if leaf.tag != tag or end - body != length:
                return None
            form += f"{body + fixed - at}x{letter}"
            at = end
        mask[body + fixed : end] = bytes(end - body - fixed)
    pattern = int.from_bytes(mask, "big")
    constant = int.from_bytes(data[span.start : span.end], "big") & pattern
    return Shape(len(mask), pattern, constant, _fields(form))


@lru_cache(maxsize=64)
def _fields(form: str) -> Struct:
    """Return what reads `form`; the members of a data set have few different ones."""
    return Struct(form)


def _leaves(data: bytes, span: Span) -> Iterator[Span]:
    if span.tag not in STRUCTURES:
        yield span
        return
    at = span.body
    while at < span.end:
        part = header(data, at, span.end)
        yield from _leaves(data, part)
        at = part.end
