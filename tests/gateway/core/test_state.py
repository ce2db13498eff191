"""What was learned survives a restart as it was, or is refused as a whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.kept import Kept
from gateway.core.pipeline import Pipeline
from gateway.core.state import BadState, pack, unpack
from protocols.model import Tick
from protocols.points import Points


class Memory(Kept):
    KEPT = ("level", "count")

    def __init__(self, n=4):
        self.level, self.count = np.zeros(n), np.zeros((), np.int64)

    def observe(self, _seen):
        return ()

    def resume(self, _active):
        return ()


def of(core, memory):
    return Pipeline(core.points(), {"memory": [memory]}, window_s=10)


def test_it_comes_back_as_it_was(core):
    """Every array, through bytes, also those of numbers that stand alone."""
    before, after = Memory(), Memory()
    before.level[:], before.count[...] = (1.5, np.nan, -0.0, np.inf), 7

    points = core.points()
    refused = of(core, after).restore(unpack(points, pack(points, of(core, before).states())))

    assert not refused
    np.testing.assert_array_equal(after.level, before.level)
    assert after.count == 7


def test_the_time_of_the_detectors_goes_on(core):
    """A clock that was set before the restart moves nothing that detectors remember."""
    before, after = of(core, Memory()), of(core, Memory())
    before.observe(Tick(core.ns(3600), stepped_ns=3_600_000_000_000))

    after.restore(before.states())

    assert after.states()["clock"] == before.states()["clock"]


@pytest.mark.parametrize("state", [{"level": np.zeros(4)}, {"level": np.zeros(5), "count": np.zeros((), np.int64)}])
def test_another_shape_is_refused_and_changes_nothing(core, state):
    """A detector takes back all of its state or none; it is said whose was refused."""
    memory = Memory()
    pipeline = of(core, memory)
    owner = next(owner for owner in pipeline.states() if owner.startswith("memory"))

    assert pipeline.restore({owner: state})[0].startswith("memory/0/")
    assert not memory.level.any()


def test_other_points_refuse_it(core):
    """A point more, a unit, a role: what was learned is of other points."""
    points = core.points()

    with pytest.raises(BadState, match="other points"):
        unpack(core.points(unit="kV"), pack(points, {}))


@given(st.data())
def test_any_flipped_byte_is_found(core, data):
    """The checksum tells it."""
    packed = bytearray(pack(Points.of([]), {"a": {"x": np.arange(5.0)}}))
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(BadState):
        unpack(Points.of([]), bytes(packed))


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    """Whatever the file holds."""
    with pytest.raises(BadState):
        unpack(Points.of([]), noise)
