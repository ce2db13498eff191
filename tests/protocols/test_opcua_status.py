"""Status codes as quality: each code by its published number, and severity where a code is unknown."""

import pytest
from asyncua.ua.status_codes import StatusCodes

from protocols.model import UNUSABLE, Quality
from protocols.opcua.status import CODES, bad, name, overflowed, quality, refuses


def test_names_and_numbers_are_those_of_the_standard():
    """Compared with another implementation's table, which is made from the OPC Foundation's."""
    for code, (said, _) in CODES.items():
        assert getattr(StatusCodes, said) == code


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x0000_0000, Quality.GOOD),
        (0x0096_0000, Quality.SUBSTITUTED),
        (0x4000_0000, Quality.QUESTIONABLE),
        (0x4090_0000, Quality.QUESTIONABLE | Quality.OLD),
        (0x4091_0000, Quality.QUESTIONABLE | Quality.SUBSTITUTED),
        (0x4093_0000, Quality.QUESTIONABLE | Quality.INACCURATE),
        (0x4094_0000, Quality.QUESTIONABLE | Quality.OUT_OF_RANGE),
        (0x8000_0000, Quality.INVALID),
        (0x8031_0000, Quality.INVALID | Quality.COMM_LOST),
        (0x8032_0000, Quality.INVALID | Quality.RESTART),
        (0x8034_0000, Quality.INVALID | Quality.BAD_REFERENCE),
        (0x803C_0000, Quality.INVALID | Quality.OUT_OF_RANGE),
        (0x808C_0000, Quality.INVALID | Quality.FAILURE),
        (0x808D_0000, Quality.INVALID | Quality.BLOCKED),
        (0x0000_0500, Quality.OUT_OF_RANGE),
        (0x0000_0600, Quality.OUT_OF_RANGE),
        (0x0000_0700, Quality.GOOD),
        (0x0000_0480, Quality.GOOD),
    ],
    ids=lambda value: f"{value:#010x}" if isinstance(value, int) and not isinstance(value, Quality) else "",
)
def test_what_a_status_says_against_a_value(status, expected):
    """Conditions by the table; low and high limited is out of range, constant and overflow are nothing against it."""
    assert quality(status) == expected


def test_an_unknown_condition_counts_by_its_severity():
    """Also the reserved one, which is bad (OPC 10000-4 clause 7.38.1)."""
    assert [quality(code) for code in (0x1234_0000, 0x5234_0000, 0x9234_0000, 0xD234_0000)] == [
        Quality.GOOD, Quality.QUESTIONABLE, Quality.INVALID, Quality.INVALID,
    ]  # fmt: skip
    assert [bad(code) for code in (0x1234_0000, 0x5234_0000, 0x9234_0000, 0xD234_0000)] == [False, False, True, True]
    assert name(0x9234_0000) == "status 0x92340000"


def test_every_bad_status_makes_a_value_unusable():
    """No detector judges a value that its server calls bad."""
    for code in range(0x8000_0000, 0x8200_0000, 0x0001_0000):
        assert quality(code) & UNUSABLE


def test_refusals_and_overflow():
    """A node that can never be read, and values that were lost before this one."""
    assert refuses(0x8034_0000)
    assert not refuses(0x8031_0000)
    assert overflowed(0x0000_0480)
    assert not overflowed(0x0000_0080)
