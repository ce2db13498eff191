"""The store's promises while the disk behaves."""

import asyncio
import sqlite3

import pytest

from gateway.config.model import MIB, StoreBudget
from gateway.store.limits import PENDING_BYTES, cost
from gateway.store.record import Gap, GapReason, Record, Stream
from gateway.store.store import ACKED_ROWS, Store

T, C, A = Stream.TELEMETRY, Stream.CHANGE, Stream.ALARM
SLOW = StoreBudget(max_bytes=4 * MIB, commit_s=60)
QUICK = StoreBudget(max_bytes=4 * MIB, commit_s=0.01)


def record(number, stream=T, body=None):
    return Record(stream, f"d{number % 3}", number * 10, number * 10 + 10, body or str(number).encode())


async def seqs(store, stream=T):
    return [row.seq for row in await store.read(stream, after=0, limit=10_000)]


async def test_rows_come_back_as_they_were_appended(tmp_path):
    """Records are numbered from 1 per stream, in order, and read between `after` and `upto`."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n) for n in range(5)] + [record(7, C)])
    await store.flush()

    rows = await store.read(T, after=1, upto=4, limit=2)
    assert [(row.seq, row.record) for row in rows] == [(2, record(1)), (3, record(2))]
    assert [row.record for row in await store.read(C, after=0, limit=9)] == [record(7, C)]
    assert (store.last(T), store.last(C), store.last(A)) == (5, 1, 0)
    await store.close()


async def test_a_read_is_bounded_by_bytes(tmp_path):
    """A read stops at about 1 MiB whatever its limit, and gives one row at least."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n, body=bytes(90_000)) for n in range(20)])
    await store.flush()

    assert len(await store.read(T, after=0, limit=100)) == 12
    await store.close()


async def test_everything_is_there_after_a_restart(tmp_path):
    """Rows, states, gaps and numbers survive close and open."""
    store = await Store.open(tmp_path, SLOW)
    store.append([record(1), record(2, A)], {"a.x": b"1", "a.y": b"2", "b": b"3"})
    store.append([], {"a.y": None})
    await store.close()

    store = await Store.open(tmp_path, SLOW)
    assert await seqs(store) == [1]
    assert await seqs(store, A) == [1]
    assert await store.states("a.") == {"a.x": b"1"}
    assert store.stats.rows == {T: 1, C: 0, A: 1, Stream.REPORT: 0}
    await store.close()


async def test_numbers_go_on_when_all_rows_have_left(tmp_path):
    """A restart after the last acknowledgement does not begin at 1 again."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(1), record(2)])
    await store.flush()
    store.acknowledge(T, [1, 2])
    await store.close()

    store = await Store.open(tmp_path, QUICK)
    assert (store.last(T), store.stats.rows[T], store.stats.bytes[T]) == (2, 0, 0)
    store.append([record(3)])
    await store.flush()
    assert await seqs(store) == [3]
    await store.close()


async def test_alarms_are_committed_at_once(tmp_path):
    """An alarm, or what is urgent, waits for no commit interval and takes the others along."""
    store = await Store.open(tmp_path, SLOW)
    store.append([record(1)])
    store.append([record(2, A)])
    await store.stored.wait()
    assert (store.last(T), store.last(A)) == (1, 1)

    store.stored.clear()
    store.append([record(3)], urgent=True)
    await store.stored.wait()
    assert store.last(T) == 2
    await store.close()


async def test_others_are_committed_together_within_the_interval(tmp_path):
    """Many appends share one commit, which comes by itself."""
    store = await Store.open(tmp_path, StoreBudget(max_bytes=4 * MIB, commit_s=0.5))
    for number in range(50):
        store.append([record(number)])
        await asyncio.sleep(0)
    await store.stored.wait()

    assert (store.last(T), store.stats.commits) == (50, 1)
    await store.close()


async def test_unknown_acknowledgements_are_nothing(tmp_path):
    """Numbers that were never given, twice acknowledged or dropped change nothing."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n) for n in range(3)])
    await store.flush()
    store.acknowledge(T, [2, 2, 99])
    store.acknowledge(C, [1])
    await store.flush()
    store.acknowledge(T, [2])
    await store.flush()

    assert await seqs(store) == [1, 3]
    assert store.stats.rows[T] == 2
    await store.close()


async def test_acknowledgements_share_the_commit_of_the_next_records(tmp_path):
    """A window costs one commit, not a second one for its deletion; meanwhile its rows no longer count."""
    store = await Store.open(tmp_path, QUICK)
    for window in range(1, 4):
        store.append([record(window)])
        await store.stored.wait()
        store.stored.clear()
        store.acknowledge(T, [window])

        assert (store.stats.rows[T], store.stats.commits) == (0, window)
    await store.close()


async def test_acknowledgements_wait_no_longer_than_their_time(tmp_path, monkeypatch):
    """A window that no other follows leaves the disk by itself."""
    monkeypatch.setattr("gateway.store.store.ACKED_S", 0.05)
    store = await Store.open(tmp_path, QUICK)
    store.append([record(1)])
    await store.flush()
    store.stored.clear()
    store.acknowledge(T, [1])
    await store.stored.wait()

    assert await seqs(store) == []
    await store.close()


