"""Batches: where their rows are, and what is told of their readings."""

import numpy as np
import pytest

from protocols.model import BELIEVABLE, Batch, Quality, sound, span


def test_rows_are_a_slice_where_they_are_contiguous():
    """Whatever was asked before."""
    whole, gap, later = (np.array(rows, np.int32) for rows in ([3, 4, 5], [3, 5], [7]))

    for _ in range(2):
        assert [span(whole), span(whole), span(later)] == [slice(3, 6), slice(3, 6), slice(7, 8)]
        assert span(gap) is gap


@pytest.mark.parametrize(
    ("value", "quality", "complete"),
    [
        (1.0, Quality.GOOD, True),
        (1.0, Quality.QUESTIONABLE, False),
        (BELIEVABLE, Quality.GOOD, False),
        (-1e308, Quality.GOOD, False),
        (np.nan, Quality.GOOD, False),
        (-np.inf, Quality.GOOD, False),
    ],
)
def test_a_batch_is_complete_where_nothing_is_wrong(value, quality, complete):
    """One reading is enough that somebody has to look; what is no finite number is invalid as well."""
    flags = np.array([0, quality], np.uint16)
    batch = sound(Batch(np.arange(2, dtype=np.int32), np.array([1.0, value]), flags, np.zeros(2, np.int64), 1))

    assert batch.complete is complete
    assert bool(batch.quality[1] & Quality.INVALID) == (not np.isfinite(value))
