"""The decoder reads every type in every order, as struct does."""

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.modbus.decoder import Decoder, Image, Value
from protocols.modbus.planner import Block
from protocols.model import Quality

CODES = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
    "int64": "q", "uint64": "Q", "float32": "f", "float64": "d",
}  # fmt: skip
WIDTHS = {kind: struct.calcsize(">" + code) // 2 for kind, code in CODES.items()}
ORDERS = ("big", "little", "big_swapped", "little_swapped")


def on_wire(big: bytes, order: str) -> bytes:
    """Return how a device with `order` sends the value whose big-endian bytes are `big`."""
    registers = [big[i : i + 2] for i in range(0, len(big), 2)]
    match order:
        case "big":
            return big
        case "little":
            return big[::-1]
        case "big_swapped":
            return b"".join(reversed(registers))
    return b"".join(register[::-1] for register in registers)


def decode(values, wire):
    """Decode `values`, whose blocks follow one another from holding:0, from the bytes `wire`."""
    image = Image([value.block for value in values], 0)
    image.put(image.place(Block("holding", 0, len(wire) // 2)), wire, bits=False)
    return Decoder(values, image).decode()


@pytest.mark.parametrize(
    ("kind", "order", "wire", "expected"),
    [
        ("uint16", "big", "0102", 0x0102),
        ("uint16", "little", "0102", 0x0201),
        ("uint16", "big_swapped", "0102", 0x0102),
        ("uint16", "little_swapped", "0102", 0x0201),
        ("int16", "big", "fffe", -2),
        ("uint32", "big", "01020304", 0x01020304),
        ("uint32", "little", "01020304", 0x04030201),
        ("uint32", "big_swapped", "01020304", 0x03040102),
        ("uint32", "little_swapped", "01020304", 0x02010403),
        ("int32", "big_swapped", "fffeffff", -2),
        ("float32", "big", "43660000", 230.0),
        ("float32", "little", "00006643", 230.0),
        ("float32", "big_swapped", "00004366", 230.0),
        ("float32", "little_swapped", "66430000", 230.0),
        ("uint64", "big", "0102030405060708", float(0x0102030405060708)),
        ("uint64", "little", "0102030405060708", float(0x0807060504030201)),
        ("uint64", "big_swapped", "0102030405060708", float(0x0708050603040102)),
        ("uint64", "little_swapped", "0102030405060708", float(0x0201040306050807)),
        ("int64", "little", "feffffffffffffff", -2),
        ("float64", "big", "406cc00000000000", 230.0),
    ],
)
def test_golden_vectors(kind, order, wire, expected):
    """Registers as a device sends them, and the number an engineer expects."""
    values, quality = decode([Value(Block("holding", 0, WIDTHS[kind]), kind, order)], bytes.fromhex(wire))

    assert [expected] == values.tolist()
    assert quality.tolist() == [Quality.GOOD]


@st.composite
def maps(draw):
    """Values of every type and order behind one another: what to decode, the bytes, and what must come out."""
    values, wire, expected, at = [], b"", [], 0
    for _ in range(draw(st.integers(1, 12))):
        kind, order = draw(st.sampled_from(sorted(CODES))), draw(st.sampled_from(ORDERS))
        big = draw(st.binary(min_size=2 * WIDTHS[kind], max_size=2 * WIDTHS[kind]))
        scale, offset = draw(st.sampled_from(((1.0, 0.0), (0.1, 0.0), (1.0, -40.0), (-2.5, 7.0))))
        values.append(Value(Block("holding", at, WIDTHS[kind]), kind, order, 0, scale, offset))
        wire += on_wire(big, order)
        expected.append(float(struct.unpack(">" + CODES[kind], big)[0]) * scale + offset)
        at += WIDTHS[kind]
    return values, wire, expected


@given(maps())
def test_any_mix_of_types_orders_and_scales_decodes_as_struct_does(mixed):
    """Values keep their places; what is not finite is NaN and invalid."""
    layout, wire, expected = mixed

    values, quality = decode(layout, wire)

    for value, flags, wanted in zip(values.tolist(), quality.tolist(), expected, strict=True):
        if math.isfinite(wanted):
            assert (wanted, Quality.GOOD) == (value, flags)
        else:
            assert math.isnan(value)
            assert flags == Quality.INVALID


@pytest.mark.parametrize("wire", ["7fc00000", "7f800001", "7f800000", "ff800000"])
def test_what_is_no_number_is_invalid(wire):
    """NaN, a signalling NaN and both infinities say nothing about the grid."""
    values, quality = decode([Value(Block("holding", 0, 2), "float32")], bytes.fromhex(wire))

    assert np.isnan(values).all()
    assert quality.tolist() == [Quality.INVALID]


def test_a_scale_beyond_float64_is_invalid():
    """What overflows is no number either."""
    layout = [Value(Block("holding", 0, 4), "float64", scale=1e10)]

    _, quality = decode(layout, struct.pack(">d", 1e300))

    assert quality.tolist() == [Quality.INVALID]


@pytest.mark.parametrize(("order", "swapped"), [("big", 0), ("big_swapped", 0), ("little", 1), ("little_swapped", 1)])
@pytest.mark.parametrize("word", [0x0001, 0x8000, 0xA50F])
def test_bits_of_a_register(order, swapped, word):
    """Bit 0 is the lowest of the register, after its bytes are put in order."""
    layout = [Value(Block("holding", 0, 1), "bool", order, bit) for bit in range(16)]

    values, _ = decode(layout, struct.pack("<H" if swapped else ">H", word))

    assert [float(word >> bit & 1) for bit in range(16)] == values.tolist()


@given(st.lists(st.booleans(), min_size=1, max_size=100), st.integers(0, 300))
def test_coils_come_lowest_bit_first(states, start):
    """V1.1b3 clause 6.1: the first coil is the lowest bit of the first byte, and padding is ignored."""
    blocks = [Block("coil", start + i, 1) for i in range(len(states))]
    image = Image(blocks, 0)
    size = (len(states) + 7) // 8
    padding = (1 << 8 * size) - (1 << len(states))
    wire = (padding + sum(on << i for i, on in enumerate(states))).to_bytes(size, "little")

    place = image.place(Block("coil", start, len(states)))
    image.put(place, wire, bits=True)
    values, _ = Decoder([Value(block, "bool") for block in blocks], image).decode()

    assert states == values.astype(bool).tolist()


def test_tables_and_distant_addresses_do_not_touch():
    """Every block has a place of its own, whatever lies between."""
    blocks = [Block("holding", 0, 1), Block("holding", 65_535, 1), Block("input", 0, 2), Block("coil", 9, 1)]
    image = Image(blocks, 16)

    places = sorted((image.place(block).start, image.place(block).stop) for block in blocks)

    assert places == [(0, 1), (1, 3), (3, 5), (5, 9)]
    assert len(image.bytes) == 9


def test_a_batch_is_not_changed_by_the_next():
    """Decoded arrays are new each time."""
    layout = [Value(Block("holding", 0, 1), "uint16")]
    image = Image([layout[0].block], 0)
    decoder = Decoder(layout, image)

    first, _ = decoder.decode()
    image.put(slice(0, 2), b"\0\7", bits=False)
    second, _ = decoder.decode()

    assert (first.tolist(), second.tolist()) == ([0.0], [7.0])
