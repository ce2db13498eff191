"""The store starts whatever it finds, and waits in RAM while the disk refuses."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import contextmanager, suppress

import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.store import numbers
from gateway.store import store as store_module
from gateway.store.files import RESERVED, StoreBusy
from gateway.store.record import GapReason, Record, Stream
from gateway.store.schema import StoreTooNew
from gateway.store.seal import seal
from gateway.store.store import Store

T, C, A = Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM
BUDGET = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)


def records(stream, count, size=100):
    return [Record(stream, "d", n, n + 1, seal(os.urandom(size))) for n in range(count)]


async def filled(directory, count=50, size=1000):
    store = await Store.open(directory, BUDGET)
    store.append(records(T, count, size) + records(A, 3))
    await store.flush()
    await store.close()


async def appended(store, stream=T):
    """Append one record and return its number."""
    store.append(records(stream, 1))
    await store.flush()
    return store.last(stream)


def overwrite(file, data, at=0):
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(data)


DAMAGES = {
    "noise": lambda file: file.write_bytes(os.urandom(30_000)),
    "text": lambda file: file.write_text("not a database" * 100),
    "header": lambda file: overwrite(file, bytes(100)),
    "schema": lambda file: overwrite(file, os.urandom(3900), at=100),
    "cut": lambda file: os.truncate(file, 5000),
    "pages": lambda file: overwrite(file, os.urandom(file.stat().st_size - 4096), at=4096),
    "gone": lambda file: file.unlink(),
    "empty": lambda file: os.truncate(file, 0),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_bad_database_never_stops_the_start(tmp_path, damage):
    """It begins afresh, says so, never gives a number twice, and names the hole."""
    await filled(tmp_path)
    damage(tmp_path / "store.db")

    store = await Store.open(tmp_path, BUDGET)
    await store.read(T, after=0, limit=1000)
    number = await appended(store)
    assert number > 50
    gaps = {gap.stream: gap for gap in await store.gaps()}
    assert (gaps[T].from_seq, gaps[T].to_seq, gaps[T].reason) == (1, number - 1, GapReason.CORRUPT)
    assert gaps[A].to_seq >= 3
    assert number <= RESERVED + 51
    assert [row.seq for row in await store.read(T, after=0, limit=10)] == [number]
    await store.close()


async def test_a_bad_database_is_set_aside(tmp_path):
    """The last bad one is kept under another name and named in the notes; an older one is replaced."""
    for content in (b"first", b"second"):
        (tmp_path / "store.db").write_bytes(content * 1000)
        store = await Store.open(tmp_path, BUDGET)
        assert "set aside as store.db.bad" in store.notes[0]
        await store.close()

    assert (tmp_path / "store.db.bad").read_bytes() == b"second" * 1000


async def test_a_database_of_another_program_is_set_aside(tmp_path):
    """Tables that are not the store's are not written to twice."""
    other = sqlite3.connect(tmp_path / "store.db")
    other.execute("CREATE TABLE telemetry (x)")
    other.commit()
    other.close()

    store = await Store.open(tmp_path, BUDGET)
    assert await appended(store) == 1
    assert len(store.notes) == 1
    await store.close()


async def test_damage_found_while_running_loses_nothing_new(tmp_path):
    """Pages that turn out bad at a read: the others are kept, the hole is exact, what is appended then is stored."""
    await filled(tmp_path, count=500)
    store = await Store.open(tmp_path, BUDGET)
    overwrite(tmp_path / "store.db", os.urandom(400_000), at=40_000)
    os.posix_fadvise(handle := os.open(tmp_path / "store.db", os.O_RDONLY), 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)

    kept = {row.seq for row in await store.read(T, after=0, limit=1000)}
    (gap,) = await store.gaps(T)
    lost = {number for first, last in numbers.runs(gap.numbers or ((gap.from_seq, gap.to_seq, 1),))
            for number in range(first, last + 1)}  # fmt: skip
    assert (kept | lost, kept & lost) == (set(range(1, 501)), set())
    assert 50 < len(kept) < 450
    assert await appended(store) == 501
    await store.close()


async def test_a_damaged_side_file_is_written_again(tmp_path):
    """As long as the database is well, it is of no account."""
    await filled(tmp_path)
    (tmp_path / "sequences.json").write_text("[1")

    store = await Store.open(tmp_path, BUDGET)
    assert await appended(store) == 51
    assert json.loads((tmp_path / "sequences.json").read_text())["telemetry"] == [1, 50 + RESERVED]
    await store.close()


