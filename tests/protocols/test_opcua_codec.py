"""The OPC UA codec: what asyncua encodes is what we read, and illegal bytes are a Violation and nothing else."""

import random
import struct
import tracemalloc
from datetime import UTC, datetime

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary

from protocols.model import Quality
from protocols.opcua.binary import DEEPEST, Reader, Violation
from protocols.opcua.codec import EPOCH, header, items, nanoseconds, notified, readings

INSTANT = datetime(2026, 11, 20, 10, 0, 0, 123_456, tzinfo=UTC)
INSTANT_NS = 1_795_168_800_123_456_000
BAD_REFERENCE = Quality.INVALID | Quality.BAD_REFERENCE


def data_value(value, kind=None, status=0, source=None, server=None):
    return ua.DataValue(
        ua.Variant(value, kind), StatusCode=ua.StatusCode(status), SourceTimestamp=source, ServerTimestamp=server
    )


def published(values, sequence=7, subscription=3):
    """Return the bytes by which asyncua answers a publish request with `values`, by client handle."""
    changed = [ua.MonitoredItemNotification(handle, value) for handle, value in enumerate(values)]
    message = ua.NotificationMessage(SequenceNumber=sequence, NotificationData=[ua.DataChangeNotification(changed)])
    result = ua.PublishResult(subscription, [], False, message, [], [])
    return struct_to_binary(ua.PublishResponse(Parameters=result))


def read(values):
    return struct_to_binary(ua.ReadResponse(Results=values))


def parse(data):
    reader = Reader(data)
    head = header(reader)
    return head, (notified(reader) if head.kind == 829 else readings(reader))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "Boolean"), (-5, "SByte"), (250, "Byte"), (-3000, "Int16"), (60_000, "UInt16"), (-70_000, "Int32"),
        (4_000_000_000, "UInt32"), (-(2**52), "Int64"), (2**52, "UInt64"), (0.5, "Float"), (231.7, "Double"),
    ],
)  # fmt: skip
def test_every_number_is_read_as_another_implementation_writes_it(value, kind):
    """By its type, whatever that is; an enumeration is an Int32."""
    _, seen = parse(published([data_value(value, ua.VariantType[kind], 0, INSTANT, INSTANT)]))

    assert seen.values.tolist() == [float(value)]
    assert seen.quality.tolist() == [0]
    assert seen.time_ns.tolist() == [INSTANT_NS]
    assert (seen.subscription, seen.sequence, seen.handles.tolist(), seen.keep_alive) == (3, 7, [0], False)


def test_only_the_source_tells_the_time_of_a_value():
    """Without a source timestamp there is none, whatever the server's clock says."""
    [found] = parse(read([data_value(1.0, server=INSTANT)]))[1]

    assert nanoseconds(found.filetime) == 0


def test_picoseconds_stand_where_the_standard_has_them():
    """OPC 10000-6 clause 5.2.2.17: each beside its timestamp, not both at the end."""
    pieces = struct.pack("<BBdIqHqH", 0x3F, 11, 1.5, 0, EPOCH + 10, 99, EPOCH + 20, 98)
    found = Reader(pieces + b"\x01").value()

    assert (found.value, found.filetime) == (1.5, EPOCH + 10)


