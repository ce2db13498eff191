"""Exact sets of numbers: whatever is put together or written down is the same set."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store import numbers
from gateway.store.handed import HANDED_MAX, Handed
from gateway.store.levels import ANY, Levels

SETS = st.sets(st.integers(1, 200), min_size=1, max_size=60)
STRIDES = st.builds(range, st.integers(1, 90), st.integers(91, 200), st.integers(1, 20)).map(set)


def runs(found):
    return [(number, number) for number in sorted(found)]


def numbers_of(found):
    return numbers.of_runs(runs(found))


def expanded(found):
    return {number for first, last in numbers.runs(found) for number in range(first, last + 1)}


@given(SETS | STRIDES, SETS | STRIDES)
def test_a_union_is_both(left, right):
    """In any order and however they lie, each number once."""
    both = numbers.union(numbers_of(left), numbers_of(right))

    assert expanded(both) == left | right
    assert (numbers.count(both), numbers.bounds(both)) == (len(left | right), (min(left | right), max(left | right)))
    assert numbers.dense(both) == (len(left | right) == max(left | right) - min(left | right) + 1)


@given(SETS | STRIDES)
def test_a_set_comes_back_as_it_was(found):
    """From what JSON has of it."""
    assert numbers.of_words(numbers.to_words(numbers_of(found))) == numbers_of(found)


def test_a_regular_set_is_small():
    """Each tenth number of a month takes one stride, whether it grew at its end or was put together of halves."""
    grown = numbers.one(7)
    for number in range(17, 10_000, 10):
        grown = numbers.union(grown, numbers.one(number))

    assert grown == ((7, 9997, 10),)
    assert numbers.union(((7, 97, 10),), ((107, 207, 10),)) == ((7, 207, 10),)


@pytest.mark.parametrize(
    "words",
    [[], [[1]], [[2, 1]], [[0, 1]], [[1, 4, 2]], [[1, 3, 0]], [[1, "2"]], [[True, 2]], [1], "x", [[1, 2]] * 1001],
)
def test_what_is_no_set_is_refused(words):
    """Backwards, not positive, a step that misses the end, other types, too many."""
    with pytest.raises((ValueError, TypeError)):
        numbers.of_words(words)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 30)), max_size=40))
def test_what_was_handed_out_is_known(added):
    """Exactly that, as long as it is not too many runs."""
    handed, known = Handed(), set()
    for first, more in added:
        handed.add(first, first + more)
        known |= set(range(first, first + more + 1))

    assert {number for number in range(1, 540) if number in handed} == known


def test_too_many_runs_are_never_too_few():
    """Beyond the bound more counts as handed out, never less."""
    handed = Handed()
    for number in range(1, 5 * HANDED_MAX, 2):
        handed.add(number, number)

    assert all(number in handed for number in range(1, 5 * HANDED_MAX, 2))
    assert 4 in handed
    assert 5 * HANDED_MAX - 2 not in handed


def test_levels_are_in_proportion_to_age():
    """The marks of an endless outage: each level reaches about twice as far back as the one below."""
    levels, rows = Levels(), 0
    for last in range(1, 100_001):
        rows += 1
        while rows > 1000:
            level = levels.next(last)
            span = 2 ** (level + 1)
            levels.marks[level] = min(levels.mark(level) + span, levels.upto(level, last))
            levels.made(level + 1)
            rows -= 1

    ages = [100_000 - levels.mark(level) for level in range(7)]
    assert all(1.6 < older / newer < 2.4 for newer, older in pairwise(ages))


def test_at_last_any_neighbours_merge():
    """When every level was looked at, what is left is looked at once more, and then nothing."""
    levels = Levels({0: 10, 1: 10})
    levels.made(2)
    assert levels.next(10) == 2

    levels.marks[2] = 10
    assert levels.next(10) == ANY

    levels.marks[ANY] = 10
    assert (levels.next(10), levels.next(11)) == (None, 0)
