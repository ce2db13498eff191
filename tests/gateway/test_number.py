"""How a person reads a value."""

from math import inf, nan

import pytest

from gateway.number import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (230.1234567, "230.123"),
        (0.00012345678, "0.000123457"),
        (999_999, "999999"),
        (5_094_581.0, "5094581"),
        (-12_345_678.9, "-12345679"),
        (6.30634e37, "6.30634e+37"),
        (nan, "no number"),
        (-inf, "no number"),
    ],
)
def test_a_value_is_shown(value, text):
    """Six digits are enough for a measurement; a counter keeps all that a display shows."""
    assert text == shown(value)