def test_times_that_no_calendar_of_ours_has_are_none():
    """Zero is 1601, the longest is beyond the year 9999."""
    assert [nanoseconds(time) for time in (0, -1, EPOCH, EPOCH + 1, 2**63 - 1)] == [0, 0, 0, 100, 0]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("closed", "a String"), ([1.0, 2.0], "an array of Double"), (INSTANT, "a DateTime"), (b"\1\2", "a ByteString"),
        (ua.LocalizedText("auf", "de"), "a LocalizedText"), (ua.QualifiedName("x", 2), "a QualifiedName"),
        (ua.NodeId("x", 2), "a NodeId"), (ua.Range(1.0, 2.0), "a ExtensionObject"), (["a", None], "an array of String"),
        (ua.StatusCode(0x80340000), "a StatusCode"), ([ua.Variant(1.0), ua.Variant("x")], "an array of Variant"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_named_and_the_others_are_read(value, what):
    """It is a bad reference, which only an engineer can put right."""
    _, seen = parse(published([data_value(1.0), data_value(value), data_value(3.0)]))

    assert seen.values[[0, 2]].tolist() == [1.0, 3.0]
    assert np.isnan(seen.values[1])
    assert seen.quality.tolist() == [0, BAD_REFERENCE, 0]
    assert seen.refused == {1: f"{what}, where a number is needed"}


def test_a_bad_status_needs_no_value():
    """A status without a value is that quality; a good one without a value is invalid."""
    bad = ua.DataValue(ua.Variant(), StatusCode=ua.StatusCode(0x808C0000))
    _, seen = parse(published([bad, data_value(None), data_value(None, status=0x80340000)]))

    assert seen.quality.tolist() == [Quality.INVALID | Quality.FAILURE, Quality.INVALID, BAD_REFERENCE]
    assert seen.refused == {2: "BadNodeIdUnknown"}


def test_a_full_queue_in_the_server_is_told():
    """The overflow bit names the value before which others were lost."""
    _, seen = parse(published([data_value(1.0), data_value(2.0, status=0x0480)]))

    assert seen.overflowed == (1,)
    assert seen.quality.tolist() == [0, 0]


def test_a_keep_alive_and_an_end():
    """A message without notifications, and one that ends the subscription."""
    alive = ua.PublishResult(3, [], False, ua.NotificationMessage(SequenceNumber=8, NotificationData=[]), [], [])
    end = ua.StatusChangeNotification(ua.StatusCode(0x800A0000))
    ended = ua.PublishResult(3, [1, 2], False, ua.NotificationMessage(9, INSTANT, [end]), [], [])

    assert parse(struct_to_binary(ua.PublishResponse(Parameters=alive)))[1].keep_alive
    assert parse(struct_to_binary(ua.PublishResponse(Parameters=ended)))[1].closed == 0x800A0000


def test_results_of_monitored_items():
    """Status, and what the server made of sampling and queue."""
    made = [
        ua.MonitoredItemCreateResult(ua.StatusCode(0), 5, 250.0, 10),
        ua.MonitoredItemCreateResult(ua.StatusCode(0x80340000)),
    ]
    reader = Reader(struct_to_binary(ua.CreateMonitoredItemsResponse(Results=made)))
    header(reader)

    assert items(reader) == [(0, 250.0, 10), (0x80340000, 0.0, 0)]


def test_facts_are_texts_times_and_numbers():
    """What a server says of itself; None for what is of another kind."""
    told = [data_value(["urn:a", "urn:b"]), data_value("Meter"), data_value(INSTANT), data_value(17), data_value(b"x")]
    reader = Reader(read(told))
    header(reader)
    facts = [reader.fact() for _ in range(reader.count())]

    assert facts == [("urn:a", "urn:b"), ("Meter",), INSTANT_NS // 100 + EPOCH, 17, None]


def test_every_cut_is_a_violation():
    """A message that ends early is never taken for a shorter one."""
    whole = published([data_value(1.0, source=INSTANT), data_value("text"), data_value([1, 2])])
    for end in range(len(whole)):
        with pytest.raises(Violation):
            parse(whole[:end])


@pytest.mark.parametrize("kind", range(26))
def test_a_count_that_lies_costs_nothing(kind):
    """Two billion elements of any type in a few bytes: at once a violation or nothing, and no memory."""
    lie = struct.pack("<BBi", 1, 0x80 | kind, 2**31 - 1)
    tracemalloc.start()
    try:
        Reader(lie + bytes(40)).value()
    except Violation:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 100_000


@pytest.mark.parametrize(
    "level",
    [b"\x18", b"\x17\x01", b"\x98\x01\x00\x00\x00", b"\x19\x40"],
    ids=["variant", "data value", "array of variants", "diagnostics"],
)
def test_nesting_has_a_limit(level):
    """Values within values are left out down to a depth, then they are a violation; never a RecursionError."""
    nested = b"\x01" + level * 10_000 if level != b"\x19\x40" else b"\x01\x19" + b"\x40" * 10_000

    with pytest.raises(Violation, match=f"deeper than {DEEPEST}"):
        Reader(nested + bytes(64)).value()


def test_mutations_are_violations_or_values():
    """20,000 damaged messages: nothing but a Violation is ever raised, and memory stays where it was."""
    dice = random.Random(7)
    values = [data_value(1.0, source=INSTANT), data_value("a"), data_value([1, 2]), data_value(ua.LocalizedText("x"))]
    whole = [published(values), read(values), published([data_value(True)] * 20)]
    for _ in range(20_000):
        data = bytearray(dice.choice(whole))
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        try:
            reader = Reader(bytes(data))
            header(reader)
            (notified if dice.random() < 0.5 else readings)(reader)
        except Violation:
            pass


def test_variants_of_variants_are_left_out_whole():
    """What follows something that was left out is still found."""
    inner = variant_to_binary(ua.Variant([ua.Variant("x"), ua.Variant([1, 2])], ua.VariantType.Variant))
    reader = Reader(b"\x01" + inner + b"\x2a")
    reader.value()

    assert reader.u8() == 0x2A