@pytest.mark.parametrize("acknowledged", [range(1, 1001), range(1, 3)], ids=["many", "the connection is over"])
async def test_acknowledgements_do_not_always_wait(tmp_path, acknowledged):
    """So many that a commit of their own is worth it; or the next connection would send them again."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n) for n in range(1002)])
    await store.flush()
    store.stored.clear()
    store.acknowledge(T, acknowledged)
    if len(acknowledged) < ACKED_ROWS:
        store.hurry()
    await store.stored.wait()

    assert (await store.read(T, after=0, limit=1))[0].seq == acknowledged[-1] + 1
    await store.close()


async def test_many_acknowledgements_are_spread_over_transactions(tmp_path):
    """Any number of them at once keeps the journal within its bound."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n, body=bytes(2100)) for n in range(600)])
    await store.flush()
    store.acknowledge(T, range(1, 600, 2))
    await store.flush()
    store.acknowledge(T, range(2, 600, 2))
    await store.flush()

    assert await seqs(store) == [600]
    assert store.stats.wal_bytes <= MIB
    await store.close()


async def test_a_row_nobody_can_read_becomes_a_gap(tmp_path):
    """Discarded rows leave a gap with what they covered; a reported gap is forgotten."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n) for n in range(4)])
    await store.flush()
    store.discard(T, [2, 3])
    await store.flush()

    expected = [Gap(T, 2, 3, 10, 30, GapReason.CORRUPT, 2)]
    assert await store.gaps() == await store.gaps(T) == expected
    assert (await store.gaps(A), store.stats.dropped[T]) == ([], 2)
    store.reported(expected)
    await store.flush()
    assert await store.gaps() == []
    await store.close()


async def test_a_gap_that_grew_is_not_forgotten(tmp_path):
    """Reporting an older shape of a gap leaves the newer one to be reported."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n) for n in range(4)])
    await store.flush()
    store.discard(T, [2])
    await store.flush()
    seen = await store.gaps()
    store.discard(T, [3])
    await store.flush()
    store.reported(seen)
    await store.flush()

    assert [(gap.from_seq, gap.to_seq, gap.lost) for gap in await store.gaps()] == [(2, 3, 2)]
    await store.close()


async def test_gaps_stay_few(tmp_path):
    """Gaps that do not touch are merged when there are too many; what they lost adds up."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n) for n in range(700)])
    await store.flush()
    store.discard(T, range(1, 700, 2))
    await store.flush()

    gaps = await store.gaps()
    assert (len(gaps), sum(gap.lost for gap in gaps)) == (256, 350)
    assert (gaps[0].from_seq, gaps[-1].to_seq) == (1, 699)
    await store.close()


async def test_a_message_larger_than_a_transaction_is_a_gap(tmp_path):
    """It takes a number and is reported as lost; the others pass."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(1), record(2, body=bytes(MIB))])
    await store.flush()

    gaps = await store.gaps()
    assert [(gap.reason, gap.lost) for gap in gaps] == [(GapReason.SIZE, 1)]
    assert sorted([gaps[0].from_seq, *await seqs(store)]) == [1, 2]
    await store.close()


async def test_a_large_unit_is_split_with_its_states_last(tmp_path):
    """More than one transaction's worth arrives complete."""
    store = await Store.open(tmp_path, QUICK)
    store.append([record(n, body=bytes(50_000)) for n in range(20)], {"k": b"v"})
    await store.flush()

    assert (store.last(T), await store.states("")) == (20, {"k": b"v"})
    assert store.stats.commits > 1
    await store.close()


async def test_room_waits_for_the_disk(tmp_path):
    """With more than PENDING_BYTES in RAM, `room` returns only after a commit."""
    store = await Store.open(tmp_path, StoreBudget(max_bytes=64 * MIB, commit_s=60))
    await store.room()
    store.append([record(n, body=bytes(50_000)) for n in range(PENDING_BYTES // 50_000 + 1)])
    await store.room()

    assert store.stats.pending_bytes < PENDING_BYTES
    assert store.last(T) > 0
    await store.close()


async def test_stats_tell_every_number(tmp_path):
    """Rows, bytes, oldest, sizes, pending and commits are what happened."""
    store = await Store.open(tmp_path, SLOW)
    store.append([record(3), record(4)])
    assert store.stats.pending_bytes == 2 * cost(1)
    await store.flush()

    stats = store.stats
    assert (stats.rows[T], stats.bytes[T], stats.oldest_ns, stats.pending_bytes) == (2, 2 * cost(1), {T: 30}, 0)
    assert stats.db_bytes > 0
    assert stats.wal_bytes == (tmp_path / "store.db-wal").stat().st_size
    assert (stats.commits, stats.fault, stats.commit_s > 0) == (1, None, True)
    await store.close()


async def test_what_nobody_expected_ends_the_watch(tmp_path):
    """An error that is not the disk's surfaces where the store is watched, and to who waits for it."""
    store = await Store.open(tmp_path, QUICK)
    store.append([Record(T, "d", 2**70, 0, b"")])

    with pytest.raises(OverflowError):
        await store.watch()
    with pytest.raises(OverflowError):
        await store.flush()
    with pytest.raises(OverflowError):
        await store.close()


async def test_no_reader_can_hold_the_journal_back(tmp_path):
    """Another process cannot open the database, so it cannot keep the journal from being emptied."""
    store = await Store.open(tmp_path, QUICK)
    other = sqlite3.connect(tmp_path / "store.db", timeout=0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT * FROM streams")
    other.close()
    await store.close()
