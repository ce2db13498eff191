"""Whatever is read, or not read, raises nothing and is no contradiction by itself."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.physics.config import BalanceConfig, ConsistencyConfig, OverloadConfig, UnbalanceConfig
from protocols.model import Frame

NS = 1_000_000_000
CONFIGS = (BalanceConfig(), ConsistencyConfig(), UnbalanceConfig(), OverloadConfig())
every = pytest.mark.parametrize("config", CONFIGS, ids=[config.detector for config in CONFIGS])
HOSTILE = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, 1e-308, 1e308, -1e308, 6350.0])


@every
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_no_number_breaks_it(demo, config, data):
    """Frames of any numbers, any of them fresh, at any time, warn of nothing, and what is said can be read."""
    detector = config.build(demo)
    chance = np.random.default_rng(data.draw(st.integers(0, 1000)))
    menu = np.array(data.draw(st.lists(HOSTILE, min_size=1, max_size=6)))
    for now_ns in data.draw(st.lists(st.integers(0, 2**61), min_size=1, max_size=6)):
        values = chance.choice(menu, len(demo))
        fresh = np.isfinite(values) & (chance.random(len(demo)) < 0.9)
        for said in detector.observe(Frame(now_ns, now_ns, values, fresh)):
            assert said.text
            assert said.device in demo.devices
            assert said.rows


@every
@pytest.mark.parametrize("value", [0.0, math.nan, 6350.0], ids=["zero", "nothing", "constant"])
def test_the_same_for_ever(demo, config, value):
    """All points at zero, or never read, are said nothing of; a constant is judged at once and not again."""
    detector = config.build(demo)
    values = np.full(len(demo), value)
    frames = [Frame(k * NS, k * NS, values, np.isfinite(values)) for k in range(1, 60)]

    said = [list(detector.observe(frame)) for frame in frames]

    assert not any(said[40:])
    if value != 6350.0:
        assert not any(said)


@every
def test_nothing_to_look_at(points_of, config):
    """Without points, or without a role among them, it looks at nothing."""
    for points in (points_of(), points_of(("x", "V", {}))):
        detector = config.build(points)

        assert list(detector.observe(Frame(NS, NS, np.ones(len(points)), np.ones(len(points), bool)))) == []
        assert list(detector.resume([])) == []
        assert not [each for each in config.outlook(points) if each.possible]


@every
def test_the_state_does_not_grow(plant, config):
    """After the first minute, ten more take no memory."""
    site = plant(config)
    site.run(60)
    before = len(pickle.dumps(site.detectors[0]))
    site.run(600)

    assert len(pickle.dumps(site.detectors[0])) < before + 256


def test_the_state_is_small(demo):
    """All four together keep less than 2.5 kB for each point."""
    detectors = [config.build(demo) for config in CONFIGS]

    assert len(pickle.dumps([vars(each) | {"_points": None} for each in detectors])) < 2_500 * len(demo)


def test_a_clock_that_stands_still_or_runs_back(plant):
    """Frames at the same moment, or before the last one, raise nothing."""
    site = plant(*CONFIGS)
    frames = [site.frame() for _ in range(20)]

    said = [each for frame in (*frames, *frames[:10], *[frames[3]] * 5) for each in site.look(frame)]

    assert said == []
