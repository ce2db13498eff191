"""The reports of one block, one after the other: gaps, segments, replays, revisions and the device's clock."""

from dataclasses import replace

import numpy as np
import pytest
from open61850.data import FloatData, encode_data
from open61850.mms.types import PrimitiveType

from protocols.iec61850.codec import header
from protocols.iec61850.config import Iec61850Device
from protocols.iec61850.feed import Feed, Outdated
from protocols.iec61850.layout import Image, Tree, Wanted, leaves, members
from protocols.iec61850.remarks import Remarks
from protocols.iec61850.report import GI, INTEGRITY, Taken
from protocols.model import EventKind, Quality
from protocols.notes import Notes
from protocols.points import Points
from protocols.sighting import Sighting

ROOT = ("LD", "MMXU1", "MX", "Hz", "mag", "f")
[MEMBER] = members([Tree(ROOT, leaves(PrimitiveType("float", 32)))], [Wanted(ROOT, 0)])
DATA = encode_data(FloatData(50.0))
CHANGE = 0x20
S = 1_000_000_000


def told(**keys):
    base = Taken(
        data=DATA, name="b", sequence=0, time_ns=1, data_set=None, overflow=False, entry_id=None, revision=1,
        segment=None, more=False, size=1, members=[0], values=[header(DATA, 0, len(DATA))], reasons=CHANGE,
    )  # fmt: skip
    return replace(base, **keys)


def entry(number):
    return number.to_bytes(8, "big")


class Following:
    """A feed that has begun, and its image."""

    def __init__(self, *, buffered=True, anew=False, replaying=False):
        self.feed, self.image = Feed(), Image(1)
        self.feed.learn("b", [MEMBER], 1, buffered=buffered)
        self.feed.begin(anew=anew, replaying=replaying)

    def __call__(self, arrival_ns=0, **keys):
        return self.feed.receive(told(**keys), self.image, arrival_ns)

    def lost(self, *numbers):
        return [len(self(sequence=number).lost) for number in numbers]


def test_numbers_that_follow():
    """Each number one after the other; the first after enabling may be any."""
    assert Following().lost(5, 6, 7) == [0, 0, 0]


@pytest.mark.parametrize(("buffered", "last", "gaps"), [(True, 0xFFFF, 0), (False, 0xFF, 0), (True, 0xFF, 1)])
def test_numbers_begin_anew(buffered, last, gaps):
    """After 65535 those of buffered blocks, after 255 those of others."""
    assert Following(buffered=buffered).lost(last, 0) == [0, gaps]


@pytest.mark.parametrize("numbers", [(1, 3), (1, 1), (1, 0)])
def test_a_number_that_is_missing(numbers):
    """Said once, and all values are asked for."""
    follow = Following()
    follow.feed.interrogate = False

    assert follow.lost(*numbers) == [0, 1]
    assert follow.feed.interrogate


@pytest.mark.parametrize(("numbers", "back"), [((1, 2), False), ((1, 3), False), ((1, 1), True), ((5, 2), True)])
def test_a_number_that_goes_back_or_comes_twice(numbers, back):
    """Loss skips numbers; only somebody who sends reports of his own repeats them."""
    follow = Following()

    assert [follow(sequence=number).back for number in numbers] == [False, back]


@pytest.mark.parametrize(
    ("entries", "back"),
    [([1, 2, 3], [0, 0, 0]), ([1, 2, 2, 3], [0, 0, 1, 0]), ([0, 0], [0, 0])],
)
def test_an_entry_that_comes_twice(entries, back):
    """In good order of the numbers: somebody tells again what was told. Devices without entries are not meant."""
    follow = Following()
    said = [follow(sequence=number, entry_id=entry(each)).back for number, each in enumerate(entries)]

    assert said == [bool(each) for each in back]


