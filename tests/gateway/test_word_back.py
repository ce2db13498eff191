"""What the flow carries besides readings: the word back from the disk, and where drivers stand."""

import asyncio

import numpy as np
import pytest

from gateway.config.model import StoreBudget
from gateway.core.pipeline import Pipeline
from gateway.flow import Flow
from gateway.memory import remembered
from gateway.store.record import Stream
from gateway.store.store import Store
from gateway.timeline import Timeline
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Batch, Bookmark, Receipt, Tick
from protocols.points import Points

S = 1_000_000_000
WINDOW_S = 10


@pytest.fixture
async def store(tmp_path):
    store = await Store.open(tmp_path, StoreBudget(commit_s=0.05))
    yield store
    await store.close()


@pytest.fixture
async def flow(store):
    """Return a flow with a status in row 0 and a measurement in row 1; it runs until the end of the test."""
    points = (ModbusPoint(name="cb", address="coil:0"), ModbusPoint(name="p", address="holding:0"))
    device = ModbusDevice(name="d", protocol="modbus", url="tcp://127.0.0.1:1502", points=points)
    table = Points.of([(device, points)])
    flow = Flow(
        Pipeline(table, {}, WINDOW_S),
        store,
        {},
        queue_batches=64,
        window_s=WINDOW_S,
        clock=Timeline(lambda: 1020 * S, lambda: 0),
    )
    running = asyncio.create_task(flow.run())
    yield flow
    flow.finish()
    await running


def reading(row, value, at_s):
    return Batch(
        np.array([row], np.int32), np.array([value]), np.zeros(1, np.uint16), np.full(1, at_s * S), int(at_s * S)
    )


async def test_a_receipt_waits_for_what_was_put_before_it(flow, store):
    """It is settled when the changes of all readings before it are on disk, in the order of the queue."""
    stored = []
    for number in range(5):
        for at in range(3):
            await flow.put(reading(0, float((3 * number + at) % 2), 1000 + number))
        await flow.put(Receipt(lambda kept: stored.append((kept, store.last(Stream.CHANGE)))))
    async with asyncio.timeout(30):
        while len(stored) < 5:
            await store.flush()
            await asyncio.sleep(0)

    assert [kept for kept, _ in stored] == [True] * 5
    assert all(changes >= 3 * (number + 1) for number, (_, changes) in enumerate(stored))


async def test_a_bookmark_waits_for_the_window_of_its_readings(flow, store, tmp_path):
    """What only a summary tells is in RAM until the window closes: a kill before it finds the older bookmark."""
    for at_s, value in ((1001, b"first"), (1012, b"second")):
        await flow.put(Tick(at_s * S))
        await flow.put(reading(1, 5.0, at_s + 1))
        await flow.put(Bookmark("d", "report", value))
    async with asyncio.timeout(30):
        while not store.last(Stream.TELEMETRY):
            await store.flush()
            await asyncio.sleep(0)
    await store.flush()

    assert (await remembered(store, tmp_path)).bookmarks == {("d", "report"): b"first"}
