"""What was learned survives a restart as it was, or is refused as a whole."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.kept import Kept
from gateway.core.pipeline import Pipeline
from gateway.core.state import BadState, marks, pack, unpack
from protocols.model import Tick
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NOTHING = np.zeros(0, np.uint64)


class Memory(Kept):
    KEPT = ("level", "count")

    def __init__(self, n=4):
        self.level, self.count = np.zeros(n), np.zeros((), np.int64)

    def observe(self, _seen):
        return ()

    def resume(self, _active):
        return ()


def packed(of_points, states):
    """Return what is on disk of `states`, as a file."""
    return BytesIO(b"".join(pack(of_points, states)))


def of(core, memory):
    return Pipeline(core.points(), {"memory": [memory]}, window_s=10)


def test_it_comes_back_as_it_was(core):
    """Every array, through bytes, also those of numbers that stand alone."""
    before, after = Memory(), Memory()
    before.level[:], before.count[...] = (1.5, np.nan, -0.0, np.inf), 7

    points = core.points()
    states, same = unpack(marks(points), packed(marks(points), of(core, before).states()))
    refused = of(core, after).restore(states)

    assert same
    assert not refused
    np.testing.assert_array_equal(after.level, before.level)
    assert after.count == 7


def test_the_time_of_the_detectors_goes_on(core):
    """A clock that was set before the restart moves nothing that detectors remember."""
    before, after = of(core, Memory()), of(core, Memory())
    before.observe(Tick(core.ns(3600), stepped_ns=3_600_000_000_000))

    after.restore(before.states())

    assert dict(after.states())["clock"] == dict(before.states())["clock"]


@pytest.mark.parametrize("state", [{"level": np.zeros(4)}, {"level": np.zeros(5), "count": np.zeros((), np.int64)}])
def test_another_shape_is_refused_and_changes_nothing(core, state):
    """A detector takes back all of its state or none; it is said whose was refused."""
    memory = Memory()
    pipeline = of(core, memory)
    owner = next(owner for owner, _ in pipeline.states() if owner.startswith("memory"))

    assert pipeline.restore([(owner, state)])[0].startswith("memory/0/")
    assert not memory.level.any()


def test_other_points_are_told_apart(core):
    """A point more, a unit, a role: what was learned is of other points, and that is told."""
    of_points = packed(marks(core.points()), [])

    assert unpack(marks(core.points()), of_points)[1]
    assert not unpack(marks(core.points(unit="kV")), of_points)[1]


def test_each_part_is_of_the_moment_it_is_asked_for(core):
    """So that a large state need not be there twice: what is written of a check is what it is then, all of it."""
    memory = Memory()
    pipeline = of(core, memory)
    before = list(pack(pipeline.marks, pipeline.states()))
    pieces = pack(pipeline.marks, pipeline.states())
    first = [next(pieces) for _ in before[:-2]]
    memory.level[:] = 5.0

    assert first == before[:-2]
    states, _ = unpack(pipeline.marks, BytesIO(b"".join([*first, *pieces])))
    (state,) = (state for owner, state in states if owner.startswith("memory"))
    assert state["level"].tolist() == [5.0] * 4


class Each(Memory):
    """One that tells of what each of its entries is."""

    def __init__(self, names, points):
        super().__init__(len(names))
        self.whose = np.array([points.names.index(name) for name in names], np.int32)


def table(*names, **keys):
    """A device with these points; `unit` is that of the first."""
    points = [PointConfig(name=name, unit=keys.get("unit", "") if name == names[0] else "") for name in names]
    return Points.of([(DeviceConfig(name="d"), points)])


def moved(before, after, *, first=("a", "b", "c"), then=("c", "new", "a"), **keys):
    """Return what the second detector knows of what the first has learned."""
    old, new = table(*first), table(*then, **keys)
    one, two = before(first, old), after(then, new)
    one.level[:], one.count[...], two.level[:] = range(1, len(first) + 1), 7, -1.0
    states, same = unpack(marks(new), packed(marks(old), Pipeline(old, {"m": [one]}, 10).states()))
    refused = Pipeline(new, {"m": [two]}, 10).restore(states, same=same)
    return two, refused


def test_what_was_learned_of_a_point_stays_with_it():
    """Points come, go and change places: each that stays keeps its own, what is new begins anew."""
    known, refused = moved(Each, Each)

    assert not refused
    assert known.level.tolist() == [3.0, -1.0, 1.0]
    assert known.count == 7


def test_a_point_that_became_another_begins_anew():
    """The same name in another unit is another point."""
    known, refused = moved(Each, Each, then=("a", "b"), unit="kV")

    assert not refused
    assert known.level.tolist() == [-1.0, 2.0]


@pytest.mark.parametrize("then", [("a", "b"), ("b", "a", "c"), ("x", "y", "z")])
def test_what_cannot_be_told_apart_by_point_begins_anew(then):
    """One that says nothing of its entries, also where their number is the same."""
    known, refused = moved(lambda names, _: Memory(len(names)), lambda names, _: Memory(len(names)), then=then)

    assert ["it belongs to other points" in each for each in refused] == [True]
    assert set(known.level.tolist()) == {-1.0}
    assert known.count == 0


class Together(Memory):
    """One that looks at all of its points together."""

    def __init__(self, _names, points):
        super().__init__(3)
        self.whose = [np.array([points.names.index(name) for name in ("a", "b")], np.int32)]


def test_what_looks_at_several_points_is_kept_while_they_stay():
    """Whatever else comes and goes; when one of them is another, all of it is anew."""
    known, refused = moved(Together, Together, then=("x", "b", "a"))
    assert (known.level.tolist(), refused) == ([1.0, 2.0, 3.0], [])

    known, refused = moved(Together, Together, then=("a", "b"), unit="kV")
    assert known.level.tolist() == [-1.0] * 3
    assert ["it belongs to other points" in each for each in refused] == [True]


@given(st.data())
def test_any_flipped_byte_is_found(core, data):
    """The checksum tells it."""
    content = bytearray(packed(NOTHING, [("a", {"x": np.arange(5.0)})]).getvalue())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(BadState):
        unpack(NOTHING, BytesIO(content))


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    """Whatever the file holds."""
    with pytest.raises(BadState):
        unpack(NOTHING, BytesIO(noise))
