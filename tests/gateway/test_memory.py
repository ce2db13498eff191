"""What the gateway remembers: the alarms that live, and where each driver stands."""

from dataclasses import replace

import numpy as np

from detectors.model import Severity
from gateway.config.model import StoreBudget
from gateway.core.messages import Alarm, AlarmState, Unsaid
from gateway.core.pipeline import Pipeline
from gateway.flow import Flow
from gateway.memory import keep_alarms, remembered
from gateway.store.record import Stream
from gateway.store.store import Store
from gateway.timeline import Timeline
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Batch, Bookmark
from protocols.points import Points


def alarm(id_, state):
    return Alarm(
        id=id_, state=state, severity=Severity.WARNING, kind="stale", detector="stale", device="d", points=(),
        first_ns=1, last_ns=2, count=1, text="t",
    )  # fmt: skip


async def test_alarms_are_remembered_until_they_are_normal(tmp_path):
    """Of the alarms that were said, those whose last state is not normal come back, as they were last."""
    store = await Store.open(tmp_path, StoreBudget())
    keep_alarms(store, [alarm("d/a", AlarmState.ACTIVE_UNACKED), alarm("d/b", AlarmState.ACTIVE_UNACKED)])
    keep_alarms(store, [alarm("d/a", AlarmState.RETURNED_UNACKED), alarm("d/b", AlarmState.NORMAL)])
    await store.close()

    store = await Store.open(tmp_path, StoreBudget())
    memory = await remembered(store, tmp_path)
    await store.close()

    assert memory.alarms == [alarm("d/a", AlarmState.RETURNED_UNACKED)]


async def test_what_is_not_said_is_remembered_and_sends_nothing(tmp_path):
    """An alarm that is only kept comes back as it was last; one that became normal does not; no message was made."""
    store = await Store.open(tmp_path, StoreBudget())
    keep_alarms(store, [alarm("d/a", AlarmState.ACTIVE_UNACKED), alarm("d/b", AlarmState.ACTIVE_UNACKED)])
    unsaid = [Unsaid(replace(alarm("d/a", AlarmState.SUPPRESSED), count=7)), Unsaid(alarm("d/b", AlarmState.NORMAL))]
    keep_alarms(store, [], unsaid)
    await store.close()

    store = await Store.open(tmp_path, StoreBudget())
    memory, sent = await remembered(store, tmp_path), store.last(Stream.ALARM)
    await store.close()

    assert memory.alarms == [unsaid[0].alarm]
    assert sent == 2


async def test_a_bookmark_never_overtakes_what_it_stands_for(tmp_path):
    """Where a driver stands is on disk no sooner than the messages of what it had read until there."""
    device = ModbusDevice(
        name="d", protocol="modbus", url="tcp://127.0.0.1:1502", points=(ModbusPoint(name="cb", address="coil:0"),)
    )
    points = Points.of([(device, device.points)])
    store = await Store.open(tmp_path, StoreBudget(commit_s=60))
    marks: dict[tuple[str, str], bytes] = {}
    flow = Flow(
        Pipeline(points, {}, 10), store, marks, queue_batches=16, window_s=10, clock=Timeline(lambda: 1, lambda: 1)
    )
    one = np.ones(1)
    for number in (1, 2):
        rows, times = np.zeros(1, np.int32), np.full(1, number, np.int64)
        await flow.put(Batch(rows, one * number, np.zeros(1, np.uint16), times, number))
        await flow.put(Bookmark("d", "report", b"entry %d" % number))
    flow.finish()
    await flow.run()
    await store.close()

    store = await Store.open(tmp_path, StoreBudget())
    memory = await remembered(store, tmp_path)
    changes = store.last(Stream.CHANGE)
    await store.close()

    assert memory.bookmarks == marks == {("d", "report"): b"entry 2"}
    assert changes == 2