def test_segments_have_one_number():
    """In their order; the bookmark comes with the last one."""
    follow = Following()
    seen = [follow(sequence=4, segment=at, more=at < 2, entry_id=entry(9)) for at in range(3)]
    after = follow(sequence=5)

    assert [each.lost for each in (*seen, after)] == [[], [], [], []]
    assert [each.bookmark for each in seen] == [None, None, entry(9)]


@pytest.mark.parametrize(
    "pieces",
    [
        [(4, 0, True), (4, 2, False)],
        [(4, 0, True), (5, None, False)],
        [(4, 0, True), (5, 0, True)],
        [(4, None, False), (5, 1, False)],
    ],
)
def test_segments_that_are_missing(pieces):
    """In the middle, at the end, at the beginning: said."""
    follow = Following()
    lost = [follow(sequence=number, segment=segment, more=more).lost for number, segment, more in pieces]

    assert [bool(each) for each in lost] == [False, True]


def test_a_full_buffer_is_said_unless_all_is_new():
    """Of a device that was never read, what fell out before is no loss; from its first interrogation on it is."""
    assert Following()(overflow=True).lost
    first = Following(anew=True)
    assert not first(overflow=True).lost
    first(reasons=GI, sequence=1)
    assert first(overflow=True, sequence=2).lost


def test_what_is_replayed_is_taken_once():
    """Entries that were taken before the device forgot where it was."""
    follow = Following()
    for number in (1, 2):
        follow(sequence=number, entry_id=entry(number))
    follow.feed.begin(anew=True, replaying=True)
    seen = [follow(sequence=number, entry_id=entry(number)) for number in (1, 2, 3)]

    assert [each.places for each in seen] == [[], [], [0]]
    assert [each.bookmark for each in seen] == [entry(1), entry(2), entry(3)]


def test_another_revision_ends_the_conversation_once():
    """The data set is learned anew; reports that are still of the other one have no values, and the quality tells."""
    follow = Following()
    with pytest.raises(Outdated, match="ConfRev 2, was 1"):
        follow(revision=2)
    follow.feed.begin(anew=False, replaying=False)
    outcome = follow(revision=2, entry_id=entry(3))

    assert outcome.lost
    assert (outcome.places, outcome.bookmark) == ([0], entry(3))
    assert follow.image.quality[0] == Quality.INVALID | Quality.INCONSISTENT
    assert np.isnan(follow.image.values[0])
    assert follow(sequence=1).places == [0]
    assert follow.image.values[0] == 50.0


def test_the_clock_is_judged_by_what_is_new():
    """Not by what waited in the buffer, nor by changes, which a block gathers."""
    follow = Following()
    assert follow(reasons=INTEGRITY, time_ns=5 * S, arrival_ns=900 * S).ahead_ns is None
    assert follow(reasons=GI, time_ns=898 * S, arrival_ns=900 * S, sequence=1).ahead_ns == -2 * S
    assert follow(reasons=CHANGE, time_ns=5 * S, arrival_ns=900 * S, sequence=2).ahead_ns is None
    assert Following(buffered=False)(reasons=INTEGRITY, time_ns=S, arrival_ns=S).ahead_ns == 0


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        ((0.1, -1.0, 1.9), []),
        ((30.0,), ["the device's clock is +30.0 s off ours"]),
        ((30.0, 30.1, 0.1), ["the device's clock is +30.0 s off ours", "the device's clock is right"]),
        ((-600.0, -540.0, -1.0), []),
        ((-600.0, -600.1), ["the device's clock is -600.1 s off ours"]),
    ],
)
def test_a_clock_that_is_off(ahead_s, said):
    """Ahead at once; behind when two reports agree, as one alone may have been held up; right when it is again."""
    points = Points.of([(Iec61850Device(name="ied", protocol="iec61850", url="tcp://h"), [])])
    notes = Notes("ied", lambda: 1)
    remarks = Remarks(notes, points, 0)
    for each in ahead_s:
        remarks.clock(each)

    plain = [event for event in notes.take() if not isinstance(event, Sighting)]
    assert [(event.kind, event.detail) for event in plain] == [(EventKind.CLOCK, each) for each in said]
