"""The word back from the store: never before the disk has it."""

import asyncio
import os
import sqlite3
import threading
from contextlib import suppress

import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.store import store as store_module
from gateway.store.record import Record, Stream
from gateway.store.store import Store

C, T = Stream.CHANGE, Stream.TELEMETRY
SLOW = StoreBudget(max_bytes=4 * MIB, commit_s=0.4)
QUICK = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)
NEVER = StoreBudget(max_bytes=4 * MIB, commit_s=60)


def records(count=1, stream=C, size=100):
    return [Record(stream, "d", n, n + 1, os.urandom(size)) for n in range(count)]


def settled(store, **keys):
    """Ask for a receipt and return a future of what it says."""
    answer = asyncio.get_running_loop().create_future()
    store.receipt(answer.set_result, **keys)
    return answer


def refused(store, monkeypatch):
    """Let the disk of `store` refuse every commit until the event that is returned is cleared."""
    commit, refusing = store._disk.commit, threading.Event()
    refusing.set()

    def commit_or_not(work):
        if refusing.is_set():
            raise OSError("no space left")
        commit(work)

    monkeypatch.setattr(store._disk, "commit", commit_or_not)
    return refusing


def on_disk(directory, table="change"):
    """Return how many rows another process would find after a kill now."""
    for name in ("store.db", "store.db-wal"):
        with suppress(FileNotFoundError):
            (directory / f"copy-{name}").write_bytes((directory / name).read_bytes())
    db = sqlite3.connect(directory / "copy-store.db")
    (count,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()
    db.close()
    return count


@pytest.mark.parametrize("urgent", [True, False])
async def test_it_comes_after_the_disk_has_everything_before_it(tmp_path, urgent):
    """When it is settled, a copy of the files holds every record that was appended before it."""
    store = await Store.open(tmp_path, QUICK)
    counts = []
    for _ in range(5):
        store.append(records(7))
        assert await settled(store, urgent=urgent)
        counts.append(on_disk(tmp_path))
    await store.close()

    assert counts == [7, 14, 21, 28, 35]


async def test_nothing_to_store_is_settled_at_once(tmp_path):
    """What left nothing to be written asks for no commit."""
    store = await Store.open(tmp_path, NEVER)
    commits = store.stats.commits
    async with asyncio.timeout(30):
        assert await settled(store)

    assert store.stats.commits == commits
    await store.close()


async def test_it_waits_for_a_commit_that_comes_anyway_unless_it_is_urgent(tmp_path):
    """Receipts share a commit; an urgent one does not wait, and none waits for a commit_s of a minute."""
    store = await Store.open(tmp_path, SLOW)
    loop = asyncio.get_running_loop()
    began, commits, waiting = loop.time(), store.stats.commits, []
    for _ in range(5):
        store.append(records())
        waiting.append(settled(store))
        await asyncio.sleep(0.01)
    await asyncio.gather(*waiting)
    assert (loop.time() - began > 0.3, 0 < store.stats.commits - commits < 5) == (True, True)
    await store.close()

    store = await Store.open(tmp_path, NEVER)
    for urgent in (False, True):
        store.append(records())
        async with asyncio.timeout(20):
            assert await settled(store, urgent=urgent)
    await store.close()


async def test_what_comes_during_a_commit_waits_for_the_next(tmp_path, monkeypatch):
    """A receipt that is asked while the thread writes is not settled by that commit, if there is more before it."""
    store = await Store.open(tmp_path, QUICK)
    commit, done, later = store._disk.commit, [], []

    def slow(work):
        if not later:
            later.append(asyncio.run_coroutine_threadsafe(more(), loop).result())
        commit(work)
        done.append(len(work.records))

    async def more():
        store.append(records(3))
        return settled(store, urgent=True)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(store._disk, "commit", slow)
    store.append(records(2))
    assert await settled(store, urgent=True)
    assert await later[0]

    assert done == [2, 3]
    await store.close()


async def test_a_disk_that_refuses_settles_nothing(tmp_path, monkeypatch):
    """Nobody is told anything before the disk is back; then everybody, in order."""
    monkeypatch.setattr(store_module, "RETRY_S", 0.02)
    store = await Store.open(tmp_path, QUICK)
    refusing = refused(store, monkeypatch)
    waiting = []
    for _ in range(3):
        store.append(records())
        waiting.append(settled(store, urgent=True))
        faults = store.stats.faults
        while store.stats.faults < faults + 2:  # noqa: ASYNC110  a fault sets no event
            await asyncio.sleep(0.01)
    assert not any(each.done() for each in waiting)
    refusing.clear()

    assert await asyncio.gather(*waiting) == [True, True, True]
    assert store.last(C) == 3
    await store.close()


async def test_what_fell_out_of_ram_is_not_said_to_be_on_disk(tmp_path, monkeypatch):
    """Those who waited then are told so when the disk is back, and not before; the next ones have nothing to fear."""
    monkeypatch.setattr(store_module, "RETRY_S", 0.02)
    monkeypatch.setattr(store_module, "RAM_BYTES", 100_000)
    store = await Store.open(tmp_path, QUICK)
    refusing = refused(store, monkeypatch)
    store.append(records())
    before = settled(store, urgent=True)
    while store.stats.fault is None:  # noqa: ASYNC110  a fault sets no event
        await asyncio.sleep(0.01)
    for _ in range(10):
        store.append(records(20, T, 1000))
    after = settled(store, urgent=True)
    assert store.stats.dropped[T] > 0
    assert not before.done()
    refusing.clear()

    assert await asyncio.gather(before, after) == [False, False]
    store.append(records())
    assert await settled(store)
    await store.close()


async def test_a_store_that_is_closed_first_says_nothing_false(tmp_path):
    """Closing commits what waits, and says so; with a disk that refuses nothing is said."""
    store = await Store.open(tmp_path, SLOW)
    store.append(records())
    kept = settled(store)
    await store.close()
    assert await kept

    store = await Store.open(tmp_path, SLOW)
    store._disk.commit = lambda _: (_ for _ in ()).throw(OSError("no space left"))
    store.append(records())
    lost = settled(store)
    await store.close()
    await asyncio.sleep(0)

    assert not lost.done()
