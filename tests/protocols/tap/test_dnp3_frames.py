"""DNP3 frames on the wire: cut anywhere, between garbage, with the checks of the standard."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.model import EventKind
from protocols.tap.dnp3.conversation import Dnp3Conversation
from protocols.tap.dnp3.crc import crc, good
from protocols.tap.dnp3.link import LARGEST_FRAME, Framer
from protocols.tap.dnp3.transport import FRAGMENT, PAIRS, Assembly, Broken
from simulator.attacks import dnp3frame as sent
from tests.protocols.tap.listening import Tap

CROB = bytes.fromhex("05641ac40a0001008a1cc0c0050c012801000000030164000000dded6400000000005b")
"""directoperate_and_response.pcap, ITI/ICS-Security-Tools (CC-BY-4.0): DIRECT OPERATE of a binary output."""
READ = bytes.fromhex("056414c40a0001008fedc0c0013c02063c03063c04063c01068a51")
"""read_and_response.pcap, likewise: READ of all classes."""
frame_lists = st.lists(
    st.builds(
        sent.frames,
        st.binary(min_size=2, max_size=600),
        to=st.integers(0, 0xFFFF),
        from_=st.integers(0, 0xFFFF),
        master=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def framed(*pieces: bytes, sure: bool = True) -> tuple[list[bytes], list[str]]:
    """Return the user data of the frames in `pieces`, and what was wrong."""
    found, wrong = [], []
    framer = Framer(sure=sure)
    for piece in pieces:
        framer.feed(
            memoryview(piece),
            lambda _control, _to, _from, user: found.append(user),
            lambda why, _octets: wrong.append(why),
        )
    return found, wrong


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    """Return `octets` cut at some places."""
    at = sorted({place % (len(octets) + 1) for place in places} | {0, len(octets)})
    return [octets[first:last] for first, last in pairwise(at)]


@pytest.mark.parametrize("octets", [READ, CROB])
def test_check_sequences_of_real_frames(octets: bytes):
    """The check sequences of devices are ours, over an even and over an odd number of octets."""
    last = (len(octets) - 10 - 1) // 18 * 18 + 10
    block = octets[last:-2]

    assert crc(octets[:8]) == int.from_bytes(octets[8:10], "little")
    assert crc(block) == int.from_bytes(octets[-2:], "little")
    assert good(octets, last, len(block))


@given(st.binary(min_size=1, max_size=16), st.integers(0, 17 * 8))
def test_one_wrong_bit_is_seen(block: bytes, bit: int):
    """A block passes its check, and does not with any one bit of it turned over."""
    octets = bytearray(b"\x99" + block + crc(block).to_bytes(2, "little"))
    assert good(bytes(octets), 1, len(block))
    octets[1 + bit // 8 % (len(block) + 2)] ^= 1 << bit % 8

    assert not good(bytes(octets), 1, len(block))


@given(frame_lists, st.lists(st.integers(0, 3000), max_size=12))
def test_cut_anywhere(sent_frames: list[bytes], places: list[int]):
    """Frames are the same however TCP cuts the stream."""
    stream = b"".join(sent_frames)

    assert framed(*cut(stream, places)) == framed(stream)
    assert framed(stream)[1] == []


@given(pieces=st.lists(st.binary(max_size=400), max_size=8), sure=st.booleans())
def test_any_octets(pieces: list[bytes], *, sure: bool):
    """No octets raise, and no more than a frame is kept."""
    framer = Framer(sure=sure)
    for piece in pieces:
        framer.feed(piece, lambda *_frame: None, lambda *_bad: None)

        assert len(framer._rest) < LARGEST_FRAME


@given(st.binary(min_size=1, max_size=280))
@example(b"\x05")
@example(b"\x05\x64")
@example(b"\x05\x64\xff\xc4")
@example(READ[:-1])
@example(READ[:12])
def test_garbage_costs_nothing_behind_it(garbage: bytes):
    """Whatever lies between two frames, the second is read, and the garbage is told once."""
    found, wrong = framed(READ, garbage, CROB, READ)
    whole, _ = framed(READ, CROB, READ)

    assert found[-2:] == whole[-2:]
    assert len(wrong) == 1


def test_much_garbage_is_told_more_often():
    """Each 292 octets of garbage count, however they are cut."""
    garbage = bytes(10 * LARGEST_FRAME)

    assert (
        framed(garbage) == framed(*(garbage[at : at + 7] for at in range(0, len(garbage), 7))) == ([], ["garbage"] * 10)
    )


@pytest.mark.parametrize(
    ("turned", "why"),
    [(0, "garbage"), (2, "header"), (8, "header"), (10, "checksum"), (len(CROB) - 1, "checksum"), (29, "checksum")],
)
def test_what_is_wrong_is_told(turned: int, why: str):
    """A frame with a wrong octet is no frame, and it is said what was wrong with it; the next one is read."""
    broken = bytearray(CROB)
    broken[turned] ^= 0x10
    found, wrong = framed(bytes(broken) + READ)

    assert wrong == [why]
    assert found == framed(READ)[0]


def test_a_length_that_cannot_be():
    """The length counts at least control and addresses."""
    header = bytes.fromhex("0564 04 c4 0a00 0100")
    octets = header + crc(header).to_bytes(2, "little")

    assert framed(octets) == ([], ["length"])


def test_long_answers_are_checked_at_both_ends():
    """Of a long frame of an outstation the first and the last block are checked, of a master's all."""
    for master, missed in ((False, [1]), (True, [])):
        octets = sent.frames(bytes(100), to=1, from_=10, master=master)
        passed = []
        for block in range(7):
            broken = bytearray(octets)
            broken[min(10 + block * 18, len(broken) - 3)] ^= 1
            passed += [block] if framed(bytes(broken))[0] else []

        assert passed == ([1, 2, 3, 4, 5] if missed else [])


