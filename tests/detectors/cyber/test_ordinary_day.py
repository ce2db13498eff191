"""An ordinary day: the checks are silent while all goes well, but for the device that restarts."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from simulator.traffic.plan import Plan

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def benchmark(monkeypatch):
    """Return what loads a benchmark, which is not part of the product."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "cyber"))
    yield import_module
    for name in ("day", "own", "feed", "table"):
        sys.modules.pop(name, None)


def test_half_an_hour_with_all_that_happens_in_a_day(benchmark):
    """Masters and routers switch over, an operator switches, a laptop is there, the switch restarts: one warning."""
    found = benchmark("day").run(Plan(quiet_s=400, day_s=1000))

    assert [(each.kind, each.subject) for each in found.warnings] == [("device_restart", "10.20.0.23")]
    assert found.site.watch.faults == 0
    assert "gateway_integrity" in {each.kind for each in found.said}, "the silent switch is noted"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_day(benchmark, seed):
    """In 24 hours there is that one warning, and nothing grows."""
    day = benchmark("day")
    found = day.run(Plan(seed=seed))

    assert [each.kind for each in found.warnings] == ["device_restart"]
    first_kb, *_, last_kb = found.cost.resident_kb
    assert (last_kb - first_kb) / 1024 <= day.GROWTH_MOST_MB


@pytest.mark.slow
def test_a_day_of_our_own_conversations(benchmark):
    """Round trips, clocks, breakers and outputs of a day raise no warning."""
    warnings, *_ = benchmark("own").measure()

    assert warnings.met, warnings.details
