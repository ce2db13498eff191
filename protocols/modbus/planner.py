"""Which requests to send: the fewest that cover every value, never splitting one.

A value is never split, so one request can cover neighbouring values only while the span from the first register
of the first to the last of the last holds the limits. Then greedy is optimal: the first request must start at the first
value, and whatever another plan covers with it, greedy covers too. tests/protocols compare with brute force.
"""

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby

BIT_TABLES = frozenset({"coil", "discrete"})
BITS_PER_REGISTER = 16


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring registers (or bits) of one table; what a value takes, and what a request asks."""

    table: str
    start: int
    count: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.start + self.count

    @property
    def bits(self) -> bool:
        """Whether it counts bits, not registers."""
        return self.table in BIT_TABLES


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may span: `max_gap` is in registers nobody asked for, 16 times as many bits."""

    max_registers: int = 125
    max_bits: int = 2000
    max_gap: int = 16

    def holds(self, block: Block, gap: int) -> bool:
        """Return whether a request may ask `block` after reading across `gap` addresses nobody asked for."""
        if block.bits:
            return block.count <= self.max_bits and gap <= self.max_gap * BITS_PER_REGISTER
        return block.count <= self.max_registers and gap <= self.max_gap


def plan(
    values: Collection[Block],
    limits: Limits,
    *,
    refused: Collection[Block] = (),
    cuts: AbstractSet[Block] = frozenset(),
) -> list[tuple[Block, ...]]:
    """Return the values of each request, in the order of their addresses; `cover` gives the block to ask.

    No request reads across a gap over the limit or across a `refused` block, and each value in `cuts` begins a request.
    """
    ordered = sorted(set(values), key=lambda value: (value.table, value.start, -value.count))
    holes = {(block.table, address) for block in refused for address in range(block.start, block.end)}
    return [
        members
        for _, table in groupby(ordered, key=lambda value: value.table)
        for members in _runs(list(table), limits, holes, cuts)
    ]


def cover(members: Sequence[Block]) -> Block:
    """Return the smallest block that covers `members`, which are in the order of their addresses."""
    first = members[0]
    return Block(first.table, first.start, max(member.end for member in members) - first.start)


def _runs(
    ordered: list[Block], limits: Limits, holes: AbstractSet[tuple[str, int]], cuts: AbstractSet[Block]
) -> Iterator[tuple[Block, ...]]:
    run, end = [ordered[0]], ordered[0].end
    for value in ordered[1:]:
        gap = range(end, value.start)
        joined = Block(value.table, run[0].start, max(end, value.end) - run[0].start)
        apart = value in cuts or not limits.holds(joined, len(gap))
        if apart or any((value.table, address) in holes for address in gap):
            yield tuple(run)
            run = []
        run.append(value)
        end = value.end if len(run) == 1 else joined.end
    yield tuple(run)
