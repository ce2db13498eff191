"""The beat: everybody's next moment is one of a grid, and never this one again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.beat import EARLY, until_next


@given(st.floats(0, 1e8), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_the_next_moment_is_of_the_grid(now_s, every_s):
    left_s = until_next(every_s, now_s)

    assert 0 < left_s <= every_s * (1 + 2 * EARLY)
    assert (now_s + left_s) / every_s == pytest.approx(round((now_s + left_s) / every_s), abs=1e-6)


@pytest.mark.parametrize("early_s", [0.0, 1e-9, 2e-5])
def test_a_sleep_that_ends_early_is_not_slept_again(early_s):
    """Else everything would happen twice."""
    assert until_next(0.25, 10.0 - early_s) == pytest.approx(0.25, abs=1e-4)
