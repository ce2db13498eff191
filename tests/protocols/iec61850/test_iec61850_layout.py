"""Where points stand in a data set: value, and the quality and time that belong to it."""

import math
from datetime import UTC, datetime

import numpy as np
import pytest
from open61850.data import (
    BitStringData,
    BoolData,
    FloatData,
    IntData,
    StructureData,
    TimestampData,
    VisibleStringData,
    encode_data,
)
from open61850.mms.types import ArrayType, NamedType, PrimitiveType, StructureType

from protocols.iec61850.codec import Span, header, spans
from protocols.iec61850.layout import Image, Tree, Wanted, leaves, members
from protocols.iec61850.transport import Violation
from protocols.model import Quality

FLOAT, Q, T = PrimitiveType("float", 32), PrimitiveType("bit-string", -13), PrimitiveType("utc-time")
CMV = StructureType([("cVal", StructureType([("mag", StructureType([("f", FLOAT)]))])), ("q", Q), ("t", T)])
WYE = StructureType([("phsA", CMV), ("phsB", CMV), ("q", Q)])
DPC = StructureType([("stVal", PrimitiveType("bit-string", 2)), ("q", Q), ("t", T)])
A = ("LD", "MMXU1", "MX", "A")
MOMENT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MOMENT_NS = int(MOMENT.timestamp() * 1e9)
GOOD, OLD = BitStringData(b"\x00\x00", 3), BitStringData(b"\x41\x00", 3)


def tree(root, kind):
    return Tree(root, leaves(kind))


def cmv(value, quality=GOOD):
    return StructureData([StructureData([StructureData([FloatData(value)])]), quality, TimestampData(MOMENT)])


def put(member, data, image):
    raw = encode_data(data)
    member.take(raw, header(raw, 0, len(raw)), image)


def test_leaves_of_a_type():
    """In the order of the messages, each with the names down to it."""
    assert [path for path, _ in leaves(WYE)][:4] == [
        ("phsA", "cVal", "mag", "f"), ("phsA", "q"), ("phsA", "t"), ("phsB", "cVal", "mag", "f"),
    ]  # fmt: skip


def test_quality_and_time_are_the_nearest():
    """Those of the phase, not those of the whole; the other phase is not looked at."""
    [member] = members([tree(A, WYE)], [Wanted((*A, "phsB", "cVal", "mag", "f"), 0)])
    image = Image(1)
    put(member, StructureData([cmv(1.0), cmv(2.5, OLD), BitStringData(b"\x40\x00", 3)]), image)
    values, quality, times = image.taken([0])

    assert values.tolist() == [2.5]
    assert quality.tolist() == [Quality.INVALID | Quality.OLD]
    assert times.tolist() == [MOMENT_NS]
    assert (values.dtype, quality.dtype, times.dtype) == (np.float64, np.uint16, np.int64)


def test_members_that_are_attributes():
    """Value, quality and time may be members of their own: each report brings what has changed, the rest stays."""
    phase = (*A, "phsA")
    parts = [tree((*phase, "cVal", "mag", "f"), FLOAT), tree((*phase, "q"), Q), tree((*phase, "t"), T)]
    value, quality, time = members(parts, [Wanted((*phase, "cVal", "mag", "f"), 0)])
    image = Image(1)
    put(value, FloatData(1.5), image)
    assert image.taken([0])[1].tolist() == [Quality.INVALID]
    put(quality, GOOD, image)
    put(time, TimestampData(MOMENT, 0x20), image)
    put(value, FloatData(2.5), image)

    values, flags, times = image.taken([0])
    assert (values.tolist(), flags.tolist(), times.tolist()) == ([2.5], [Quality.TIME_UNTRUSTED], [MOMENT_NS])


def test_a_value_without_quality_is_good():
    """A setting has neither quality nor time, and so no time anywhere."""
    setting = ("LD", "PTOC1", "SP", "StrVal", "setMag", "f")
    [member] = members([tree(setting, FLOAT)], [Wanted(setting, 0)])
    image = Image(1)
    put(member, FloatData(5), image)

    assert [each.tolist() for each in image.taken([0])] == [[5.0], [0], [0]]
    assert member.untimed == (0,)


