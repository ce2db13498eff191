"""The byte budget is hard at every instant, alarms have their own, and what goes is the oldest telemetry first."""

import os
import random
import threading

import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.store.limits import Limits
from gateway.store.record import GapReason, Record, Stream
from gateway.store.store import Store

T, C, A = Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM


class Sampler:
    """Measures a directory from a thread of its own, as often as it can, while the block runs."""

    def __init__(self, directory):
        self.most, self.samples, self._directory, self._end = 0, 0, directory, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._end.wait(0.0002):
            self.most = max(self.most, self._size())
            self.samples += 1

    def _size(self):
        size = 0
        for name in os.listdir(self._directory):  # noqa: PTH208  as often as it can
            try:
                status = os.stat(os.path.join(self._directory, name))  # noqa: PTH118, PTH116
            except FileNotFoundError:
                continue
            size += max(status.st_size, status.st_blocks * 512)
        return size

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()


def records(stream, sizes, start=0):
    return [Record(stream, "device", start + n, start + n + 1, os.urandom(size)) for n, size in enumerate(sizes)]


def kept_numbers(rows, gaps):
    """Return every number that is a row or inside a gap, in order."""
    return sorted([row.seq for row in rows] + [n for gap in gaps for n in range(gap.from_seq, gap.to_seq + 1)])


async def read_all(store, stream):
    rows = []
    while more := await store.read(stream, after=rows[-1].seq if rows else 0, limit=500):
        rows += more
    return rows


SLOW = [pytest.param(size, marks=pytest.mark.slow) for size in (100, 2100, 40_000, 90_000)]


@pytest.mark.parametrize("size", [4100, None, *SLOW], ids=lambda s: f"{s or 'mixed'}")
async def test_the_directory_is_never_over_its_budget(tmp_path, size):
    """Twice the budget of records, small, half a page and a bit, large: never a byte over 4 MiB on disk."""
    budget = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)
    randomly = random.Random(1)
    with Sampler(tmp_path) as sampler:
        store = await Store.open(tmp_path, budget)
        written = 0
        while written < 9 * MIB or sampler.samples <= 100:
            sizes = [size or int(10 ** randomly.uniform(1, 4.9)) for _ in range(max(1, 60_000 // (size or 10_000)))]
            store.append(records(randomly.choice([T, T, T, C, A]), sizes))
            written += sum(sizes) + 64 * len(sizes)
            seqs = range(1, store.last(T) + 1)
            store.acknowledge(T, randomly.sample(seqs, min(len(seqs), 20)))
            await store.room()
        await store.flush()
        stats = store.stats
        await store.close()

    assert sampler.samples > 100
    assert sampler.most <= budget.max_bytes
    assert stats.fault is None
    assert stats.dropped[T] > 0


async def test_the_budget_is_used(tmp_path):
    """A full store holds at least half of a budget of 4 MiB, where the journal weighs most."""
    store = await Store.open(tmp_path, StoreBudget(max_bytes=4 * MIB, alarm_share=0.05, commit_s=0.01))
    for _ in range(100):
        store.append(records(T, [3000] * 30))
        await store.flush()

    assert store.stats.bytes[T] > 0.5 * 4 * MIB
    await store.close()


async def test_a_full_store_keeps_the_newest_and_names_the_hole(tmp_path):
    """Each number is a row or in the one gap before the rows; dropped counts survive a restart."""
    budget = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)
    store = await Store.open(tmp_path, budget)
    for turn in range(50):
        store.append(records(T, [1000] * 100, start=turn * 100))
        await store.flush()
    await store.close()

    store = await Store.open(tmp_path, budget)
    rows, gaps = await read_all(store, T), await store.gaps(T)
    assert kept_numbers(rows, gaps) == list(range(1, 5001))
    assert len(gaps) == 1
    assert (gaps[0].from_seq, gaps[0].to_seq, gaps[0].reason) == (1, rows[0].seq - 1, GapReason.BUDGET)
    assert gaps[0].lost == store.stats.dropped[T] == 5000 - len(rows)
    assert (gaps[0].start_ns, gaps[0].end_ns) == (0, rows[0].record.start_ns)
    await store.close()


async def test_telemetry_goes_before_changes(tmp_path):
    """While there is telemetry to drop, no change is dropped; then the oldest changes are."""
    store = await Store.open(tmp_path, StoreBudget(max_bytes=4 * MIB, commit_s=0.01))
    store.append(records(C, [1000] * 500) + records(T, [1000] * 1500))
    await store.flush()
    for _ in range(5):
        store.append(records(T, [1000] * 1000))
        await store.flush()
    assert (store.stats.rows[C], store.stats.dropped[C]) == (500, 0)

    for _ in range(5):
        store.append(records(C, [1000] * 1000))
        await store.flush()
    assert store.stats.rows[T] == 0
    assert store.stats.dropped[C] > 0
    await store.close()


async def test_alarms_answer_only_to_their_own_budget(tmp_path):
    """A flood of telemetry takes no alarm; a flood of alarms takes the oldest alarms and no telemetry."""
    budget = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)
    limits = Limits.of(budget)
    store = await Store.open(tmp_path, budget)
    store.append(records(A, [900] * 300))
    for _ in range(5):
        store.append(records(T, [1000] * 1000))
        await store.flush()
    assert (store.stats.rows[A], store.stats.dropped[A]) == (300, 0)

    before = store.stats.rows[T]
    store.append(records(A, [900] * 1000))
    await store.flush()
    assert limits.alarm_bytes - 1000 < store.stats.bytes[A] <= limits.alarm_bytes
    assert [gap.from_seq for gap in await store.gaps(A)] == [1]
    assert store.stats.rows[T] >= before * 0.9
    await store.close()


async def test_a_smaller_budget_shrinks_the_store(tmp_path):
    """A store made with 12 MiB opens with 4 MiB: the newest stays, the files fit, the hole is named."""
    store = await Store.open(tmp_path, StoreBudget(max_bytes=12 * MIB, commit_s=0.01))
    for _ in range(40):
        store.append(records(T, [2100] * 100))
        await store.flush()
    await store.close()

    store = await Store.open(tmp_path, StoreBudget(max_bytes=4 * MIB))
    assert any("larger than its budget" in note for note in store.notes)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 4 * MIB
    rows = await read_all(store, T)
    assert kept_numbers(rows, await store.gaps(T)) == list(range(1, 4001))
    assert len(rows) > 500
    await store.close()
