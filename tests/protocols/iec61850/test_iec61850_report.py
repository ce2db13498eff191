"""Reports: header, inclusion and reasons, as open61850 writes them."""

import itertools
from datetime import UTC, datetime

import pytest
from open61850.data import (
    BitStringData,
    BoolData,
    FloatData,
    OctetStringData,
    RawData,
    UIntData,
    VisibleStringData,
    encode_binary_time,
)
from open61850.mms import pdu
from open61850.mms.report import OptFlds, ReasonCode, bitstring_of
from open61850.server import protocol

from protocols.iec61850.codec import Report, header, incoming
from protocols.iec61850.report import GI, INTEGRITY, taken
from protocols.iec61850.transport import Violation

MOMENT = datetime(2026, 11, 20, 10, 0, 0, 250_000, UTC)
MOMENT_NS = int(MOMENT.timestamp() * 1000) * 1_000_000


def message(options, included, *, values=None, extra=()):
    fields = [VisibleStringData("brcb"), options.to_bitstring()]
    if options.sequence_number:
        fields.append(UIntData(7))
    if options.report_time_stamp:
        fields.append(RawData(0x8C, encode_binary_time(MOMENT)))
    if options.data_set_name:
        fields.append(VisibleStringData("LD/LLN0$ds"))
    if options.buffer_overflow:
        fields.append(BoolData(value=True))
    if options.entry_id:
        fields.append(OctetStringData(b"\x00\x00\x00\x00\x00\x00\x00\x2a"))
    if options.conf_revision:
        fields.append(UIntData(3))
    if options.segmentation:
        fields += [UIntData(1), BoolData(value=True)]
    fields.append(bitstring_of(included))
    count = sum(included)
    if options.data_reference:
        fields += [VisibleStringData("LD/x")] * count
    fields += values or [FloatData(float(index)) for index in range(count)]
    if options.reason_for_inclusion:
        fields += [
            ReasonCode(integrity=True).to_bitstring(),
            *[ReasonCode(data_change=True).to_bitstring()] * (count - 1),
        ]
    return pdu.wrap(protocol.information_report([*fields, *extra], list_name="RPT"))


def test_every_set_of_options():
    """All 512: what is there is found, what is not is None."""
    for bits in itertools.product([False, True], repeat=9):
        check(OptFlds(*bits))


def check(options):
    found = incoming(message(options, [True, False, True]))
    assert isinstance(found, Report)
    seen = taken(found)

    assert seen.name == "brcb"
    assert seen.sequence == (7 if options.sequence_number else None)
    assert seen.time_ns == (MOMENT_NS if options.report_time_stamp else 0)
    assert seen.data_set == ("LD/LLN0$ds" if options.data_set_name else None)
    assert seen.overflow is options.buffer_overflow
    assert seen.entry_id == (b"\x00" * 7 + b"\x2a" if options.entry_id else None)
    assert seen.revision == (3 if options.conf_revision else None)
    assert (seen.segment, seen.more) == ((1, True) if options.segmentation else (None, False))
    assert (seen.size, seen.members, len(seen.values)) == (3, [0, 2], 2)
    assert bool(seen.reasons & INTEGRITY) is options.reason_for_inclusion
    assert not seen.reasons & GI


@pytest.mark.parametrize("size", [1, 7, 8, 9, 1000])
def test_inclusion_of_any_size(size):
    """The last member, too, where the bits do not fill their byte."""
    included = [index % 3 == 0 or index == size - 1 for index in range(size)]
    seen = taken(incoming(message(OptFlds(), included)))

    assert seen.size == size
    assert seen.members == [index for index, each in enumerate(included) if each]


def test_reports_that_do_not_keep_their_word():
    """Fewer values than included, more than announced, a field of another type."""
    options = OptFlds(sequence_number=True)
    for wire in (
        message(options, [True, True], values=[FloatData(1.0)]),
        message(options, [True], extra=[FloatData(1.0)]),
        pdu.wrap(protocol.information_report([VisibleStringData("x")], list_name="RPT")),
        pdu.wrap(protocol.information_report([UIntData(1)], list_name="RPT")),
        pdu.wrap(
            protocol.information_report(
                [VisibleStringData("x"), BitStringData(b"\x40\x00", 6), FloatData(1.0)], list_name="RPT"
            )
        ),
    ):
        with pytest.raises(Violation):
            taken(incoming(wire))


def test_reports_of_something_else_concern_nobody():
    """The end of a control that somebody else gave."""
    wire = pdu.wrap(protocol.information_report([FloatData(1.0)], list_name="LastApplError"))

    assert incoming(wire) is None


@pytest.mark.parametrize("raw", ["3080", "30850000000001", "3f8101", "30", "3005aa"])
def test_headers_that_lie(raw):
    """Without a length, with one of five bytes, with a long tag, cut off, and longer than what there is."""
    with pytest.raises(Violation):
        header(bytes.fromhex(raw), 0, len(raw) // 2)