@pytest.mark.parametrize(("octet", "expected"), [(b"\x40", 0.0), (b"\x80", 1.0), (b"\x00", None), (b"\xc0", None)])
def test_a_dbpos_as_on_or_off(octet, expected):
    """Off is 0, on is 1; intermediate and bad are neither."""
    position = ("LD", "XCBR1", "ST", "Pos")
    [member] = members([tree(position, DPC)], [Wanted((*position, "stVal"), 0, on_off=True)])
    image = Image(1)
    put(member, StructureData([BitStringData(octet, 6), GOOD, TimestampData(MOMENT)]), image)

    [value] = image.taken([0])[0].tolist()
    assert math.isnan(value) if expected is None else value == expected


def test_two_points_of_one_value():
    """The position as it is, and as on or off."""
    position = ("LD", "XCBR1", "ST", "Pos")
    wanted = [Wanted((*position, "stVal"), 0), Wanted((*position, "stVal"), 1, on_off=True)]
    [member] = members([tree(position, DPC)], wanted)
    image = Image(2)
    put(member, StructureData([BitStringData(b"\x80", 6), GOOD, TimestampData(MOMENT)]), image)

    assert image.taken([0, 1])[0].tolist() == [2.0, 1.0]


def test_what_is_nowhere_is_in_no_place():
    """An attribute that the data set has not, and one that is text."""
    name = ("LD", "LPHD1", "DC", "PhyNam", "vendor")
    parts = [tree(A, WYE), tree(name, PrimitiveType("visible-string", -255))]
    found = members(parts, [Wanted((*A, "phsC", "cVal", "mag", "f"), 0), Wanted(name, 1)])

    assert [member.places for member in found] == [(), ()]


def test_a_value_of_another_type_than_told():
    """Too few parts, too many, or a part that ends elsewhere: a violation, and no value for the wrong point."""
    [member] = members([tree(A, WYE)], [Wanted((*A, "phsA", "cVal", "mag", "f"), 0)])
    for data in (StructureData([cmv(1.0)]), StructureData([cmv(1.0)] * 3), FloatData(1.0), BoolData(value=True)):
        with pytest.raises(Violation, match="parts"):
            put(member, data, Image(1))


def test_an_access_error_in_place_of_a_value():
    """A refused one is a bad reference; one that is away for now a failure, of which nothing is said."""
    [member] = members([tree(A, WYE)], [Wanted((*A, "phsA", "cVal", "mag", "f"), 0)])
    image = Image(1)
    member.take(b"\x80\x01\x0a", Span(0x80, 0, 2, 3), image)
    assert image.quality == [Quality.INVALID | Quality.BAD_REFERENCE]
    assert "object-non-existent" in image.refused.pop(0)
    member.take(b"\x80\x01\x02", Span(0x80, 0, 2, 3), image)
    assert image.quality == [Quality.INVALID | Quality.FAILURE]
    assert not image.refused


def test_types_without_end():
    """An array of four thousand million, a hundred levels, a type that is only named."""
    deep = FLOAT
    for _ in range(100):
        deep = StructureType([("x", deep)])
    for kind in (ArrayType(4_000_000_000, FLOAT), ArrayType(60_000, ArrayType(60_000, FLOAT)), deep, NamedType("x")):
        with pytest.raises(Violation):
            leaves(kind)


def test_long_values_are_passed_over():
    """Text of more than 127 bytes before the value, whose length takes more than a byte."""
    kind = StructureType([("d", PrimitiveType("visible-string", -255)), ("n", PrimitiveType("integer", 32))])
    [member] = members([tree(A, kind)], [Wanted((*A, "n"), 0)])
    image = Image(1)
    put(member, StructureData([VisibleStringData("x" * 200), IntData(7)]), image)

    assert image.values == [7.0]


def test_values_one_after_the_other():
    """End where the last one ends, or it is a violation."""
    raw = encode_data(FloatData(1)) + encode_data(IntData(1))
    assert [span.tag for span in spans(raw, 0, len(raw))] == [0x87, 0x85]
    with pytest.raises(Violation):
        spans(raw, 0, len(raw) - 1)
