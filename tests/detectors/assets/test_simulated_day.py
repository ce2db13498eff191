"""The checks of assets over the simulator's own physics, which knows nothing of theirs."""

import math

import pytest

from detectors.assets.breaker import BreakerConfig
from detectors.assets.tap_changer import TapChanger, TapChangerConfig
from detectors.assets.thermal import ThermalConfig
from simulator import thermal
from simulator.grid import Grid
from simulator.network import MV_V, RATED_VA

RATED_A = RATED_VA / 3 / MV_V
STEP_S = 30.0


@pytest.fixture
def plant(assets):
    """The two transformers and a feeder of the simulated substation."""
    devices = {}
    for t in ("t1", "t2"):
        devices[t] = [
            *(assets.point(f"{t}.i{p}", "current", transformer=t, side="lv", phase=p, rating=RATED_A) for p in "abc"),
            assets.point(f"{t}.oil", "oil_temperature", transformer=t),
            assets.point(f"{t}.winding", "winding_temperature", transformer=t),
            assets.point(f"{t}.ambient", "ambient_temperature", transformer=t),
            assets.point(f"{t}.tap", "tap", transformer=t),
        ]
    feeder = [assets.point(f"feeder1.i{p}", "current", bay="feeder1", phase=p) for p in "abc"]
    return assets.Plant({**devices, "feeder1": [*feeder, assets.point("feeder1.cb52", "breaker", bay="feeder1")]})


@pytest.fixture
def checks(plant):
    ends = tuple(TapChanger(name=name, lowest=-8, highest=8) for name in ("t1", "t2"))
    configs = (ThermalConfig(), TapChangerConfig(tap_changers=ends), BreakerConfig())
    return [config.build(plant.points) for config in configs]


def run(grid, plant, checks, hours):
    """Let the grid live, with a frame each step; return what was said."""
    said = []
    for _ in range(int(hours * 3600 / STEP_S)):
        grid.step(STEP_S)
        plant.set(**{name: grid[name] for name in plant.points.names})
        frame = plant.frame(grid.time_s)
        said += [each for check in checks for each in check.observe(frame)]
    return said


@pytest.mark.slow
def test_a_calm_day_and_a_failure_of_the_cooling(assets, plant, checks, monkeypatch):
    """Nothing is found in a day with a feeder switched; then one transformer's cooling fails, and that is found."""
    grid = Grid(seed=3)
    said = run(grid, plant, checks, 12)
    grid.switch("feeder1", closed=False)
    said += run(grid, plant, checks, 0.5)
    grid.switch("feeder1", closed=True)
    said += run(grid, plant, checks, 11.5)

    assert not assets.findings(said)
    told = {each.subject: each.body for each in assets.reports(said)}
    assert set(told) == {
        "t1.thermal",
        "t2.thermal",
        "t1.tap_changer",
        "t2.tap_changer",
        "feeder1.feeder1.cb52.contacts",
    }
    assert told["t1.thermal"]["health"] > 90
    assert told["t1.thermal"]["hot_spot_c"] == pytest.approx(grid["t1.winding"], abs=1.5)
    assert told["feeder1.feeder1.cb52.contacts"]["openings"] == 1
    assert 50 < told["feeder1.feeder1.cb52.contacts"]["highest_interrupted_a"] < 400

    monkeypatch.setattr(thermal, "OIL_RISE_K", 1.7 * thermal.OIL_RISE_K)
    failed = assets.findings(run(grid, plant, checks, 4))

    assert {(each.kind, each.subject, each.active) for each in failed} == {
        ("thermal", "t1", True), ("thermal", "t2", True),
    }  # fmt: skip
    assert all(math.isclose(each.actual - each.expected, 10, abs_tol=6) for each in failed)
