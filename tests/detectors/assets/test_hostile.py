"""What every check of an asset bears: any numbers, gaps, silence and clocks; a restart; the same input twice."""

import json
from dataclasses import replace

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.assets.breaker import BreakerConfig
from detectors.assets.dissolved_gas import DissolvedGasConfig
from detectors.assets.tap_changer import TapChanger, TapChangerConfig
from detectors.assets.thermal import ThermalConfig
from detectors.assets.trend import TrendConfig
from detectors.model import Finding
from protocols.model import Tick
from protocols.point import Limits

CONFIGS = (
    ThermalConfig(delay_s=60),
    DissolvedGasConfig(delay_s=60),
    TapChangerConfig(tap_changers=(TapChanger(name="t1", lowest=-8, highest=8),), limit_delay_s=60),
    BreakerConfig(mechanical_operations=100, warn_at=0.02),
    TrendConfig(delay_s=0),
)
every_check = pytest.mark.parametrize("config", CONFIGS, ids=[each.detector for each in CONFIGS])
WILD = st.sampled_from([np.nan, 0.0, 1.0, -1.0, 8.0, 50.0, 400.0, 2000.0, 1e-300, 1e6, 1.7e308, -1.7e308])
GASES = ("hydrogen", "methane", "ethane", "ethylene", "acetylene", "carbon_monoxide", "carbon_dioxide")


def plant_of(assets):
    """Return a plant with everything that the checks look at: two transformers, two breakers."""
    limits = Limits(low=-100, high=1000)
    for_each = {
        name: [
            *assets.transformer(name),
            *(assets.point(gas, gas, transformer=name) for gas in GASES),
            assets.point("tap", "tap", transformer=name),
            *(assets.point(f"x{p}", "current", bay=name, phase=p) for p in "abc"),
            assets.point("level", "other", limits),
            assets.point("cb", "breaker", bay=name),
        ]
        for name in ("t1", "t2")
    }
    return assets.Plant(for_each)


def rough(plant, seed, count):
    """Return frames of a rough fortnight: walks, gaps, jumps and a drift; a look every half hour or so."""
    random, n = np.random.default_rng(seed), len(plant.points)
    walk = np.cumsum(random.normal(0, 1, (count, n)), axis=0)
    base = np.array([SCALE.get(config.role.quantity, 0.0) for config in plant.points.configs])
    values = np.abs(base * (1 + 0.2 * walk))
    whole = base == 1.0
    values[:, whole] = np.where(values[:, whole] > 1, 1.0, 0.0) + 8 * (random.random((count, whole.sum())) < 0.1)
    times = np.cumsum(random.integers(1, 3600, count))
    values[:, [name == "level" for name in plant.points.names]] = 300 + 40 * (times / 86_400)[:, None]
    values[random.random((count, n)) < 0.05] = np.nan
    for at_s, row in zip(times.tolist(), values, strict=True):
        plant.values = row
        yield plant.frame(at_s)


SCALE = {
    "current": 700.0, "oil_temperature": 60.0, "ambient_temperature": 20.0, "tap": 1.0, "breaker": 1.0,
    **dict.fromkeys(GASES, 80.0),
}  # fmt: skip


def told(said):
    """Return what is said, comparable byte by byte."""
    return [repr(each) for each in said]


@every_check
@examples(15)
@given(data=st.data())
def test_no_numbers_break_it(config, data, assets):
    """Whatever the frames hold, in whatever order of time, nothing is raised and every text is one of JSON."""
    plant = plant_of(assets)
    detector = config.build(plant.points)
    at_s = 0.0
    for _ in range(12):
        at_s = max(at_s + data.draw(st.sampled_from([1, 60, 3600, 90_000, 700_000, -500])), 0)
        plant.values = np.array(data.draw(st.lists(WILD, min_size=len(plant.values), max_size=len(plant.values))))
        for each in detector.observe(plant.frame(at_s)):
            body = each.evidence if isinstance(each, Finding) else each.body
            json.dumps(body, allow_nan=False)


@every_check
def test_a_restart_changes_nothing(config, assets):
    """State and active findings handed to another one anywhere: it says what the first would have said."""
    plant = plant_of(assets)
    whole, parted = config.build(plant.points), config.build(plant.points)
    frames = list(rough(plant, 3, 450))
    active = {}
    for k, frame in enumerate(frames):
        expected, said = whole.observe(frame), parted.observe(frame)
        assert told(said) == told(expected)
        for each in assets.findings(said):
            active[each.subject or each.rows, each.kind] = each
        if k % 80 == 17:
            state = {name: array.copy() for name, array in parted.state().items()}
            parted = config.build(plant.points)
            parted.restore(state)
            now = [each for each in active.values() if each.active]
            assert parted.resume(now) == now
    assert any(active)


@every_check
def test_the_same_input_says_the_same(config, assets):
    """Twice the same frames give the same bytes."""
    plant = plant_of(assets)
    frames = list(rough(plant, 4, 150))
    first, second = config.build(plant.points), config.build(plant.points)

    assert [told(first.observe(each)) for each in frames] == [told(second.observe(each)) for each in frames]


@every_check
def test_begins_and_ends_by_turns(config, assets):
    """Of each subject and kind it says begin and end by turns; only a worse severity is told in between."""
    plant = plant_of(assets)
    detector, active = config.build(plant.points), {}
    for frame in rough(plant, 5, 350):
        for each in assets.findings(detector.observe(frame)):
            key = (each.subject or each.rows[0], each.kind)
            worse = key in active and active[key].active and each.severity.rank > active[key].severity.rank
            assert worse or each.active != (key in active and active[key].active)
            active[key] = each


@every_check
def test_silence_for_a_week_says_nothing(config, assets):
    """Nothing is known of anything for a week: nothing begins, nothing ends."""
    plant = plant_of(assets)
    detector = config.build(plant.points)
    for frame in rough(plant, 6, 100):
        detector.observe(frame)
    last = frame
    unknown = replace(last, values=np.full(len(plant.points), np.nan), fresh=np.zeros(len(plant.points), bool))
    for minute in range(1, 7 * 24 * 60, 31):
        frame = replace(unknown, time_ns=last.time_ns + 60_000_000_000 * minute, utc_ns=unknown.utc_ns)
        assert not [each for each in assets.findings(detector.observe(frame)) if each.kind != "tap_hunting"]


@every_check
def test_what_is_no_frame_is_nothing(config, assets):
    """It looks at frames only, and lives without any point."""
    detector = config.build(assets.Plant({}).points)

    assert not detector.observe(Tick(1))
    assert not detector.observe(assets.Plant({}).frame(0))
    assert detector.resume([]) == []