def test_a_beginning_in_the_middle_is_nothing_to_tell():
    """Where the capture began inside of a frame, its rest is passed over; a flow that is no DNP3 at all is told."""
    assert framed(CROB[7:], READ, sure=False) == (framed(READ)[0], [])
    assert framed(b"GET / HTTP/1.1\r\n" * 30, sure=False) == ([], ["garbage"])


def test_loss_is_nothing_to_tell():
    """After a loss the half that is left of a frame is passed over."""
    tap = Tap(Dnp3Conversation, 20000)
    tap.asks(CROB[:20])
    tap.conversation.lost(from_client=True)
    tap.asks(CROB[25:] + CROB)

    assert tap.told() == [(EventKind.COMMAND, "5")]


def test_datagrams_end_their_frames():
    """A frame that a datagram cuts is malformed, and takes nothing from the next datagram."""
    tap = Tap(Dnp3Conversation, 20000)
    tap.connects(datagrams=True)
    tap.asks(CROB[:20])
    tap.asks(CROB)

    assert tap.told() == [(EventKind.MALFORMED, ""), (EventKind.COMMAND, "5")]


@given(st.binary(min_size=1, max_size=FRAGMENT), st.integers(0, 63))
def test_segments_make_a_fragment(fragment: bytes, sequence: int):
    """A fragment is put together from its segments, wherever their numbers begin."""
    found, _ = framed(sent.frames(fragment, to=1, from_=2, master=True, sequence=sequence))
    assembly = Assembly()

    assert [assembly.add(7, segment) for segment in found] == [None] * (len(found) - 1) + [fragment]


def test_segments_that_make_none():
    """Segments without a beginning, out of sequence or too many are told once, until another one begins."""
    assembly = Assembly()
    with pytest.raises(Broken, match="without its beginning"):
        assembly.add(7, b"\x03a")
    assert assembly.add(7, b"\x84b") is None
    assembly.add(7, b"\x40c")
    assembly.add(7, b"\x40c")
    with pytest.raises(Broken, match="out of sequence"):
        assembly.add(7, b"\x82d")
    assert assembly.add(7, b"\xc9whole") == b"whole"
    assembly.add(7, b"\x40" + bytes(249))
    for number in range(1, FRAGMENT // 249):
        assert assembly.add(7, bytes((number,)) + bytes(249)) is None
    with pytest.raises(Broken, match=str(FRAGMENT)):
        assembly.add(7, bytes((FRAGMENT // 249,)) + bytes(249))


def test_a_segment_sent_twice_is_taken_once():
    """A segment with the number of the one before is its repetition (clause 8.2.2)."""
    assembly = Assembly()
    segments = (b"\x41ab", b"\x02cd", b"\x02cd", b"\x83ef")

    assert [assembly.add(7, segment) for segment in segments] == [None, None, None, b"abcdef"]


def test_stations_that_begin_and_do_not_end():
    """Of more unfinished fragments than are kept, the oldest is given up, and counted."""
    assembly = Assembly()
    for pair in range(PAIRS + 3):
        assembly.add(pair, b"\x40x")

    assert assembly.forgotten == 3
    assert assembly.add(PAIRS, b"\x81y") == b"xy"
