"""Fifteen digits by arithmetic are those of the text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.digits import rounded

MANY = 20_000


def _by_text(values):
    return [float(f"{value:.15g}") for value in values.tolist()]


@pytest.mark.parametrize("power", range(-12, 19, 3))
def test_numbers_of_every_size_are_those_of_the_text(power):
    """Doubles of all 17 digits, one of ten of which lies on one half in the arithmetic."""
    values = np.random.default_rng(power + 12).uniform(-1000, 1000, MANY) * 10.0**power

    assert _by_text(values) == rounded(values).tolist()


@given(st.decimals(places=6, allow_nan=False, allow_infinity=False, min_value=-(10**8), max_value=10**8))
def test_a_decimal_stays_what_it_is(decimal):
    """What a device can show is not touched."""
    assert [float(decimal)] == rounded(np.array([float(decimal)])).tolist()


def test_bounds():
    """Powers of ten and their neighbours, zeros, the least and the largest."""
    powers = 10.0 ** np.arange(-20, 20)
    neighbours = np.concatenate((powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf)))
    values = np.concatenate((neighbours, -neighbours, [0.0, -0.0, 5e-324, 1.7976931348623157e308, np.inf, -np.inf]))

    assert _by_text(values) == rounded(values).tolist()
    assert np.isnan(rounded(np.array([np.nan, 1.0]))).tolist() == [True, False]
