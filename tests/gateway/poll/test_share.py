"""Where in their interval conversations are polled: a few in one moment, the groups of them spread."""

import pytest

from gateway.conversation import free_share


@pytest.mark.parametrize(
    ("together", "shares"),
    [(4, [0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25]), (1, [0, 0.5, 0.25, 0.75, 0.125]), (9, [0] * 9)],
)
def test_as_many_together_as_may_be(together, shares):
    """A moment is full before the next is taken, which lies in the widest gap."""
    taken = []
    for _ in shares:
        taken.append(free_share(taken, together))
    assert taken == shares


def test_a_place_that_was_left_is_taken_first():
    """What a reload adds goes where something was removed."""
    assert free_share([0, 0, 0.5, 0.25, 0.25], 2) == 0.5
