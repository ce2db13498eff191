"""When the demonstration says that its protocols agree."""

import pytest

from gateway.demo.voices import agreed

NAN = float("nan")


@pytest.mark.parametrize(
    ("compared", "expected"),
    [
        ({"bus1": {"modbus": 6350.0, "dnp3": 6360.0}, "bus2": {"modbus": 6350.0, "dnp3": 6350.0}}, True),
        ({"bus1": {"modbus": 6350.0, "dnp3": 6350.0}, "bus2": {"modbus": 6350.0, "dnp3": 6400.0}}, False),
        ({"bus1": {"modbus": 6350.0, "dnp3": NAN}}, False),
        ({"bus1": {"modbus": NAN, "dnp3": NAN}}, False),
        ({}, False),
    ],
    ids=["near", "apart", "one silent", "all silent", "never compared"],
)
def test_protocols_agree_only_if_all_of_them_tell_nearly_the_same(compared, expected):
    """Of every bay; a silent protocol agrees with nobody, and what was never compared does not agree."""
    assert agreed(compared) is expected
