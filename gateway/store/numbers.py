"""Exact sets of sequence numbers, small where they are regular: of ten devices' windows each device has every tenth.

A set is a tuple of strides (first, last, step): (1, 7, 1) is 1 to 7, (1, 31, 10) is 1, 11, 21 and 31. As JSON the step
is left out where it is 1: [[1,7]], [[1,31,10]].
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

from gateway.store.words import whole

Run: TypeAlias = tuple[int, int]
"""First and last of consecutive numbers."""
Stride: TypeAlias = tuple[int, int, int]
Numbers: TypeAlias = tuple[Stride, ...]

LARGEST = (1 << 63) - 1
STRIDES_MAX = 1_000
"""Of one set; a window that would need more is not merged, a gap that would need more tells only bounds and count."""


def one(number: int) -> Numbers:
    """Return the set of a single number."""
    return ((number, number, 1),)


def count(numbers: Numbers) -> int:
    """Return how many they are."""
    return sum((last - first) // step + 1 for first, last, step in numbers)


def bounds(numbers: Numbers) -> Run:
    """Return the least and the greatest."""
    return min(first for first, _, _ in numbers), max(last for _, last, _ in numbers)


def dense(numbers: Numbers) -> bool:
    """Return whether nothing is left out between the least and the greatest."""
    first, last = bounds(numbers)
    return count(numbers) == last - first + 1


def runs(numbers: Numbers) -> Sequence[Run]:
    """Return the same set as runs of consecutive numbers, ascending."""
    found: list[Run] = []
    for first, last in sorted(_pieces(numbers)):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def of_runs(found: Iterable[Run]) -> Numbers:
    """Return the set of ascending runs."""
    numbers: list[Stride] = []
    for first, last in found:
        _append(numbers, (first, last, 1))
    return tuple(numbers)


def union(left: Numbers, right: Numbers) -> Numbers:
    """Return both; quick where all of `left` comes before all of `right`."""
    if bounds(left)[1] >= bounds(right)[0]:
        return of_runs(runs((*left, *right)))
    numbers = list(left)
    for stride in right:
        _append(numbers, stride)
    return tuple(numbers)


def to_words(numbers: Numbers) -> Sequence[Sequence[int]]:
    """Return the set as JSON has it."""
    return [[first, last] if step == 1 else [first, last, step] for first, last, step in numbers]


def of_words(words: Any) -> Numbers:
    """Return the set that JSON has.

    Raises:
        ValueError, TypeError: it is none.
    """
    if not 0 < len(words) <= STRIDES_MAX:
        raise ValueError(f"{len(words)} strides; a set has 1 to {STRIDES_MAX}")
    return tuple(_stride(*items) for items in words)


def _stride(first: Any, last: Any, step: Any = 1) -> Stride:
    if not 0 < whole(first) <= whole(last) or whole(step) < 1 or (last - first) % step:
        raise ValueError(f"{first} to {last} in steps of {step} is no stride")
    return first, last, step


def _pieces(numbers: Numbers) -> Iterator[Run]:
    for first, last, step in numbers:
        if step == 1:
            yield first, last
        else:
            yield from ((number, number) for number in range(first, last + 1, step))


def _append(numbers: list[Stride], stride: Stride) -> None:
    """Append, as part of the last stride where the distance is the same."""
    if numbers:
        (first, last, step), (begin, end, other) = numbers[-1], stride
        between = begin - last
        if (first == last or step == between) and (begin == end or other == between):
            numbers[-1] = (first, end, between)
            return
    numbers.append(stride)
