"""Report by exception: what is sent at once, and what is not."""

import math

import pytest

from gateway.core.changes import Changes
from gateway.core.image import Image
from protocols.model import Quality
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points
from protocols.settings import settings

NAN = math.nan


@pytest.fixture
def changes(core):
    return Changes(core.points(deadband=1.0))


def sent(changes, *batches):
    """Return what is sent, as lists of (point, value)."""
    told = [change for batch in batches for change in changes.observe(batch)]
    return [list(zip(each.points, each.values.tolist(), strict=True)) for each in told]


def test_first_reading(core, changes):
    """The first reading is sent, one change a device; without a dead-band only that of a status."""
    first = core.batch(0, {0: 0.0, 2: 0.0, 3: 7.0})

    assert sent(changes, first) == [[("va", 0.0), ("cb", 0.0)], [("p", 7.0)]]
    assert sent(Changes(core.points()), first) == [[("cb", 0.0)]]


def test_dead_band(core, changes):
    """A move by the dead-band is within; beyond it counts from what was sent, so that a creep is seen."""
    seen = [core.batch(at, {0: value}) for at, value in enumerate([0.0, 1.0, 0.6, 1.01, 1.5, 2.02, 1.5])]

    assert sent(changes, *seen) == [[("va", 0.0)], [("va", 1.01)], [("va", 2.02)]]


def test_status(core, changes):
    """A status is sent when it switches, with its own time."""
    changes.observe(core.batch(0, {2: 0.0}))
    assert sent(changes, core.batch(1, {2: 0.0})) == []
    [change] = changes.observe(core.batch(2, {0: 0.0, 2: 1.0}, time_ns=77))

    assert (change.points, change.times_ns.tolist(), change.time_ns) == (("va", "cb"), [77, 77], core.ns(2))


@settings
class Event(PointConfig):
    """A status whose changes are events."""

    status = sequenced = property(lambda _: True)


def test_the_event_of_what_a_poll_has_shown(core):
    """A status with a time of its own that was not sent yet is sent, though its value is known; once."""
    points = [PointConfig(name="va"), PointConfig(name="vb"), Event(name="cb")]
    changes = Changes(Points.of([(DeviceConfig(name="rtu"), points)]))
    told = [
        change.times_ns.tolist()
        for at, time_ns in enumerate([0, 77, 77, 0, 78])
        for change in changes.observe(core.batch(at, {2: 1.0}, time_ns=time_ns))
    ]

    assert told == [[0], [77], [78]]


def test_nothing_else_is_an_event_because_of_its_time(core, changes):
    """A status that is polled, and what stays within its dead-band, is sent once, whatever its time."""
    seen = [core.batch(at, {0: 1.0, 2: 1.0, 3: 1.0}, time_ns=at + 1) for at in range(5)]

    assert sent(changes, *seen) == [[("va", 1.0), ("cb", 1.0)], [("p", 1.0)]]


def test_quality(core, changes):
    """A change of quality is sent without a change of value, once each way."""
    seen = [core.batch(at, {2: 1.0}, quality) for at, quality in enumerate([0, 2, 2, 0, 0])]

    assert sent(changes, *seen) == [[("cb", 1.0)]] * 3


def test_refused_is_one_change(core, changes):
    """A point that never has a value is told once, not at each poll."""
    seen = [core.batch(at, {0: NAN}, Quality.BAD_REFERENCE) for at in range(5)]

    assert len(sent(changes, *seen)) == 1
    assert sent(changes, core.batch(6, {0: 4.0})) == [[("va", 4.0)]]
    assert len(sent(changes, *seen)) == 1


def test_none_at_all_is_no_change(core, changes):
    """A good reading without a value, before any value, says nothing."""
    assert sent(changes, core.batch(0, {0: NAN})) == []


def test_comm_lost_and_back(core, changes):
    """A loss is told once, with the last values; the first reading afterwards is told, even if nothing moved."""
    image = Image(core.points())
    first = core.batch(0, {0: 5.0, 1: 6.0, 2: 1.0})
    for each in (image, changes):
        each.observe(first)
    lost = [image.lost("bay1", core.ns(at)) for at in (1, 2)]

    assert sent(changes, *lost) == [[("va", 5.0), ("vb", 6.0), ("cb", 1.0)]]
    assert sent(changes, first) == [[("va", 5.0), ("vb", 6.0), ("cb", 1.0)]]


def test_any_move(core):
    """A dead-band of 0 sends every move, and no standing still."""
    changes = Changes(core.points(deadband=0.0))

    assert len(sent(changes, *(core.batch(at, {3: value}) for at, value in enumerate([1.0, 1.0, 1.0000001, 1.0])))) == 3
