"""Trends: what windows say, in steps, within a number of bytes."""

import numpy as np
import pytest

from gateway.core.messages import Summary
from gateway.core.trends import HOURS, OPEN_BYTES, SLOT_BYTES, SLOTS_MAX, Trends
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000
START_NS = 1_763_632_800 * NS
MIB = 1024 * 1024


def points(*devices):
    return Points.of(
        [(DeviceConfig(name=name), [PointConfig(name=f"p{n}") for n in range(n_)]) for name, n_ in devices]
    )


def window(at_s, mean, *, count=10, device="d", n=2, spread=1.0, quality=0):
    values = np.full(n, float(mean))
    return Summary(
        device=device, start_ns=START_NS + at_s * NS, length_ns=10 * NS, points=tuple(f"p{i}" for i in range(n)),
        count=np.full(n, count, np.uint32), min=values - spread, max=values + spread, mean=values, last=values,
        quality=np.full(n, quality, np.uint16),
    )  # fmt: skip


def told(trends, at_s, *, row=0, hours=1.0):
    found = trends.of(row, now_ns=START_NS + at_s * NS, hours=hours)
    return found.values.tolist(), found.quality.tolist(), (found.start_ns - START_NS) // NS


@pytest.mark.parametrize(
    ("n", "step_s"), [(1, 10), (100, 10), (1000, 120), (10_000, 900), (50_000, 3600), (200_000, 0), (0, 0)]
)
def test_steps_by_the_number_of_points(n, step_s):
    """The shortest with which six hours fit into 4 MiB; where two slots do not fit there are none."""
    trends = Trends(points(("d", n)), 4 * MIB, 10)
    used = trends.slots * n * SLOT_BYTES + OPEN_BYTES * n if step_s else 0

    assert trends.step_s == step_s
    assert used <= 4 * MIB
    assert trends.slots <= SLOTS_MAX
    assert not 0 < step_s < 3600 or trends.slots * step_s >= HOURS * 3600


def test_a_step_is_what_its_windows_say():
    """The mean by readings, the least and greatest of all, every flag; nothing where nothing was read."""
    trends = Trends(points(("d", 1000)), 4 * MIB, 10)
    for at_s, mean, count, quality in ((0, 10.0, 10, 1), (10, 40.0, 20, 4), (240, 7.0, 1, 0)):
        trends.observe(window(at_s, mean, count=count, n=1000, quality=quality))
    (mean, least, greatest), quality, start_s = told(trends, 250, hours=0.1)

    assert (start_s, trends.step_s) == (0, 120)
    assert mean == pytest.approx([30.0, np.nan, 7.0], nan_ok=True)
    assert least == pytest.approx([9.0, np.nan, 6.0], nan_ok=True)
    assert greatest == pytest.approx([41.0, np.nan, 8.0], nan_ok=True)
    assert quality == [5, 0, 0]


def test_a_window_without_readings_says_nothing_but_its_quality():
    """NaN of it hides nothing of the step."""
    trends = Trends(points(("d", 1000)), 4 * MIB, 10)
    trends.observe(window(0, 10.0, n=1000))
    trends.observe(window(10, np.nan, count=0, n=1000, quality=8))
    (mean, *_), quality, _ = told(trends, 20, hours=0.03)

    assert (mean, quality) == ([10.0], [8])


def test_the_oldest_gives_its_place():
    """What is older than there are slots is not shown as new, also after a long silence."""
    trends = Trends(points(("d", 10_000)), 4 * MIB, 10)
    for step in range(trends.slots + 3):
        trends.observe(window(step * 900, step, n=10_000))
    (mean, *_), _, _ = told(trends, (trends.slots + 2) * 900, hours=24)
    assert mean == [float(step) for step in range(3, trends.slots + 3)]
    (mean, *_), _, _ = told(trends, (trends.slots * 3) * 900, hours=24)
    assert np.isnan(mean).all()


def test_a_clock_that_was_set_back():
    """What was told of the time ahead is not shown; the step is told anew."""
    trends = Trends(points(("d", 10_000)), 4 * MIB, 10)
    for at_s, mean in ((0, 1.0), (900, 2.0), (1800, 3.0), (900, 5.0)):
        trends.observe(window(at_s, mean, n=10_000))
    (mean, *_), _, _ = told(trends, 1000, hours=0.5)

    assert mean == [1.0, 5.0]


def test_another_configuration_goes_on():
    """Points that are still there keep theirs, wherever they stand now, and the open step goes on."""
    older = Trends(points(("d", 20), ("e", 2)), 4 * MIB, 10)
    older.observe(window(0, 1.0, n=20))
    older.observe(window(0, 2.0, device="e"))
    newer = Trends(points(("new", 3), ("e", 2), ("d", 10)), 4 * MIB, 10)
    newer.take_over(older)
    newer.observe(window(10, 4.0, device="e"))

    assert told(newer, 10, row=3, hours=0.006)[0][0] == [2.0, 4.0]
    assert told(newer, 0, row=5, hours=0.003)[0][0] == [1.0]
    assert np.isnan(told(newer, 10, row=0, hours=0.006)[0][0]).all()


def test_huge_values_are_no_fault():
    """What is beyond a float32 is shown as nothing by JSON, without a warning."""
    trends = Trends(points(("d", 2)), 4 * MIB, 10)
    trends.observe(window(0, 1e300))
    (mean, *_), _, _ = told(trends, 0, hours=0.003)

    assert mean == [float("inf")]
