"""Whatever is read, or not read, raises nothing and is no contradiction by itself."""

import math
import pickle

import numpy as np
import pytest

from detectors.physics.config import BalanceConfig, ConsistencyConfig, OverloadConfig, UnbalanceConfig
from protocols.model import Frame

NS = 1_000_000_000
CONFIGS = (BalanceConfig(), ConsistencyConfig(), UnbalanceConfig(), OverloadConfig())
every = pytest.mark.parametrize("config", CONFIGS, ids=[config.detector for config in CONFIGS])
HOSTILE = np.array([0.0, -0.0, 1.0, -1.0, math.nan, 1e-308, 1e308, -1e308, 6350.0])


@every
@pytest.mark.parametrize("seed", range(4))
def test_no_number_breaks_it(demo, config, seed):
    """Frames of any numbers, any of them fresh, at any time, warn of nothing, and what is said can be read."""
    detector, chance = config.build(demo), np.random.default_rng(seed)
    for now_ns in chance.integers(0, 2**61, 6).tolist():
        values = chance.choice(chance.choice(HOSTILE, 3), len(demo))
        fresh = np.isfinite(values) & (chance.random(len(demo)) < 0.9)
        for said in detector.observe(Frame(now_ns, now_ns, values, fresh)):
            assert said.text
            assert said.device in demo.devices
            assert said.rows


@every
@pytest.mark.parametrize("value", [0.0, math.nan, 6350.0], ids=["zero", "nothing", "constant"])
def test_the_same_for_ever(demo, config, value):
    """All points at zero, or never read, are said nothing of; of a constant, not again and again."""
    detector = config.build(demo)
    values = np.full(len(demo), value)
    frames = [Frame(k * NS, k * NS, values, np.isfinite(values)) for k in range(1, 200)]

    said = [list(detector.observe(frame)) for frame in frames]

    assert not any(said[150:])
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
