"""What groups have shown before: a few are taken one by one, many as arrays, and it is the same."""

import numpy as np
import pytest

from detectors.replay.history import MEMORY, History


@pytest.mark.parametrize("frames", [500, 70_000], ids=["a slot for each place", "a slot for some"])
def test_one_by_one_or_together(frames):
    """New prints leave the same behind, marks of time and halved counts too."""
    rng = np.random.default_rng(1)
    one, together = History(2, frames), History(2, frames)
    for second, prints in enumerate(rng.integers(1 << 16, (1 << 31) - 1, (MEMORY + 200, 2))):
        groups = np.array([0, 1][: 1 + second % 2])
        if all(one.new(group, int(prints[group])) for group in groups.tolist()):
            for group in groups.tolist():
                one.enter(group, int(prints[group]), second)
        else:
            one.advance(groups, prints[groups], second)
        together.advance(groups, prints[groups], second)

    without = {name: array for name, array in one.state().items() if name != "at"}  # it means nothing between runs
    for name, array in without.items():
        np.testing.assert_array_equal(array, together.state()[name], name)


def test_what_was_shown_before_is_not_new():
    """Nor is a print while a run goes on."""
    history, prints = History(1, 500), np.array([[5 << 16 | 1], [6 << 16 | 2], [7 << 16 | 3]])
    for second, print_ in enumerate(prints):
        history.advance(np.zeros(1, np.int64), print_, second)

    assert not history.new(0, 6 << 16 | 2)
    assert history.new(0, 8 << 16 | 4)

    history.advance(np.zeros(1, np.int64), prints[0], 3)

    assert not history.new(0, 8 << 16 | 4)
