"""Values, qualities and times as IEC 61850 writes them."""

import math
from datetime import UTC, datetime

import pytest
from open61850 import quality as reference
from open61850.data import BitStringData, BoolData, FloatData, IntData, TimestampData, UIntData, encode_data

from protocols.iec61850.codec import header
from protocols.iec61850.transport import Violation
from protocols.iec61850.values import bits, entry_time, flags, number, time
from protocols.model import Quality

Q = Quality
NAMES = {
    "overflow": Q.OVERFLOW, "out-of-range": Q.OUT_OF_RANGE, "bad-reference": Q.BAD_REFERENCE,
    "oscillatory": Q.OSCILLATORY, "failure": Q.FAILURE, "old-data": Q.OLD, "inconsistent": Q.INCONSISTENT,
    "inaccurate": Q.INACCURATE,
}  # fmt: skip
VALIDITY = {"good": Q.GOOD, "invalid": Q.INVALID, "reserved": Q.INVALID, "questionable": Q.QUESTIONABLE}


def decoded(function, raw):
    span = header(raw, 0, len(raw))
    return function(raw, span.tag, span.body, span.end)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (BoolData(value=True), 1.0),
        (BoolData(value=False), 0.0),
        (IntData(-5), -5.0),
        (IntData(2**40), 2.0**40),
        (UIntData(200), 200.0),
        (FloatData(230.5), 230.5),
        (FloatData(230.123456789, double=True), 230.123456789),
        (BitStringData(b"\x00", 6), 0.0),
        (BitStringData(b"\x40", 6), 1.0),
        (BitStringData(b"\x80", 6), 2.0),
        (BitStringData(b"\xc0", 6), 3.0),
    ],
)
def test_numbers(data, value):
    """Booleans, integers, floats, and Dbpos as 0 intermediate, 1 off, 2 on, 3 bad."""
    assert decoded(number, encode_data(data)) == value


def test_an_unsigned_without_its_leading_zero():
    """Seen in the field: 200 in one byte is 200, not -56."""
    assert decoded(number, b"\x86\x01\xc8") == 200.0


def test_what_is_no_number():
    """Text is none."""
    assert math.isnan(decoded(number, b"\x8a\x02ok"))


def test_every_quality_string():
    """All 8192, as the library reads them."""
    for string in range(1 << 13):
        raw = (string << 3).to_bytes(2, "big")
        told = reference.Quality.from_bitstring(BitStringData(raw, 3))
        expected = VALIDITY[told.validity]
        for name in told.details:
            expected |= NAMES[name]
        expected |= Q.SUBSTITUTED * told.substituted | Q.TEST * told.test | Q.BLOCKED * told.operator_blocked
        assert decoded(flags, b"\x84\x03\x03" + raw) == expected


@pytest.mark.parametrize(
    ("octet", "expected"),
    [(0x0A, Q.GOOD), (0x80, Q.GOOD), (0x1F, Q.GOOD), (0x20, Q.TIME_UNTRUSTED), (0x40, Q.TIME_UNTRUSTED)],
)
def test_time_and_its_quality(octet, expected):
    """To the nanosecond that 24 bits of a second can tell; a clock that failed or is not synchronised is said."""
    moment = datetime(2026, 11, 20, 10, 0, 0, 500_000, UTC)
    raw = encode_data(TimestampData(moment, octet))

    assert decoded(time, raw) == (int(moment.timestamp() * 10) * 10**8, expected)


def test_time_zero_is_none():
    """Not 1970; and no word about its quality."""
    assert decoded(time, b"\x91\x08" + bytes(7) + b"\x60") == (0, 0)


def test_time_of_entry():
    """Days since 1984 and milliseconds of the day; no day is no time."""
    days = (datetime(2026, 11, 20, tzinfo=UTC) - datetime(1984, 1, 1, tzinfo=UTC)).days
    raw = (36_000_250).to_bytes(4, "big") + days.to_bytes(2, "big")

    assert entry_time(raw, 0, 6) == int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()) * 10**9 + 250_000_000
    assert entry_time(bytes(6), 0, 6) == 0


@pytest.mark.parametrize(
    ("function", "raw"),
    [
        (number, "8704ffffffff"), (number, "8500"), (number, "8600"), (number, "8300"), (number, "8400"),
        (number, "8512" + "00" * 18), (flags, "8402 0340"), (flags, "850103"), (flags, "8403 000000"),
        (time, "9107" + "00" * 7), (time, "8508" + "00" * 8),
    ],
)  # fmt: skip
def test_wrong_sizes_are_a_violation(function, raw):
    """Of each type."""
    with pytest.raises(Violation):
        decoded(function, bytes.fromhex(raw))


@pytest.mark.parametrize("raw", ["", "08", "0800", "01"])
def test_bit_strings_that_lie(raw):
    """More unused bits than there are."""
    with pytest.raises(Violation):
        bits(bytes.fromhex(raw), 0, len(raw) // 2)
