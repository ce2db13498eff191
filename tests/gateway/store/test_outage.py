"""An outage of any length on a bounded disk: every hour is told, coarser the older it is, and no number is missing."""

from dataclasses import replace

import numpy as np
import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.core.messages import Summary
from gateway.store import numbers
from gateway.store.packing import summary_of, to_record
from gateway.store.record import Stream
from gateway.store.store import Store

T = Stream.TELEMETRY
WINDOW_NS, HOUR_NS = 10_000_000_000, 3_600_000_000_000
BEGIN_NS = 489_904 * HOUR_NS
READINGS = 10
POOL = 50


def windows(devices, points, seed=1):
    """Return POOL windows of each device, from readings with the digits of a float32 that all move."""
    random = np.random.default_rng(seed)
    names = tuple(f"point{n}" for n in range(points))

    def window(device):
        means, noise = random.uniform(1, 400, (points, 1)), random.normal(0, 0.3, (points, READINGS))
        read = np.float32(means + noise).astype(float)
        columns = read.min(axis=1), read.max(axis=1), read.mean(axis=1), read[:, -1]
        count, good = np.full(points, READINGS, np.uint32), np.zeros(points, np.uint16)
        return Summary(f"feeder{device}", 0, WINDOW_NS, names, count, *columns, good)

    return [[window(device) for device in range(devices)] for _ in range(POOL)]


async def outage(store, directory, pool, length):
    """Store `length` windows of each device, and return the most bytes that were on disk after a commit."""
    most = 0
    for turn in range(length):
        start_ns = BEGIN_NS + turn * WINDOW_NS
        store.append([to_record(replace(window, start_ns=start_ns)) for window in pool[turn % POOL]])
        if turn % 20 == 19 or turn == length - 1:
            await store.flush()
            most = max(most, sum(file.stat().st_size for file in directory.iterdir()))
    return most


async def drained(store):
    """Read and acknowledge everything as a publisher does, and return the rows."""
    rows, after = [], 0
    while found := await store.read(T, after=after, limit=64):
        rows += found
        after = found[-1].seq
        store.acknowledge(T, [row.seq for row in found])
    await store.flush()
    return rows


def check_told(rows, devices, length):
    """Every number once, every reading counted, no time left out, and no window longer than a quarter of its age."""
    runs = sorted(run for row in rows for run in numbers.runs(row.numbers))
    assert [first for first, _ in runs] == [1] + [last + 1 for _, last in runs[:-1]]
    assert runs[-1][1] == devices * length
    end_ns = BEGIN_NS + length * WINDOW_NS
    for device in range(devices):
        told = [summary_of(row.record) for row in rows if row.record.device == f"feeder{device}"]
        assert (sum(window.count.astype(int) for window in told) == length * READINGS).all()
        assert [w.start_ns for w in told] == [BEGIN_NS, *(w.start_ns + w.length_ns for w in told[:-1])]
        assert told[-1].start_ns + told[-1].length_ns == end_ns
        assert all(w.length_ns <= max(HOUR_NS, (end_ns - w.start_ns) / 4) for w in told)


@pytest.mark.parametrize(("devices", "points"), [(1, 300), (4, 40)], ids=["one large", "four small"])
async def test_an_outage_is_told_to_its_first_hour(tmp_path, devices, points):
    """Several times what fits: nothing is dropped, nothing over the budget, all in order, then the disk is empty."""
    budget, length = StoreBudget(max_bytes=4 * MIB, commit_s=0.01), 1100
    store = await Store.open(tmp_path, budget)
    most = await outage(store, tmp_path, windows(devices, points), length)
    assert most <= budget.max_bytes
    assert (store.stats.dropped[T], await store.losses()) == (0, [])
    assert store.stats.faded > length // 2

    rows = await drained(store)
    check_told(rows, devices, length)
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)
    assert (store.stats.rows[T], store.stats.bytes[T]) == (0, 0)
    await store.close()


@pytest.mark.slow
async def test_a_month_without_a_broker_is_told(tmp_path):
    """30 days of 1,000 points in windows of 10 s on 256 MiB: 259,200 windows of which 12,000 would fit."""
    budget, length = StoreBudget(commit_s=0.01), 30 * 8640
    store = await Store.open(tmp_path, budget)
    most = await outage(store, tmp_path, windows(1, 1000), length)
    assert most <= budget.max_bytes
    assert store.stats.dropped[T] == 0

    check_told(await drained(store), 1, length)
    await store.close()
