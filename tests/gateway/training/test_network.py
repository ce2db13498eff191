"""The network learns by the right gradients, the same way every time, and the file does what the network does."""

import numpy as np
import pytest
from trained import rows

from detectors.tflite.runtime import load
from gateway.training.flat import flat
from gateway.training.history import ROWS_MOST, TooLittle, chosen, gathered
from gateway.training.lesson import calibrated
from gateway.training.network import CLIP, Network, Scaling, _Run, rebuilt, trained, widths_of
from protocols.model import Batch, Event, EventKind
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NS = 1_000_000_000


@pytest.fixture
def points():
    """Four measured values of two devices."""
    both = (PointConfig(name="a"), PointConfig(name="b"))
    return Points.of([(DeviceConfig(name="f1"), both), (DeviceConfig(name="f2"), both)])


def batch(at_s, values, rows=(0, 1, 2, 3)):
    n, now_ns = len(rows), at_s * NS
    return Batch(np.array(rows, np.int32), np.array(values), np.zeros(n, np.uint16), np.full(n, now_ns), now_ns)


def test_gradients_are_those_of_the_error():
    """Each is the slope of the mean squared error, as small steps to both sides show."""
    chance = np.random.default_rng(1)
    data = chance.normal(0, 1, (20, 6)).astype(np.float64)
    run = _Run(Network.random(6, chance), data.astype(np.float32), data.astype(np.float32))
    run._now = [array + chance.normal(0, 0.1, array.shape) for array in run._now]  # none at the corner of a ReLU
    gradients = run._gradients(data)

    def error():
        return float(np.mean(np.square(Network(tuple(run._now[:4]), tuple(run._now[4:])).run(data) - data)))

    for array, gradient in zip(run._now, gradients, strict=True):
        at = tuple(chance.integers(0, size) for size in array.shape)
        kept, step = array[at], 1e-6
        array[at] = kept + step
        above = error()
        array[at] = kept - step
        slope = (above - error()) / (2 * step)
        array[at] = kept
        assert gradient[at] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_same_history_same_model():
    """Nothing is left to chance: the same rows give the same bytes."""
    data = Scaling.of(rows()).normal(rows())

    one, other = (trained(data[:600], data[600:800]) for _ in range(2))

    assert all(np.array_equal(a, b) for a, b in zip(one[0].weights, other[0].weights, strict=True))
    assert one[1] == other[1]


@pytest.mark.parametrize("width", [4, 8, 32, 49, 60, 64])
def test_the_file_does_what_the_network_does(width):
    """In a real interpreter, within 1e-5 of a value, also for 110,000 V that move by 50; below 10 kB to 49 points."""
    chance = np.random.default_rng(width)
    base = chance.uniform(1, 110_000, width)
    data = base + 50 * chance.normal(0, 1, (300, 3)) @ chance.normal(0, 1, (3, width))
    scaling = Scaling.of(data)
    network = Network.random(width, chance)
    content = flat(network, scaling)
    given = np.concatenate([data, data[:5] * 3, -data[:5]]).astype(np.float32).astype(np.float64)
    expected = rebuilt(network, scaling, given)
    model = load(content)

    made = np.stack([model.run(row) for row in given])

    assert np.max(np.abs(made - expected) / np.maximum(np.abs(expected), scaling.scale)) < 1e-5
    assert (len(content) < 10_000) == (width < 60)
    assert widths_of(width)[0] == widths_of(width)[-1] == width


def test_what_lies_far_outside_is_clipped():
    """One wild reading goes in as the farthest that there is, so the others come back as they would."""
    data = rows()
    scaling = Scaling.of(data)

    assert np.abs(scaling.normal(data * 1e9)).max() == CLIP
    assert np.abs(scaling.normal(data)).max() < CLIP


def test_what_stood_still_has_a_scale():
    """A constant is no division by zero; the smallest change of it is not infinitely odd."""
    scaling = Scaling.of(np.full((100, 2), [50.0, 0.0]))

    assert scaling.scale.tolist() == [50 * 1e-4, 1e-9]


def test_the_threshold_is_exceeded_by_the_share():
    """As many as were asked for, and at least three: of fewer no share can be told."""
    errors = np.arange(1000.0)

    assert np.sum(errors > calibrated(errors, 0.01)) == 10
    assert np.sum(errors > calibrated(errors, 1e-6)) == 3


def test_history_is_the_moments_at_which_all_was_known(points):
    """From batches of any size: the last value of each point, none while one is unknown or its device is lost."""
    told = []
    for at in range(1, 2001):
        told.append(batch(at, [at, at], (0, 1)))
        if at > 10:
            told.append(batch(at, [at, -at], (2, 3)))
        if at == 100:
            told.append(Event("f1", EventKind.LOST, "gone", at * NS))
    history = gathered(told, points, chosen(points, ["*"]), without=lambda ns: 500 * NS <= ns < 600 * NS)

    assert history.times_ns[0] == 11 * NS
    assert 100 * NS not in history.times_ns
    assert len(history.values) == 2000 - 10 - 1 - 100
    assert history.values[0].tolist() == [11, 11, 11, -11]


def test_a_long_history_is_thinned_evenly(points):
    """It never has more rows than a training needs, and they are evenly spread over all of it."""
    many = ROWS_MOST * 2 + 1000
    history = gathered((batch(at, [1.0, 2, 3, 4]) for at in range(1, many)), points, chosen(points, ["*"]))

    assert ROWS_MOST / 2 <= len(history.values) <= ROWS_MOST
    assert set(np.diff(history.times_ns).tolist()) == {history.stride * NS}
    assert many * NS - history.times_ns[-1] <= history.stride * NS


def test_too_little_is_said(points):
    """Too few moments, too few points: each with what is needed."""
    with pytest.raises(TooLittle, match="1 moments with all 4 points known; 500 are needed"):
        gathered([batch(1, [1, 2, 3, 4])], points, chosen(points, ["*"]))
    with pytest.raises(TooLittle, match=r"1 measured points match f1\.a; a model takes 4 to 64"):
        chosen(points, ["f1.a"])
