"""What the status socket tells: points in pieces, the worst alarms first, and nothing that is no JSON."""

import asyncio
import json
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from detectors.model import Finding, Severity
from detectors.model import Report as Told
from gateway.config.model import StoreBudget
from gateway.core.pipeline import Pipeline
from gateway.local.alarms import ALARMS_SHOWN, worst
from gateway.local.report import POINTS_AT_ONCE, Report
from gateway.local.server import NotKnown
from gateway.store.store import Store
from protocols.model import Batch
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points

NOW_NS = 1_795_176_000 * 10**9
COUNT = 2 * POINTS_AT_ONCE + 500


@pytest.fixture(scope="module")
def pipeline():
    points = Points.of([
        (DeviceConfig(name="big"), [PointConfig(name=f"p{n}", unit="V") for n in range(COUNT)]),
        (DeviceConfig(name="none"), []),
    ])  # fmt: skip
    return Pipeline(points, {}, 10)


@pytest.fixture(scope="module")
def report(pipeline):
    plant = SimpleNamespace(points=pipeline.points, pipeline=pipeline, taps={}, witness=None)
    return Report(
        store=None, publisher=None, plant=lambda: plant, status=dict, clock=lambda: NOW_NS, max_bytes=1, learn=None,
        evidence=None,
    )  # fmt: skip


async def test_points_in_pieces(report):
    """Each point once, in order, however many there are."""
    names = []
    for after in range(0, COUNT + POINTS_AT_ONCE, POINTS_AT_ONCE):
        answer = await report.answer({"ask": "points", "device": "big", "after": after}, 0)
        assert (answer["count"], len(answer["points"]) <= POINTS_AT_ONCE) == (COUNT, True)
        names += answer["points"]

    assert names == [f"p{n}" for n in range(COUNT)]
    assert (await report.answer({"ask": "points", "device": "none"}, 0))["points"] == {}


async def test_a_point(report, pipeline):
    """Null where nothing was read yet, quality in words, age since it arrived, and its own time."""
    at = np.array([0, 1], np.int32)
    values, quality = np.array([1.5, np.inf]), np.array([0, 8193], np.uint16)
    pipeline.observe(Batch(at, values, quality, np.array([0, NOW_NS - 9 * 10**9]), NOW_NS - 2 * 10**9))
    points = (await report.answer({"ask": "points", "device": "big"}, 0))["points"]

    assert points["p0"] == {"unit": "V", "value": 1.5, "q": 0, "quality": [], "age_s": 2.0, "time": None}
    assert points["p1"] == {
        "unit": "V", "value": None, "q": 8193, "quality": ["invalid", "comm_lost"], "age_s": 2.0,
        "time": "2026-11-20T11:59:51.000Z",
    }  # fmt: skip
    assert (points["p2"]["value"], points["p2"]["age_s"], points["p2"]["quality"]) == (None, None, ["invalid", "old"])


@examples(50)
@given(st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none() | st.booleans()) | st.builds(
    dict, ask=st.sampled_from(["points", "status?"]), device=st.text() | st.just("big") | st.integers(),
    after=st.integers() | st.text() | st.none()))  # fmt: skip
async def test_whatever_is_asked(report, asked):
    """It is answered in JSON, or refused in words."""
    try:
        answer = await report.answer(asked, 0)
    except NotKnown as refused:
        answer = {"error": str(refused), "points": {}}

    assert len(answer["points"]) <= POINTS_AT_ONCE
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer


def test_the_worst_alarms_come_first(pipeline):
    """What is not shelved before what is, then by severity, then the newest; and so many at most."""
    words = list(Severity)
    for n in range(ALARMS_SHOWN + 40):
        finding = Finding("limits", f"kind{n}", "big", words[n % 4], n, "text", rows=(n,))
        pipeline.alarms.observe(finding)
    alarms = [replace(alarm, shelved_until_ns=0 if n % 3 else 1) for n, alarm in enumerate(pipeline.alarms)]
    told = worst(alarms)
    ranks = [(not alarm["shelved_until"], words.index(Severity(alarm["severity"]))) for alarm in told]

    assert len(told) == ALARMS_SHOWN
    assert ranks == sorted(ranks, reverse=True)
    assert ranks[0] == (True, 3)


async def test_a_disk_that_hangs_hides_only_the_holes(pipeline, tmp_path, monkeypatch):
    """The status is what an operator asks for then: told within a moment, with null for what only the disk knows."""
    monkeypatch.setattr("gateway.local.report.DISK_S", 0.05)
    store, hung = await Store.open(tmp_path, StoreBudget()), Event()
    monkeypatch.setattr(store._disk, "losses", lambda _: hung.wait())
    publisher = SimpleNamespace(connected=1, connects=1, published=1, acked=1, inflight=0, last_error="")
    plant = SimpleNamespace(points=pipeline.points, pipeline=pipeline, lines=list, taps={}, witness=None)
    report = Report(
        store=store, publisher=publisher, plant=lambda: plant, status=lambda: {"store": {}}, clock=lambda: NOW_NS,
        max_bytes=1, learn=None, evidence=None,
    )  # fmt: skip
    async with asyncio.timeout(30):
        told = await report.answer({"ask": "status"}, 0)
    hung.set()
    await store.close()

    assert told["lost"] is None
    assert told["ledger"]["telemetry"] == {"last": 0, "waiting": 0, "lost": 0}


async def test_reports_are_told_by_kind(report, pipeline):
    """The last of each subject, of all kinds or of one; a kind that nobody reports is refused with those there are."""
    for health in (99, 97):
        pipeline.reports["asset", "t1"] = Told("asset", "t1", NOW_NS, {"health": health, "rise": np.float64("nan")})
    pipeline.reports["forecast", "feeder1.p"] = Told("forecast", "feeder1.p", NOW_NS, {"p50": [1.0]})

    told = await report.answer({"ask": "reports"}, 0)
    assert told["kinds"] == ["asset", "forecast"]
    assert [(each["subject"], each["body"]) for each in told["reports"]] == [
        ("t1", {"health": 97, "rise": None}), ("feeder1.p", {"p50": [1.0]})
    ]  # fmt: skip
    assert len((await report.answer({"ask": "reports", "kind": "asset"}, 0))["reports"]) == 1
    with pytest.raises(NotKnown, match="no reports of 'weather' yet, only asset, forecast"):
        await report.answer({"ask": "reports", "kind": "weather"}, 0)
