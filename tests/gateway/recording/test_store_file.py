"""The gateway's own store as a recording, while the gateway writes to it and after it has stopped."""

import shutil

import numpy as np
import pytest

from detectors.model import Severity
from gateway.config.model import StoreBudget
from gateway.core.messages import Alarm, AlarmState, Summary
from gateway.recording.opened import opened
from gateway.recording.source import BadRecording
from gateway.store.packing import to_record
from gateway.store.store import Store
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000


def window(device, end_s, means, count=10, last=0.5, quality=0):
    names, n = tuple(means), len(means)
    mean = np.array(list(means.values()), np.float64)
    return Summary(
        device=device,
        start_ns=(end_s - 10) * NS,
        length_ns=10 * NS,
        points=names,
        count=np.full(n, count, np.uint32),
        min=mean - 1,
        max=mean + 1,
        mean=mean,
        last=np.full(n, last),
        quality=np.full(n, quality, np.uint16),
    )


def alarm(at_s, *, active):
    return Alarm(
        id="f1/va/limit_high",
        state=AlarmState.ACTIVE_UNACKED if active else AlarmState.RETURNED_UNACKED,
        severity=Severity.WARNING,
        kind="limit_high",
        detector="limits",
        device="f1",
        points=("va",),
        first_ns=NS,
        last_ns=at_s * NS,
        count=1,
        text="high",
        active=active,
    )


@pytest.fixture
async def store(tmp_path):
    """A store with windows of two devices and an alarm, still open."""
    opened_ = await Store.open(tmp_path / "state", StoreBudget())
    for end_s in (10, 20, 30):
        messages = [window("f1", end_s, {"va": 230 + end_s, "ia": 5}), window("f2", end_s, {"va": 231, "gone": 1})]
        opened_.append([to_record(message) for message in messages])
    opened_.append([to_record(alarm(12, active=True)), to_record(alarm(15, active=False))])
    await opened_.flush()
    yield opened_
    await opened_.close()


async def test_a_live_store(store, points, told, tmp_path):
    """The windows of a moment together, each point's mean at the end of its window; alarms beside them."""
    source = opened(tmp_path / "state", points)

    assert told(source, points) == [(end_s, {"f1.va": 230 + end_s, "f1.ia": 5, "f2.va": 231}) for end_s in (10, 20, 30)]
    assert [(each.last_ns // NS, each.active) for each in source.alarms()] == [(12, True), (15, False)]
    assert source.notes[:1] == ["point f2.gone is not in the configuration and was left out"]
    assert source.share == 1
    source.close()


async def test_a_copy(store, points, told, tmp_path):
    """Database and journal, copied elsewhere, are the same recording; nothing is written to them."""
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "state", copy, ignore=shutil.ignore_patterns("lock"))
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    source = opened(copy / "store.db", points)
    assert len(told(source, points)) == 3
    source.close()
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


async def test_what_switches_is_not_averaged(tmp_path):
    """Of a breaker the last state counts, not half way; a window without a usable reading keeps its flags."""
    role = Role(quantity="breaker")
    points = Points.of([(DeviceConfig(name="f1"), (PointConfig(name="cb", role=role), PointConfig(name="va")))])
    store = await Store.open(tmp_path, StoreBudget())
    store.append([to_record(window("f1", 10, {"cb": 0.3, "va": 0.3}, last=1.0))])
    store.append([to_record(window("f1", 20, {"va": np.nan}, count=0, quality=1))])
    await store.flush()

    source = opened(tmp_path, points)
    first, second = source.told()
    source.close()
    await store.close()

    assert first.values.tolist() == [1.0, 0.3]
    assert second.quality.tolist() == [1]


def test_what_is_no_store(tmp_path, points):
    """A database of somebody else, or a damaged one, is named."""
    (tmp_path / "store.db").write_bytes(b"SQLite format 3\0" + bytes(4080))

    with pytest.raises(BadRecording, match="no store of a gateway"):
        opened(tmp_path / "store.db", points)
