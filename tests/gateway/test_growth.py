"""How long the store lasts at the present rate."""

import pytest

from gateway.growth import EVERY_S, LOOKS, Growth


def looked(room, used, *, every_s=EVERY_S):
    growth = Growth(room)
    for n, size in enumerate(used):
        growth.look(n * every_s, size)
    return growth


@pytest.mark.parametrize(
    ("used", "hours"),
    [([], None), ([5], None), ([0, 10], None), ([0, 10, 20, 30], 1.0), ([30, 20, 10, 0], None), ([9, 9, 9, 9], None)],
    ids=["nothing", "once", "too short", "steady", "emptying", "still"],
)
def test_hours_until_full(used, hours):
    """A trend needs half a minute; what does not grow is never full."""
    assert looked(3630, used).hours_until_full == hours


def test_only_the_last_minutes_count():
    """An outage of hours ago is none; a full store is full now; more than ten years is never."""
    calm = [1000 * n for n in range(100)] + [99_000] * LOOKS

    assert looked(10**9, calm).hours_until_full is None
    assert looked(30, [0, 10, 20, 30, 40]).hours_until_full == looked(1000, [975]).hours_until_full == 0
    assert looked(10**12, [0, 1, 2, 3, 4]).hours_until_full is None


def test_looks_in_between_are_left_out():
    """However often it is looked at, ten minutes are kept."""
    assert looked(10**6, range(600), every_s=1).hours_until_full == looked(10**6, range(0, 600, 10)).hours_until_full
