"""The usual form of a measurand: read in one step, it means what it means part by part."""

import random
import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from open61850.data import BitStringData, FloatData, StructureData, TimestampData, encode_data
from open61850.mms.types import PrimitiveType, StructureType

from protocols.iec61850.codec import header
from protocols.iec61850.layout import Image, Tree, Wanted, leaves, members
from protocols.iec61850.transport import Violation

FLOAT, Q, T = PrimitiveType("float", 32), PrimitiveType("bit-string", -13), PrimitiveType("utc-time")
ANALOGUE = StructureType([("f", FLOAT)])
ROOT = ("LD", "MMXU1", "MX", "Hz")
KINDS = {
    "plain": [("mag", ANALOGUE), ("q", Q), ("t", T)],
    "instantaneous": [("instMag", ANALOGUE), ("mag", ANALOGUE), ("q", Q), ("t", T)],
    "after": [("mag", ANALOGUE), ("q", Q), ("t", T), ("units", PrimitiveType("integer", 8))],
}


def member(kind):
    [found] = members([Tree(ROOT, leaves(StructureType(KINDS[kind])))], [Wanted((*ROOT, "mag", "f"), 0)])
    return found


def message(kind, value, quality=b"\x00\x00", seconds=1_700_000_000, clock=0):
    parts = []
    for name, _ in KINDS[kind]:
        match name:
            case "q":
                parts.append(BitStringData(quality, 3))
            case "t":
                parts.append(TimestampData(datetime.fromtimestamp(seconds, UTC), clock))
            case "units":
                parts.append(BitStringData(b"\x40", 6))
            case _:
                parts.append(StructureData([FloatData(value if name == "mag" else -1.0)]))
    return encode_data(StructureData(parts))


def read(found, data):
    image = Image(1)
    found.take(data, header(data, 0, len(data)), image)
    return [each.tolist() for each in image.taken([0])]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_either_way(kind):
    """Values, all qualities, times and their quality: a member that has learned says what a new one does."""
    found = member(kind)
    read(found, message(kind, 50.0))
    assert found._shape is not None

    rng = random.Random()
    for _ in range(100):
        value = struct.unpack(">f", rng.randbytes(4))[0]
        data = message(kind, value, bytes([rng.randrange(256), rng.randrange(32) << 3]), rng.randrange(1 << 31), 0x6A)
        assert found._shape.fits(data, 0, len(data))
        np.testing.assert_equal(read(found, data), read(member(kind), data))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_for_what_is_mutated(kind):
    """A reading or a violation, whichever way it is read."""
    found, rng, good = member(kind), random.Random(), message(kind, 50.0)
    read(found, good)
    for _ in range(500):
        data = bytearray(good)
        for _ in range(rng.choice((1, 1, 2))):
            data[rng.randrange(2, len(data))] = rng.choice(
                (0, 1, 3, 8, 0x80, 0x83, 0x84, 0x87, 0x91, rng.randrange(256))
            )
        outcomes = []
        for each in (found, member(kind)):
            try:
                outcomes.append(read(each, bytes(data)))
            except Violation:
                outcomes.append("violation")
        np.testing.assert_equal(*outcomes)


def test_another_form_is_read_part_by_part():
    """A double, and what is refused now, after a float was learned."""
    found = member("plain")
    read(found, message("plain", 50.0))
    double = encode_data(
        StructureData(
            [
                StructureData([FloatData(1.25, double=True)]),
                BitStringData(b"\x00\x00", 3),
                TimestampData(datetime(2026, 11, 20, tzinfo=UTC)),
            ]
        )
    )

    assert read(found, double)[0] == [1.25]
    assert np.isnan(read(found, b"\x80\x01\x0a")[0][0])
    assert read(found, message("plain", 2.0))[0] == [2.0]
