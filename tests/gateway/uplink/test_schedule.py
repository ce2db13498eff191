"""The order of rows and the rate of the backlog, with time in the hand."""

from dataclasses import replace
from errno import EIO
from unittest.mock import Mock

import pytest

from gateway.config.model import StoreBudget
from gateway.store.disk import Disk
from gateway.store.packing import to_record
from gateway.store.record import Stream
from gateway.store.store import Store
from gateway.uplink.schedule import READ_ROWS, Schedule, TokenBucket


def test_the_bucket_keeps_its_rate():
    """One second's worth at once, then the rate; a clock that stands still gives nothing."""
    bucket = TokenBucket(10)
    went = 0
    for now_s in [100 + n / 100 for n in range(201)]:
        while bucket.wait_s(now_s) == 0:
            bucket.take()
            went += 1

    assert went == 10 + 20
    assert bucket.wait_s(102) == pytest.approx(0.1)


def test_a_slow_bucket_waits_long():
    """Less than one a second is possible too."""
    bucket = TokenBucket(0.1)
    assert bucket.wait_s(5) == 0
    bucket.take()

    assert bucket.wait_s(5) == pytest.approx(10)
    assert bucket.wait_s(15) == pytest.approx(0)


async def test_the_backlog_is_sent_by_age(memory, messages):
    """Changes and telemetry of the backlog go by their time, whichever stream they are of."""
    memory.put(messages.summary(1), messages.change(12), messages.change(25), messages.summary(2), messages.change(26))
    schedule = Schedule(memory, backlog_rate_per_s=1000)
    order = [(await schedule.next(0, backlog=True)).row.record.start_ns - messages.start_ns for _ in range(5)]

    assert [ns / 1e9 for ns in order] == [10, 12, 20, 25, 26]
    assert await schedule.next(0, backlog=True) is None


async def test_rows_that_vanish_are_passed_over(memory, messages):
    """Rows that the budget took while they waited do not stop the ones after them."""
    memory.put(*(messages.summary(n) for n in range(3 * READ_ROWS)))
    schedule = Schedule(memory, backlog_rate_per_s=1000)
    memory.put(*(messages.summary(n) for n in range(5)))
    for seq in range(10, 2 * READ_ROWS):
        del memory.rows[Stream.TELEMETRY][seq]
    seen = []
    while due := await schedule.next(0, backlog=True):
        seen.append(due.row.seq)
    end = 3 * READ_ROWS

    assert seen == [*range(end + 1, end + 6), *range(1, 10), *range(2 * READ_ROWS, end + 1)]


async def test_rows_that_cannot_be_read_now_are_read_later(tmp_path, messages, monkeypatch):
    """A disk that refuses one read takes nothing out of the order: what it holds goes once it can be read."""
    store = await Store.open(tmp_path, StoreBudget(commit_s=0.01))
    store.append([to_record(messages.alarm(1)), to_record(messages.summary(2))])
    await store.flush()
    schedule = Schedule(store, backlog_rate_per_s=1000)
    store.append([to_record(messages.change(3))])
    await store.flush()
    with monkeypatch.context() as broken:
        broken.setattr(Disk, "read", Mock(side_effect=OSError(EIO, "Input/output error")))
        assert await schedule.next(0, backlog=True) is None
    told = [await schedule.next(0, backlog=True) for _ in range(3)]
    await store.close()

    assert [due.row.record.stream for due in told if due] == [Stream.ALARM, Stream.CHANGE, Stream.TELEMETRY]


async def test_a_window_merged_across_the_connection_is_historical(memory, messages):
    """It tells of a time before the connection too, whatever its own number."""
    memory.put(messages.summary(1), messages.summary(2))
    schedule = Schedule(memory, backlog_rate_per_s=1000)
    memory.put(messages.summary(3), messages.summary(4))
    rows = memory.rows[Stream.TELEMETRY]
    rows[3] = replace(rows[3], merged=((1, 3, 2),))
    told = [await schedule.next(0, backlog=True) for _ in range(2)]

    assert [(due.row.seq, due.historical) for due in told] == [(3, True), (4, False)]
