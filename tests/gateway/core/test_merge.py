"""Merging: what it may join, and what it must keep."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.merge import MERGED_ROWS, merge
from protocols.model import Batch, Event, EventKind, Tick

WINDOW_NS = 1000


@st.composite
def waiting(draw):
    """Return batches of any rows, empty ones too, with events and ticks between; each value is unique."""
    seen, number = [], 0
    for now_ns in sorted(draw(st.lists(st.integers(1, 5000), max_size=30))):
        what = draw(st.sampled_from(["batch"] * 6 + ["event", "tick"]))
        if what == "batch":
            rows = np.array(sorted(draw(st.sets(st.integers(0, 8), max_size=4))), np.int32)
            n, number = len(rows), number + len(rows)
            values = np.arange(number - n, number, dtype=np.float64)
            seen.append(Batch(rows, values, values.astype(np.uint16), values.astype(np.int64), now_ns))
        else:
            seen.append(Tick(now_ns) if what == "tick" else Event("d", EventKind.CLOCK, "", now_ns))
    return seen


def readings(seen):
    """Return each point's readings in order, with the number of ticks and events before each."""
    found, others = {}, []
    for each in seen:
        if isinstance(each, Batch):
            for row, value, quality, time_ns in zip(each.rows, each.values, each.quality, each.time_ns, strict=True):
                assert value == quality == time_ns
                found.setdefault(int(row), []).append((len(others), float(value)))
        else:
            others.append(each)
    return found, others


@given(seen=waiting())
def test_keeps_what_matters(seen):
    """Nothing is lost, each point's readings stay in order, ticks and events stay where they are.

    No point is twice in a batch, rows ascend, and readings of different windows stay apart.
    """
    merged = list(merge(seen, WINDOW_NS))

    assert readings(merged) == readings(seen)
    arrivals = {float(value): b.arrival_ns for b in seen if isinstance(b, Batch) for value in b.values}
    for batch in (each for each in merged if isinstance(each, Batch)):
        assert len(batch)
        assert (np.diff(batch.rows) > 0).all()
        assert {arrivals[float(value)] // WINDOW_NS for value in batch.values} == {batch.arrival_ns // WINDOW_NS}
        assert batch.arrival_ns == max(arrivals[float(value)] for value in batch.values)


def device(first, n, now_ns):
    return Batch(
        np.arange(first, first + n, dtype=np.int32), np.zeros(n), np.zeros(n, np.uint16), np.zeros(n, np.int64), now_ns
    )


def test_joins_devices():
    """The batches of many devices become one, in the order of the table, ready for slices."""
    [batch] = merge([device(first, 10, 1) for first in (20, 0, 10)], WINDOW_NS)

    assert batch.rows.tolist() == list(range(30))


def test_bounded():
    """A merged batch has its bound."""
    sizes = [len(each) for each in merge([device(k * 30_000, 30_000, 1) for k in range(5)], WINDOW_NS)]

    assert (max(sizes) <= MERGED_ROWS, sum(sizes)) == (True, 150_000)
