"""What a bad disk has spoilt or taken away: all that can be read keeps its number, the rest is named exactly."""

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.core.messages import Summary
from gateway.store import files, numbers
from gateway.store.packing import to_record
from gateway.store.record import GapReason, Record, Stream
from gateway.store.seal import seal
from gateway.store.store import Store

T, C, A = Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM
BUDGET = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)
FADING = StoreBudget(max_bytes=4 * MIB, alarm_share=0.7, commit_s=0.01)
PAGE = 4096


def records(stream, count, size=900):
    return [Record(stream, f"d{n % 3}", n, n + 1, seal(os.urandom(size))) for n in range(count)]


async def filled(directory, stored, budget=BUDGET):
    """Store records and a state, close, and return the rows by stream and number."""
    store = await Store.open(directory, budget)
    for at in range(0, len(stored), 40):
        store.append(stored[at : at + 40], {"k": b"v"})
        await store.flush()
    rows = {stream: {row.seq: row for row in await all_rows(store, stream)} for stream in Stream}
    await store.close()
    return rows


async def all_rows(store, stream):
    rows = []
    while found := await store.read(stream, after=rows[-1].seq if rows else 0, limit=500):
        rows += found
    return rows


def told(row_or_gap):
    listed = row_or_gap.numbers or ((row_or_gap.from_seq, row_or_gap.to_seq, 1),)
    return {number for first, last in numbers.runs(listed) for number in range(first, last + 1)}


async def check(store, before, *, most_lost=None):
    """Every row that is there is as it was, every number that is not there is in a gap, and none is in both."""
    for stream, rows in before.items():
        kept = await all_rows(store, stream)
        assert [row for row in kept if row.seq in rows] == [rows[row.seq] for row in kept if row.seq in rows]
        have = set().union(*map(told, kept))
        lost = set().union(*map(told, await store.losses(stream)))
        assert have | lost == set(range(1, store.last(stream) + 1))
        assert not have & lost
        assert most_lost is None or len(lost) <= most_lost


def leaves(path, table):
    """Return the pages that hold rows of a table, by the statistics of SQLite."""
    db = sqlite3.connect(path)
    found = [page for (page,) in db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,))]
    db.close()
    return found


def spoil(path, page, how):
    """Damage one page as a disk does."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        content = bytearray(file.read(PAGE))
        match how:
            case "flip":
                content[random.randrange(12)] ^= 1 << random.randrange(8)
            case "torn":
                content[512:] = bytes(PAGE - 512)
            case "noise":
                content[:] = os.urandom(PAGE)
            case "stale":
                content[:] = bytes(PAGE)
        file.seek((page - 1) * PAGE)
        file.write(content)


@pytest.mark.parametrize("how", ["torn", "noise", "stale"])
async def test_one_bad_page_costs_its_own_rows_only(tmp_path, how):
    """Of 500 messages those of one page are lost, exactly they are the gap, and states and other streams are whole."""
    before = await filled(tmp_path, records(T, 500) + records(C, 20) + records(A, 5))
    pages = leaves(tmp_path / "store.db", "telemetry")
    spoil(tmp_path / "store.db", pages[len(pages) // 2], how)

    store = await Store.open(tmp_path, BUDGET)
    await check(store, before, most_lost=5)
    (gap,) = await store.gaps()
    assert (gap.stream, gap.reason, await store.states("")) == (T, GapReason.CORRUPT, {"k": b"v"})
    assert 0 < gap.lost == store.stats.dropped[T] == 500 - store.stats.rows[T]
    assert "set aside as store.db.bad" in store.notes[0]
    store.append(records(T, 1))
    await store.flush()
    assert (store.last(T), store.stats.fault) == (501, None)
    await store.close()


@pytest.mark.parametrize("seed", range(4))
async def test_many_bad_pages(tmp_path, seed):
    """A tenth of all pages, of any kind, spoilt in any way: what can be read is kept, what cannot is named."""
    before = await filled(tmp_path, records(T, 1500) + records(C, 300) + records(A, 50))
    random.seed(seed)
    pages = (tmp_path / "store.db").stat().st_size // PAGE
    for page in random.sample(range(2, pages + 1), pages // 10):
        spoil(tmp_path / "store.db", page, random.choice(["flip", "torn", "noise", "stale"]))

    store = await Store.open(tmp_path, BUDGET)
    for stream in Stream:
        await all_rows(store, stream)
    await check(store, before)
    await store.close()


async def test_a_file_that_was_cut(tmp_path):
    """The rows of the half that is there are kept."""
    before = await filled(tmp_path, records(T, 1000))
    os.truncate(tmp_path / "store.db", (tmp_path / "store.db").stat().st_size // 2)

    store = await Store.open(tmp_path, BUDGET)
    await all_rows(store, T)
    await check(store, before)
    assert store.last(T) == 1000
    await store.close()


async def test_a_body_that_flipped_is_one_message(tmp_path):
    """A byte within a message spoils no page: when the database is made anew, that message alone is lost."""
    before = await filled(tmp_path, records(T, 300))
    body = before[T][150].record.body
    content = (tmp_path / "store.db").read_bytes()
    at = content.index(body[50:150]) + 20
    (tmp_path / "store.db").write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    spoil(tmp_path / "store.db", leaves(tmp_path / "store.db", "change")[0], "noise")

    store = await Store.open(tmp_path, BUDGET)
    await all_rows(store, C)
    (gap,) = await store.gaps(T)
    assert (gap.from_seq, gap.to_seq) == (150, 150)
    await check(store, before)
    await store.close()


async def test_a_text_that_is_none_is_one_message(tmp_path):
    """A device name whose bytes are no text any more is met like any damage, by a read."""
    before = await filled(tmp_path, records(T, 100))
    content = bytearray((tmp_path / "store.db").read_bytes())
    at = content.rindex(b"d1", 0, content.index(before[T][50].record.body[:60]))
    content[at : at + 2] = b"\xff\xff"
    (tmp_path / "store.db").write_bytes(content)

    store = await Store.open(tmp_path, BUDGET)
    await all_rows(store, T)
    await check(store, before, most_lost=1)
    assert [gap.lost for gap in await store.gaps()] == [1]
    await store.close()


BAD_SECTOR = """
import asyncio, sys
from pathlib import Path
from gateway.config.model import MIB, StoreBudget
from gateway.store.record import Stream
from gateway.store.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]), StoreBudget(max_bytes=4 * MIB, commit_s=0.01))
    for _ in range(20):
        rows = await store.read(Stream.TELEMETRY, after=0, limit=1000)
        if len(rows) > 400:
            break
    print(len(rows), sum(gap.lost for gap in await store.gaps()), store.stats.faults)
    await store.close()

