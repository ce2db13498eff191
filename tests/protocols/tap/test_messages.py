"""A stream is cut into messages wherever TCP cut it; garbage costs no more than itself."""

import re
from itertools import pairwise
from struct import Struct

from hypothesis import given
from hypothesis import strategies as st

from protocols.tap.messages import KEPT_MAX, Messages, Shape

SHAPE = Shape(re.compile(rb"\x03\x00..", re.DOTALL), size=5, length=Struct(">H"), at=2, most=60_000)


def message(body: bytes) -> bytes:
    return b"\x03\x00" + (len(body) + 4).to_bytes(2, "big") + body


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def taken(parts: list[bytes], *, lost: bool = False) -> list[bytes | None]:
    stream = Messages(SHAPE, lost=lost)
    return [found for part in parts for found in stream.take(part)]


BODIES = st.lists(st.binary(min_size=1, max_size=40).filter(lambda body: b"\x03" not in body), max_size=8)
CUTS = st.lists(st.integers(0, 400), max_size=12)


@given(BODIES, CUTS)
def test_cuts_change_nothing(bodies, cuts):
    """Messages come out as they went in, however the stream is cut."""
    whole = b"".join(map(message, bodies))

    assert taken(pieces(whole, cuts)) == [message(body) for body in bodies]


@given(st.binary(min_size=1, max_size=40).filter(lambda noise: b"\x03" not in noise), BODIES, CUTS)
def test_garbage_is_one_none_and_the_next_message_is_found(noise, bodies, cuts):
    """What is between two messages and belongs to none is told once, and costs neither of them."""
    whole = message(b"before") + noise + b"".join(map(message, bodies)) + message(b"after")

    assert taken(pieces(whole, cuts)) == [
        message(b"before"),
        None,
        *map(message, bodies),
        message(b"after"),
    ]


@given(CUTS)
def test_a_long_message_is_kept_in_part(cuts):
    """Of a message that is too long the beginning is handed on, and the one after it is found."""
    long = message(bytes(50_000))
    found = taken(pieces(long + message(b"next"), [cut * 125 for cut in cuts]))

    assert found == [long[:KEPT_MAX], message(b"next")]


@given(st.lists(st.binary(max_size=60), max_size=10))
def test_what_is_held_is_bounded(parts):
    """Nobody makes a stream keep more than one message, whatever is sent."""
    stream = Messages(SHAPE, lost=False)
    for part in parts:
        stream.take(part)
        stream.take(b"\x03\x00\xe0\x00" + part)

        assert len(stream._held) <= KEPT_MAX


def test_after_a_gap_garbage_is_not_told():
    """When bytes are missing the stream may go on anywhere: that is nobody's fault."""
    stream = Messages(SHAPE, lost=False)
    stream.take(message(b"whole")[:6])
    stream.gap()

    assert stream.take(b"rest of it" + message(b"next")) == [message(b"next")]
    assert stream.take(b"rest of it" + message(b"next")) == [None, message(b"next")]
