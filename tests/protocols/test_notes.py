"""What a conversation has to say: once, in its order, within a bound that is told."""

import pytest

from protocols.model import EventKind
from protocols.notes import MOST_TOLD, MOST_WAITING, Notes, listed


@pytest.fixture
def notes():
    return Notes("bay", lambda: 7)


def details(notes):
    return [event.detail for event in notes.take()]


def test_what_is_said_is_handed_out_once(notes):
    """With device, kind, time and rows."""
    notes.say(EventKind.REFUSED, "no such point", [3, 4])

    [event] = notes.take()
    assert (event.device, event.kind, event.detail) == ("bay", EventKind.REFUSED, "no such point")
    assert (event.time_ns, event.rows) == (7, (3, 4))
    assert notes.take() == []


def test_what_is_said_again_counts_as_said_the_last_time(notes):
    """So what stands last is what holds."""
    for detail in ("refused", "answers again", "refused"):
        notes.say(EventKind.REFUSED, detail)

    assert details(notes) == ["answers again", "refused"]


def test_what_finds_no_room_is_counted_and_that_is_said(notes):
    """What waits already is not turned away."""
    for number in range(MOST_WAITING + 5):
        notes.say(EventKind.VIOLATION, str(number))
    notes.say(EventKind.VIOLATION, "0")

    *rest, last = notes.take()
    assert (len(rest), rest[-1].detail, notes.dropped) == (MOST_WAITING, "0", 5)
    assert (last.kind, last.detail) == (EventKind.OVERFLOW, "5 events found no room since the start")
    assert notes.take() == []


def test_a_flood_is_not_answered_by_another(notes):
    """The count is said when it has grown beyond a power of two."""
    told = 0
    for _ in range(100):
        for number in range(MOST_WAITING + 1):
            notes.say(EventKind.VIOLATION, str(number))
        told += len(details(notes)) - MOST_WAITING

    assert (notes.dropped, told) == (100, len("1100100"))


def test_once_is_once_in_a_conversation(notes):
    """And again after a reconnect."""
    for _ in range(2):
        notes.once(EventKind.VIOLATION, "odd")
    assert details(notes) == ["odd"]
    notes.reconnected()
    notes.once(EventKind.VIOLATION, "odd")

    assert details(notes) == ["odd"]


def test_too_many_kinds_of_trouble_are_counted(notes):
    """Beyond what is remembered nothing new is said, but how many."""
    for number in range(MOST_TOLD + 3):
        notes.once(EventKind.VIOLATION, str(number))
        if number % 100 == 0:
            notes.take()

    assert details(notes)[-1] == "3 events found no room since the start"


@pytest.mark.parametrize(
    ("names", "told"), [("a", "a"), ("abcd", "a, b, c, d"), ("abcdefg", "a, b, c, d and 3 more"), ("", "")]
)
def test_a_list_of_names(names, told):
    """The first four, and how many more there are."""
    assert listed(list(names)) == told