asyncio.run(main())
"""


async def test_a_bad_sector_is_given_up(tmp_path, shim):
    """A place that the disk cannot read any more: what stands elsewhere is saved from it, and can be sent."""
    await filled(tmp_path, records(T, 500, 100))
    pages = leaves(tmp_path / "store.db", "telemetry")
    environment = shim(tmp_path, SHIM_BAD=str((pages[len(pages) // 2] - 1) * PAGE))
    command = [sys.executable, "-c", BAD_SECTOR, tmp_path]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr

    kept, lost, faults = map(int, done.stdout.splitlines()[-1].split())
    assert (kept + lost, faults) == (500, 0)
    assert 0 < lost < 40


def window(turn, device):
    values = np.random.default_rng(turn).normal(size=(4, 100))
    names, count = tuple(f"p{n}" for n in range(100)), np.ones(100, np.uint32)
    return to_record(Summary(device, turn * 10, 10, names, count, *values, np.zeros(100, np.uint16)))


async def test_merged_windows_are_recovered_with_all_their_numbers(tmp_path):
    """Windows of three devices in turns, each of many numbers: what one bad page held is named, not a number more."""
    before = await filled(tmp_path, [window(n // 3, f"d{n % 3}") for n in range(900)], FADING)
    assert len(before[T]) < 600
    pages = leaves(tmp_path / "store.db", "telemetry")
    spoil(tmp_path / "store.db", pages[3], "noise")

    store = await Store.open(tmp_path, FADING)
    rows = await all_rows(store, T)
    await check(store, before)
    missing = set().union(*(told(row) for seq, row in before[T].items() if seq not in {row.seq for row in rows}))
    assert set().union(*map(told, await store.gaps())) == missing
    store.append([window(300 + n // 3, f"d{n % 3}") for n in range(200)])
    await store.flush()
    assert store.stats.faded > 50
    await store.close()


async def snapshot(store, source, target):
    """Copy the files of an open store, as a power cut leaves them."""
    await store.flush()
    shutil.copytree(source, target)
    (target / "lock").unlink()


@pytest.mark.parametrize("part", [0.02, 0.5, 0.98], ids=["first", "middle", "last"])
@pytest.mark.parametrize("how", ["flip", "torn", "cut"])
async def test_a_bad_journal_never_gives_a_number_twice(tmp_path, part, how):
    """SQLite silently drops a journal from its first bad page on: that is noticed, and no number used again."""
    store = await Store.open(tmp_path / "a", BUDGET)
    for _ in range(20):
        store.append(records(T, 1))
        await store.flush()
    before = {T: {row.seq: row for row in await all_rows(store, T)}}
    await snapshot(store, tmp_path / "a", tmp_path / "b")
    await store.close()
    wal = tmp_path / "b" / "store.db-wal"
    content = bytearray(wal.read_bytes())
    at = int(len(content) * part)
    assert len(content) > 30_000
    match how:
        case "flip":
            content[at] ^= 1
        case "torn":
            content[at : at + 600] = bytes(600)
        case "cut":
            del content[at:]
    wal.write_bytes(content)

    store = await Store.open(tmp_path / "b", BUDGET)
    assert store.last(T) == 20
    await check(store, before)
    store.append(records(T, 1))
    await store.flush()
    assert store.last(T) == 21
    await store.close()


async def test_what_was_begun_before_a_power_cut_is_finished(tmp_path):
    """Cut off after the new database was complete, or before: nothing is lost either way."""
    before = await filled(tmp_path, records(T, 100))
    shutil.copy(tmp_path / "store.db", tmp_path / "store.db.new")
    (tmp_path / "store.db").write_bytes(b"bad")
    (tmp_path / "store.db.part").write_bytes(b"half")

    store = await Store.open(tmp_path, BUDGET)
    await check(store, before, most_lost=0)
    assert (tmp_path / "store.db.bad").read_bytes() == b"bad"
    await store.close()


@pytest.mark.parametrize("what", ["database", "everything", "directory"])
async def test_files_that_are_removed_while_running_come_back(tmp_path, what):
    """Nothing is lost: the open file still has it all, and goes to the place again with what is new."""
    state = tmp_path / "state"
    store = await Store.open(state, BUDGET)
    store.append(records(T, 200) + records(A, 3), {"k": b"v"})
    await store.flush()
    if what == "directory":
        shutil.rmtree(state)
    for file in state.iterdir() if state.exists() else ():
        if what == "everything" or file.name.startswith(files.DATABASE):
            file.unlink()
    store.append(records(T, 1))
    await store.flush()
    assert (store.stats.fault, store.last(T), store.stats.rows[T], await store.losses()) == (None, 201, 201, [])
    assert "was removed or replaced" in store.notes[0]
    await store.close()

    store = await Store.open(state, BUDGET)
    assert ([row.seq for row in await all_rows(store, T)], store.last(A)) == ([*range(1, 202)], 3)
    assert await store.states("") == {"k": b"v"}
    await store.close()


async def test_a_store_of_version_1_goes_on(tmp_path):
    """Made by an older program: its rows, gaps and numbers are there, its gaps are losses too, and it fades."""
    store = sqlite3.connect(tmp_path / "store.db")
    store.executescript(VERSION_1)
    rows = [window(n // 3, f"d{n % 3}") for n in range(300)]
    store.executemany(
        "INSERT INTO telemetry VALUES (?, ?, ?, ?, ?)",
        [(seq, r.device, r.start_ns, r.end_ns, r.body) for seq, r in enumerate(rows, 8)],
    )
    store.execute("INSERT INTO gaps VALUES ('telemetry', 1, 7, 0, 5, 'budget', 7)")
    store.execute("UPDATE streams SET last = 307, rows = 300, bytes = 500000, dropped = 7 WHERE stream = 'telemetry'")
    store.commit()
    store.close()

    store = await Store.open(tmp_path, FADING)
    assert store.notes == []
    assert [row.record for row in await all_rows(store, T)] == rows
    assert [gap.lost for gap in await store.gaps()] == [gap.lost for gap in await store.losses()] == [7]
    await store.close()
    await filled(tmp_path, [window(100 + n // 3, f"d{n % 3}") for n in range(600)], FADING)
    store = await Store.open(tmp_path, FADING)
    assert store.stats.rows[T] < 800
    assert store.last(T) == 907
    await check(store, {T: {}})
    await store.close()


async def test_a_store_of_version_2_goes_on(tmp_path):
    """Made by the program before reports: its rows and numbers are there, and reports are numbered from 1."""
    await filled(tmp_path, [window(n, "d") for n in range(5)], BUDGET)
    store = sqlite3.connect(tmp_path / "store.db")
    store.executescript("DROP TABLE report; DELETE FROM streams WHERE stream = 'report'; PRAGMA user_version = 2")
    store.close()

    store = await Store.open(tmp_path, BUDGET)
    store.append([Record(Stream.REPORT, "asset/t1", 1, 1, seal(b"{}"))])
    await store.flush()
    assert store.notes == []
    assert (len(await all_rows(store, T)), store.last(T), store.last(Stream.REPORT)) == (5, 5, 1)
    await store.close()


VERSION_1 = """
PRAGMA journal_mode = WAL;
CREATE TABLE telemetry (seq INTEGER PRIMARY KEY, device TEXT NOT NULL, start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE change (seq INTEGER PRIMARY KEY, device TEXT NOT NULL, start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE alarm (seq INTEGER PRIMARY KEY, device TEXT NOT NULL, start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE streams (stream TEXT PRIMARY KEY, last INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
  dropped INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE gaps (stream TEXT NOT NULL, from_seq INTEGER NOT NULL, to_seq INTEGER NOT NULL, start_ns INTEGER NOT NULL,
  end_ns INTEGER NOT NULL, reason TEXT NOT NULL, lost INTEGER NOT NULL, PRIMARY KEY (stream, from_seq)) WITHOUT ROWID;
CREATE TABLE states (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO streams VALUES ('telemetry', 0, 0, 0, 0), ('change', 0, 0, 0, 0), ('alarm', 0, 0, 0, 0);
PRAGMA user_version = 1;
"""
