"""The order of notifications: what is next, what is missing, and what comes twice."""

import numpy as np

from protocols.opcua.codec import Notified
from protocols.opcua.order import LAST, MOST_AGAIN, Order

NOTHING = np.array([])


def seen(sequence, *available, keep_alive=False):
    return Notified(1, sequence, NOTHING, NOTHING, NOTHING, NOTHING, {}, (), 0, keep_alive, available)


def at(following):
    order = Order()
    order.following = following
    return order


def test_one_after_the_other():
    """Each is next, and a keep-alive uses up no number."""
    order = Order()
    told = []
    for each in (seen(1), seen(2), seen(3, keep_alive=True), seen(3)):
        assert order.arrived(each)
        told.append(order.step(each))

    assert (told, order.following) == ([None] * 4, 4)


def test_after_the_last_number_comes_one():
    """There is no number 0."""
    order = at(LAST)
    order.step(seen(LAST))

    assert order.following == 1


def test_what_is_missing_is_known_and_the_rest_is_held():
    """Of what is missing, what the server still has is asked for, in its order; also across the last number."""
    order = at(LAST - 1)
    arrived = [order.arrived(each) for each in (seen(3, 1, LAST, 3, 2, 700), seen(4))]

    assert arrived == [False, False]
    assert order.missing() == [LAST, 1, 2]
    assert [each.sequence for each in order.release()] == [3, 4]
    assert order.held == []


def test_a_keep_alive_shows_what_is_missing():
    """Its number is the one that comes next."""
    order = at(5)

    assert not order.arrived(seen(7, 5, 6, keep_alive=True))
    assert order.missing() == [5, 6]


def test_what_came_again_is_not_taken_twice():
    """Its first copy may only have been late."""
    order = at(5)
    order.step(seen(5))
    order.came_again(5)

    assert not order.arrived(seen(5))
    assert order.held == []


def test_a_server_that_counts_anew_is_told_and_taken():
    """Nothing is asked for, and nothing is dropped."""
    order = at(500)
    taken = order.arrived(seen(1, 1))

    assert not taken
    assert order.missing() == []
    assert order.step(*order.release()) == "notification 500 was expected, 1 came"
    assert order.following == 2


def test_a_server_that_offers_without_end_is_asked_a_bounded_number():
    """At once; the rest counts as lost."""
    order = at(1)
    order.arrived(seen(100_000, *range(1, 100_000)))

    assert order.missing() == list(range(1, MOST_AGAIN + 1))
