"""Forecast, supply and daily summary live on calendar and values of frames: whatever these are, nothing breaks."""

import json
import pickle

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.daily.config import DailyConfig
from detectors.forecast.config import ForecastConfig
from detectors.kept import Kept
from detectors.model import Finding, Report
from detectors.supply.config import SupplyConfig
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
ROLES = (
    Role(bay="f1", bus="b1", quantity="active_power"),
    Role(bay="f1", bus="b1", quantity="voltage", phase="a", rating=230.0),
    Role(bay="f2", bus="b1", quantity="voltage", phase="ab"),
    Role(bus="b1", quantity="frequency"),
    Role(bay="f1", quantity="breaker"),
    None,
)
POINTS = Points.of([(DeviceConfig(name="m"), [PointConfig(name=f"p{k}", role=r) for k, r in enumerate(ROLES)])])
every_check = pytest.mark.parametrize(
    "config",
    [ForecastConfig(), SupplyConfig(customers_in=("f1",)), DailyConfig(customers_in=("f1",))],
    ids=lambda config: config.detector,
)
NUMBERS = st.floats(allow_infinity=False) | st.sampled_from([0.0, 230.0, 50.0, 1.0, np.nan])
TIMES = st.integers(0, 2**61) | st.integers(0, 40).map(lambda hour: (1_700_000_000 + 3600 * hour) * NS)


@st.composite
def frames(draw):
    """Return frames of any values at any time, of which the calendar may jump."""
    seen = []
    for _ in range(draw(st.integers(0, 12))):
        values = np.array(draw(st.lists(NUMBERS, min_size=len(ROLES), max_size=len(ROLES))))
        seen.append(Frame(draw(TIMES), draw(TIMES), values, np.isfinite(values)))
    return seen


def steady(first, count, step_s=600):
    for k in range(first, first + count):
        at_ns = (1_700_000_000 + step_s * k) * NS
        values = np.array([10 + k % 144 / 20, 229.0 + k % 3, 400.0, 50.0, 1.0, 5.0])
        yield Frame(at_ns, at_ns, values, np.ones(len(ROLES), np.bool_))


@every_check
@examples(60)
@given(seen=frames())
def test_no_frame_breaks_it(config, seen):
    """Nothing is raised and nothing warned of; every text says something, every body is JSON."""
    detector = config.build(POINTS)

    for each in [each for frame in seen for each in detector.observe(frame)]:
        if isinstance(each, Finding):
            assert each.text
        if isinstance(each, Report):
            json.dumps(each.body, allow_nan=False)


@every_check
@given(seen=frames())
def test_the_same_twice(config, seen):
    """The same frames give the very same reports and findings."""
    one, other = config.build(POINTS), config.build(POINTS)

    assert [repr(one.observe(frame)) for frame in seen] == [repr(other.observe(frame)) for frame in seen]


@every_check
@given(seen=frames(), cut=st.integers(0, 12))
def test_a_restart_anywhere_changes_nothing(config, seen, cut):
    """State and active findings that are handed back go on as if nothing had been."""
    whole, before, after = (config.build(POINTS) for _ in range(3))
    assert isinstance(before, Kept)
    assert isinstance(after, Kept)
    expected = [repr(list(whole.observe(frame))) for frame in seen]

    got, active = [], {}
    for frame in seen[:cut]:
        said = list(before.observe(frame))
        got.append(repr(said))
        active |= {
            (each.device, each.kind, each.subject or each.rows): each for each in said if isinstance(each, Finding)
        }
    after.restore({name: array.copy() for name, array in before.state().items()})
    after.resume([each for each in active.values() if each.active])
    got += [repr(list(after.observe(frame))) for frame in seen[cut:]]

    assert got == expected


@every_check
def test_memory_stays_flat(config):
    """A week more takes nothing."""
    detector = config.build(POINTS)
    for frame in steady(0, 300):
        detector.observe(frame)
    before = len(pickle.dumps(detector))
    for frame in steady(300, 1000):
        detector.observe(frame)

    assert len(pickle.dumps(detector)) < before + 256
