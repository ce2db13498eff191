"""The process image: the last reading, and what a loss does to it."""

import numpy as np

from gateway.core.image import Image
from protocols.model import Quality


def test_last_reading(core):
    """It holds the last reading of every point, and nothing before the first one."""
    image = Image(core.points())
    image.observe(core.batch(1, {0: 1.0, 2: 1.0}, time_ns=7))
    image.observe(core.batch(2, {0: 2.0}, Quality.OLD))

    np.testing.assert_array_equal(image.values, [2.0, np.nan, 1.0, np.nan])
    assert image.quality.tolist() == [Quality.OLD, Quality.INVALID | Quality.OLD, 0, Quality.INVALID | Quality.OLD]
    assert (image.time_ns.tolist(), image.arrival_ns.tolist()) == ([0, 0, 7, 0], [core.ns(2), 0, core.ns(1), 0])


def test_lost(core):
    """A lost device keeps values and times, and marks their quality, until it is read again."""
    image = Image(core.points())
    image.observe(core.batch(1, {0: 1.0, 1: 1.5, 2: 1.0, 3: 9.0}, time_ns=7))
    lost = image.lost("bay1", core.ns(5))

    assert lost is not None
    assert (lost.rows.tolist(), lost.values.tolist(), lost.time_ns.tolist()) == ([0, 1, 2], [1.0, 1.5, 1.0], [7] * 3)
    assert image.quality.tolist() == [Quality.COMM_LOST] * 3 + [0]
    image.observe(core.batch(6, {0: 1.0}))
    assert image.quality.tolist() == [0, Quality.COMM_LOST, Quality.COMM_LOST, 0]
    assert lost.quality.tolist() == [Quality.COMM_LOST] * 3


def test_lost_without_points(core):
    """A device that is unknown, or has no points, has nothing to lose."""
    assert [Image(core.points()).lost(device, 1) for device in ("unknown", "empty")] == [None, None]
