"""An ordinary day: the checks are silent while all goes well, but for the device that restarts."""

import sys
from pathlib import Path

import pytest

from simulator.traffic.plan import Plan

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def benchmark(monkeypatch):
    """Return the benchmarks of a day, which are not part of the product."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "cyber"))
    before = set(sys.modules)
    import day
    import own

    yield day, own
    for name in set(sys.modules) - before:
        if name in ("day", "own", "feed", "table"):
            del sys.modules[name]


@pytest.mark.parametrize("seed", [1, 2])
def test_half_an_hour_with_all_that_happens_in_a_day(benchmark, seed):
    """Masters and routers switch over, an operator switches, a laptop is there, the switch restarts: one warning."""
    day, _ = benchmark
    found = day.run(Plan(quiet_s=600, day_s=1200, seed=seed))

    assert [(each.kind, each.subject) for each in found.warnings] == [("device_restart", "10.20.0.23")]
    assert found.site.watch.faults == 0
    assert "gateway_integrity" in {each.kind for each in found.said}, "the silent switch is noted"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_day(benchmark, seed):
    """In 24 hours there is that one warning, and nothing grows."""
    day, _ = benchmark
    found = day.run(Plan(seed=seed))

    assert [each.kind for each in found.warnings] == ["device_restart"]
    first_kb, *_, last_kb = found.cost.resident_kb
    assert (last_kb - first_kb) / 1024 <= day.GROWTH_MOST_MB


@pytest.mark.slow
def test_a_day_of_our_own_conversations(benchmark):
    """Round trips, clocks, breakers and outputs of a day raise no warning."""
    _, own = benchmark
    warnings, *_ = own.measure()

    assert warnings.met, warnings.details
