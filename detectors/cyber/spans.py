"""Which addresses of a device are read: stretches of numbers, as the text of a fact such as `0-9,40-41`."""

from collections.abc import Sequence
from typing import Final, TypeAlias

SPANS_MAX: Final = 8
"""Stretches of one device that are kept; of more, the two that lie closest become one: so they fit into a fact."""
LARGEST: Final = 2**32
"""No protocol here counts further."""

Spans: TypeAlias = Sequence[tuple[int, int]]
"""First and last of each stretch, ascending, apart."""


def parsed(text: str) -> Spans:
    """Return the stretches of a text that `told` made; none when somebody else made it."""
    try:
        pairs = [part.split("-") for part in text.split(",") if part]
        return [(int(first), int(last)) for first, last in pairs]
    except ValueError:
        return ()


def told(spans: Spans) -> str:
    """Return them as a text."""
    return ",".join(f"{first}-{last}" for first, last in spans)


def within(spans: Spans, first: int, last: int) -> bool:
    """Return whether all from `first` to `last` lie in one of the stretches."""
    return any(begin <= first and last <= end for begin, end in spans)


def joined(spans: Spans, first: int, last: int) -> Spans:
    """Return the stretches with one more, those that touch made one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted([*spans, (first, last)]):
        if found and begin <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    while len(found) > SPANS_MAX:
        at = min(range(len(found) - 1), key=lambda k: found[k + 1][0] - found[k][1])
        found[at : at + 2] = [(found[at][0], found[at + 1][1])]
    return found
