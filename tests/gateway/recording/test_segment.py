"""What the recorder writes is read back bit by bit; what is damaged is told, never believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gateway.recording import segment
from gateway.recording.segment import BadSegment, Block

SHAPES = st.tuples(st.integers(1, 7), st.integers(0, 5))


@st.composite
def blocks(draw):
    shape = draw(SHAPES)
    bits = draw(arrays.arrays(np.uint64, shape))
    return Block(
        draw(arrays.arrays(np.int64, shape[0])),
        bits.view(np.float64),
        draw(arrays.arrays(np.uint16, shape)),
        draw(arrays.arrays(np.bool_, shape)),
    )


def read(content):
    start = content[: segment.HEAD.size]
    body = content[segment.HEAD.size :]
    return segment.looks_in(start, body[: segment.length_of(start)])


def same(one, other):
    return all(
        getattr(one, name).tobytes() == np.ascontiguousarray(getattr(other, name)).tobytes()
        for name in ("times_ns", "values", "quality", "fresh")
    )


@given(blocks())
def test_round_trip(block):
    """Every bit comes back, those of NaN and infinity too."""
    assert same(block, read(segment.block(block)))


@given(blocks(), st.data())
def test_damage_is_told(block, data):
    """A byte that is changed, or an end that is missing, is a `BadSegment`."""
    content = segment.block(block)
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))

    for damaged in (bytes(changed), content[:at]):
        with pytest.raises(BadSegment):
            read(damaged)


@given(st.lists(st.text(min_size=1, max_size=20), max_size=20))
def test_head(names):
    """The names of the points come back; a changed head is none."""
    content = segment.head(names)
    start, words = content[: segment.START.size], content[segment.START.size :]

    assert segment.points_in(start, words) == names
    with pytest.raises(BadSegment):
        segment.points_in(start, words + b" ")
    with pytest.raises(BadSegment):
        segment.points_in(b"XXXX" + start[4:], words)


def test_what_stands_still_costs_next_to_nothing():
    """A reading that did not change takes a third of a byte, one that moves by a float32 three at most."""
    chance = np.random.default_rng(1)
    still = np.repeat(chance.normal(100, 30, (1, 1000)), 60, axis=0)
    moving = (still + chance.normal(0, 0.05, still.shape)).astype(np.float32).astype(np.float64)

    sizes = [
        len(segment.block(Block(np.arange(60), values, np.zeros(values.shape, np.uint16), values > 0))) / values.size
        for values in (still, moving)
    ]

    assert sizes[0] < 0.4
    assert sizes[1] < 3