async def test_the_side_file_stays_ahead(tmp_path):
    """More records than it reserves at once: a lost database still never gives a number twice."""
    store = await Store.open(tmp_path, BUDGET)
    for _ in range(3):
        store.append(records(C, RESERVED // 2, 1))
        await store.flush()
    last = store.last(C)
    await store.close()
    (tmp_path / "store.db").unlink()

    store = await Store.open(tmp_path, BUDGET)
    assert await appended(store, C) > last
    await store.close()


async def test_a_newer_schema_is_refused(tmp_path):
    """The store of a newer program is left alone, with a word on what to do."""
    await filled(tmp_path)
    db = sqlite3.connect(tmp_path / "store.db")
    db.execute("PRAGMA user_version = 9")
    db.close()

    with pytest.raises(StoreTooNew, match="version 9, this program knows 3: run the newer program"):
        await Store.open(tmp_path, BUDGET)
    assert not (tmp_path / "store.db.bad").exists()


async def test_two_daemons_cannot_share_a_store(tmp_path):
    """The second is refused and told who has it; after the first closed, it may."""
    store = await Store.open(tmp_path, BUDGET)
    with pytest.raises(StoreBusy, match=f"in use by process {os.getpid()}: stop it"):
        await Store.open(tmp_path, BUDGET)
    await store.close()
    await (await Store.open(tmp_path, BUDGET)).close()


@contextmanager
def small_disk(directory, options="size=6m"):
    """Mount a tmpfs of 6 MiB, where that is allowed."""
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting needs root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


def remount(directory, options):
    subprocess.run(["mount", "-o", f"remount,{options}", directory], check=True)


def fill(directory):
    """Take all the space that is left, and return the file that has it."""
    filler = directory / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return filler


async def until(store, reached):
    while not reached():  # noqa: ASYNC110  a fault sets no event
        await asyncio.sleep(0.01)


async def test_a_full_disk_is_waited_for(tmp_path, monkeypatch):
    """Records wait in RAM, alarms too, reads go on; when there is space again all of them are stored, once."""
    monkeypatch.setattr(store_module, "RETRY_S", 0.02)
    with small_disk(tmp_path / "disk") as disk:
        store = await Store.open(disk, BUDGET)
        assert await appended(store) == 1
        filler = fill(disk)
        store.append(records(T, 500, 1000) + records(A, 5))
        await until(store, lambda: store.stats.faults >= 2)
        assert "full" in store.stats.fault
        assert store.stats.pending_bytes > 500_000
        assert len(await store.read(T, after=0, limit=9)) == 1
        filler.unlink()
        await store.flush()

        assert (store.stats.fault, store.last(T), store.last(A), await store.gaps()) == (None, 501, 5, [])
        await store.close()


async def test_what_ram_cannot_hold_is_a_gap(tmp_path, monkeypatch):
    """While the disk is full RAM overflows by the oldest telemetry, never by alarms, and the hole is named at last."""
    monkeypatch.setattr(store_module, "RETRY_S", 0.02)
    with small_disk(tmp_path / "disk") as disk:
        store = await Store.open(disk, BUDGET)
        filler = fill(disk)
        store.append(records(A, 5))
        await until(store, lambda: store.stats.fault is not None)
        for _ in range(16):
            store.append(records(T, 1000, 1000))
            await store.room()
        assert store.stats.dropped[T] > 7000
        assert store.stats.pending_bytes <= 8 * MIB
        filler.unlink()
        await store.flush()

        gaps = await store.gaps(T)
        assert GapReason.MEMORY in {gap.reason for gap in gaps}
        assert (store.last(T), sum(gap.lost for gap in gaps)) == (16_000, 16_000 - store.stats.rows[T])
        assert (store.stats.rows[A], store.stats.dropped[A]) == (5, 0)
        await store.close()


async def test_a_disk_smaller_than_the_budget_is_a_smaller_budget(tmp_path):
    """With 2 MiB of disk for a budget of 4, the oldest telemetry goes sooner and the disk is never found full."""
    with small_disk(tmp_path / "disk", "size=2m") as disk:
        store = await Store.open(disk, BUDGET)
        store.append(records(A, 5))
        for _ in range(8):
            store.append(records(T, 1000, 1000))
            await store.room()
        await store.flush()

        assert (store.stats.faults, store.last(T), store.stats.rows[A]) == (0, 8000, 5)
        assert store.stats.rows[T] > 500
        assert {gap.reason for gap in await store.gaps()} == {GapReason.BUDGET}
        await store.close()


async def test_a_read_only_directory_is_waited_for(tmp_path, monkeypatch):
    """The store opens, with a fault, and stores what waited when it may write."""
    monkeypatch.setattr(store_module, "RETRY_S", 0.02)
    with small_disk(tmp_path / "disk") as disk:
        remount(disk, "ro")
        store = await Store.open(disk, BUDGET)
        assert "Read-only" in store.stats.fault
        store.append(records(T, 3))
        assert not await store.read(T, after=0, limit=9)
        await until(store, lambda: store.stats.faults >= 3)
        remount(disk, "rw")
        await store.flush()

        assert (store.last(T), store.stats.fault) == (3, None)
        await store.close()


async def test_close_does_not_wait_for_a_bad_disk(tmp_path):
    """With a disk that refuses, close tries once more and is over."""
    with small_disk(tmp_path / "disk") as disk:
        remount(disk, "ro")
        store = await Store.open(disk, BUDGET)
        store.append(records(T, 3))
        async with asyncio.timeout(30):
            await store.close()


LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from gateway.config.model import MIB, StoreBudget
from gateway.store import store as module
from gateway.store.record import Record, Stream
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
module.RETRY_S = 0.02
async def main():
    store = await module.Store.open(Path(sys.argv[1]), StoreBudget(max_bytes=4 * MIB, commit_s=0.01))
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    store.append([Record(Stream.TELEMETRY, "d", n, n, bytes(1000)) for n in range(200)])
    while store.stats.faults < 2:
        await asyncio.sleep(0.01)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await store.flush()
    print(store.last(Stream.TELEMETRY), store.stats.fault)
    await store.close()
asyncio.run(main())
"""


def test_a_file_that_may_not_grow_is_waited_for(tmp_path):
    """Any refusal to write is met alike, without root: here the process's own limit of file sizes."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path], check=False, capture_output=True, text=True, timeout=60
    )

    assert done.stdout.splitlines()[-1:] == ["200 None"], done.stderr


BAD_DISK = """
import asyncio, os, sys, time
from pathlib import Path
from gateway.config.model import MIB, StoreBudget
from gateway.store import store as module
from gateway.store.record import Record, Stream

module.RETRY_S = 0.02
longest = 0.0

async def beat():
    global longest
    while True:
        begin = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - begin)

def records(count):
    return [Record(Stream.TELEMETRY, "d", n, n, bytes(100)) for n in range(count)]

async def main():
    store = await module.Store.open(Path(sys.argv[1]), StoreBudget(max_bytes=4 * MIB, commit_s=0.01))
    beats = asyncio.create_task(beat())
    failing = os.environ.get("SHIM_FAIL")
    for turn in range(2):
        store.append(records(50))
        await store.flush()
        if failing and not turn:
            Path(failing).touch()
            store.append(records(100))
            while store.stats.faults < 3:
                await asyncio.sleep(0.01)
            print(store.stats.fault)
            Path(failing).unlink()
    await store.flush()
    rows = await store.read(Stream.TELEMETRY, after=0, limit=1000)
    beats.cancel()
    print(longest < 0.9, store.stats.commit_s > 0.9)
    print([row.seq for row in rows] == list(range(1, store.last(Stream.TELEMETRY) + 1)), len(rows), store.stats.fault)
    await store.close()

asyncio.run(main())
"""


def on_a_bad_disk(directory, environment):
    done = subprocess.run(
        [sys.executable, "-c", BAD_DISK, directory],
        env=environment, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_slow_disk_holds_nobody_up(tmp_path, shim):
    """With a second for each sync everything is stored, the loop goes on meanwhile, and the log says it once."""
    said = on_a_bad_disk(tmp_path, shim(tmp_path, SHIM_SYNC_MS="1000"))

    assert said.splitlines()[-2:] == ["True True", "True 100 None"]
    assert said.count("store_slow") == 1


def test_a_disk_that_fails_for_a_while_is_waited_for(tmp_path, shim):
    """Each write and sync fails: one word in the log, and when it works again everything is stored, once."""
    said = on_a_bad_disk(tmp_path / "state", shim(tmp_path / "state", SHIM_FAIL=str(tmp_path / "failing")))

    assert "disk I/O error" in said
    assert said.splitlines()[-1] == "True 200 None"
    assert (said.count("store_fault"), said.count("store_recovered")) == (1, 1)


@contextmanager
def mounted(source, target):
    subprocess.run(["mount", "--bind", source, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", target], check=True)


async def test_a_disk_that_is_taken_away_and_comes_back(tmp_path):
    """Without it the store goes on where its directory is now, with it again there: nothing is lost or twice."""
    disk, state = tmp_path / "disk", tmp_path / "state"
    disk.mkdir()
    with small_disk(tmp_path / "mounting"):
        state.mkdir()
    with mounted(disk, state):
        store = await Store.open(state, BUDGET)
        assert await appended(store) == 1
    assert await appended(store) == 2
    with mounted(disk, state):
        assert await appended(store) == 3
        assert [row.seq for row in await store.read(T, after=0, limit=9)] == [1, 2, 3]
        assert (store.stats.fault, await store.losses()) == (None, [])
        await store.close()
        store = await Store.open(state, BUDGET)
        assert [row.seq for row in await store.read(T, after=0, limit=9)] == [1, 2, 3]
        await store.close()
