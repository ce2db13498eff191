"""TPKT and COTP: messages out of bytes, in whatever pieces they come, and within bounds."""

import pytest

from protocols.iec61850.transport import (
    LARGEST_MESSAGE,
    MOST_PIECES,
    Disconnected,
    Stream,
    Violation,
    connection_request,
)

CONFIRM = bytes.fromhex("0300000e09d00001000100c0010a")


def connected(tpdu_code=0x0A):
    stream = Stream()
    assert list(stream.take(CONFIRM[:-1] + bytes([tpdu_code]))) == [None]
    return stream


@pytest.mark.parametrize("size", [1, 100, 1021, 1022, 5000])
def test_a_message_comes_out_as_it_went_in(size):
    """Whole, byte by byte, and split at each position: always the same message, in as many pieces as it takes."""
    message = bytes(index & 0xFF for index in range(size))
    wire = connected().frames(message)

    assert list(connected().take(wire)) == [message]
    stream = connected()
    assert [each for byte in wire for each in stream.take(bytes([byte]))] == [message]
    for at in range(0, len(wire), max(1, len(wire) // 50)):
        stream = connected()
        assert [*stream.take(wire[:at]), *stream.take(wire[at:])] == [message]


def test_several_messages_in_one_read():
    """Each is its own."""
    stream = connected()
    wire = stream.frames(b"one") + stream.frames(b"two") + stream.frames(b"three")[:5]

    assert list(stream.take(wire)) == [b"one", b"two"]
    assert stream.half == 5


@pytest.mark.parametrize(("code", "size"), [(0x07, 128), (0x0D, 8192), (0x0F, 8192), (0x03, 128), (0xFF, 8192)])
def test_the_size_of_pieces_is_agreed(code, size):
    """The peer's word, within what the class allows."""
    assert connected(code).tpdu_size == size


def test_without_a_word_pieces_are_small():
    """ISO 8073 clause 13.4.4: 128 bytes."""
    stream = Stream()
    assert list(stream.take(bytes.fromhex("0300000b06d00001000100"))) == [None]
    assert stream.tpdu_size == 128


def test_the_request_names_both_selectors():
    """Called and calling, as configured."""
    request = connection_request(b"\x00\x07", b"\x00\x01")

    assert request == bytes.fromhex("03000016 11e00000000100 c0010d c2020007 c1020001")


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ("0400000e", "version 4"),
        ("03000006", "TPKT of 6 bytes"),
        ("0300000703f080", "no data of class 0"),
        ("0300000702e080", "no data of class 0"),
    ],
)
def test_other_bytes_are_a_violation(wire, words):
    """At the first byte that says so."""
    with pytest.raises(Violation, match=words):
        list(connected().take(bytes.fromhex(wire)))


def test_goodbyes():
    """A refused connection, and one that is ended."""
    with pytest.raises(Disconnected, match="refused"):
        list(Stream().take(bytes.fromhex("0300000b06800001000100")))
    with pytest.raises(Disconnected, match="ended"):
        list(connected().take(bytes.fromhex("0300000b06800001000100")))


def test_a_message_without_end():
    """Stops at the largest message, and at the most pieces, however small they are."""
    stream, piece = connected(), bytes.fromhex("0300ffff02f000") + bytes(0xFFFF - 7)
    with pytest.raises(Violation, match=f"over {LARGEST_MESSAGE}"):
        list(stream.take(piece * 3))
    stream = connected()
    with pytest.raises(Violation, match=f"{MOST_PIECES} pieces"):
        list(stream.take(bytes.fromhex("0300000702f000") * (MOST_PIECES + 1)))
