"""Windows that are merged tell what one window would have told, and what cannot be merged stays as it is."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.model import MIB, StoreBudget
from gateway.core.messages import Summary
from gateway.store import numbers
from gateway.store.fading import COUNT_MAX, mergeable, merged
from gateway.store.packing import summary_of, to_record
from gateway.store.record import Gap, GapReason, Record, Stream
from gateway.store.store import Store

T, C = Stream.TELEMETRY, Stream.CHANGE
BUDGET = StoreBudget(max_bytes=4 * MIB, alarm_share=0.7, commit_s=0.01)
"""0.9 MB for telemetry: soon full."""
VALUES = st.floats(-1e12, 1e12)
READINGS = st.lists(st.lists(st.tuples(VALUES, st.integers(0, 65535)), max_size=5), min_size=2, max_size=8)


def window(readings, turn=0):
    """Return the window of one point that a device's readings make; those without a number leave their quality."""
    values = [value for value, _ in readings]
    stats = (min(values), max(values), math.fsum(values) / len(values), values[-1]) if values else [math.nan] * 4
    quality = np.bitwise_or.reduce([0, *(flags for _, flags in readings)])
    columns = (np.array([number]) for number in stats)
    return Summary(
        "d", turn * 10, 10, ("p",), np.array([len(values)], np.uint32), *columns, np.array([quality], np.uint16)
    )


@given(READINGS, st.data())
def test_merged_in_any_order_is_one_window(parts, data):
    """Neighbours merged by chance until one is left: all exact, the mean as near as doubles are."""
    windows = [window(part, turn) for turn, part in enumerate(parts)]
    while len(windows) > 1:
        at = data.draw(st.integers(0, len(windows) - 2))
        assert mergeable(windows[at], windows[at + 1])
        windows[at : at + 2] = [merged(windows[at], windows[at + 1])]

    expected = replace(window([reading for part in parts for reading in part]), length_ns=10 * len(parts))
    for name in ("device", "start_ns", "length_ns", "points", "count", "min", "max", "last", "quality"):
        np.testing.assert_array_equal(getattr(windows[0], name), getattr(expected, name))
    largest = max((abs(value) for part in parts for value, _ in part), default=0)
    np.testing.assert_allclose(windows[0].mean, expected.mean, rtol=0, atol=largest * 1e-14)
    assert not windows[0].count[0] or windows[0].min[0] <= windows[0].mean[0] <= windows[0].max[0]


def test_the_mean_of_the_largest_numbers_is_one():
    """No sum on the way is more than a double holds."""
    huge = window([(1.7e308, 0)])

    assert merged(huge, replace(huge, start_ns=10)).mean[0] == pytest.approx(1.7e308)


HERE = window([(1.0, 0)])
STRANGERS = {
    "another device": replace(HERE, start_ns=10, device="e"),
    "other points": replace(HERE, start_ns=10, points=("q",)),
    "before": replace(HERE, start_ns=-10),
    "a long silence": replace(HERE, start_ns=31),
    "too many readings": replace(HERE, start_ns=10, count=np.array([COUNT_MAX], np.uint32)),
}


@pytest.mark.parametrize("stranger", STRANGERS.values(), ids=STRANGERS)
def test_what_one_window_cannot_tell_is_not_merged(stranger):
    """Other points, a time that would be made up, a count that would not fit."""
    assert not mergeable(HERE, stranger)
    assert mergeable(HERE, replace(HERE, start_ns=30))


def wide(turn, device="d", points=200):
    """Return a record of some 5 KB."""
    random = np.random.default_rng(turn)
    names = tuple(f"p{n}" for n in range(points))
    columns, count = (random.normal(size=points) for _ in range(4)), np.ones(points, np.uint32)
    return to_record(Summary(device, turn * 10, 10, names, count, *columns, np.zeros(points, np.uint16)))


async def filled(store, records):
    for at in range(0, len(records), 20):
        store.append(records[at : at + 20])
        await store.flush()


async def rows_of(store, stream=T):
    rows = []
    while found := await store.read(stream, after=rows[-1].seq if rows else 0, limit=500):
        rows += found
    return rows


async def test_changes_never_merge(tmp_path):
    """Telemetry fades for the room that changes need, the changes stay as they were."""
    store = await Store.open(tmp_path, BUDGET)
    changes = [Record(C, "d", turn, turn, bytes(500)) for turn in range(500)]
    await filled(store, [wide(turn) for turn in range(100)])
    await filled(store, changes)

    assert [row.record for row in await rows_of(store, C)] == changes
    assert store.stats.faded > 20
    assert await store.losses() == []
    await store.close()


async def test_rows_of_an_older_point_list_stay(tmp_path):
    """They are merged among themselves only, and can be read without any configuration."""
    store = await Store.open(tmp_path, BUDGET)
    await filled(store, [wide(turn, points=200) for turn in range(100)])
    await filled(store, [wide(turn, points=150) for turn in range(100, 300)])
    rows = await rows_of(store)

    counts = dict.fromkeys((150, 200), 0)
    for row in rows:
        told = summary_of(row.record)
        assert (told.count == numbers.count(row.numbers)).all()
        counts[len(told.points)] += numbers.count(row.numbers)
    assert counts == {200: 100, 150: 200}
    assert await store.losses() == []
    await store.close()


async def test_what_was_handed_out_is_not_merged(tmp_path):
    """What the publisher has been given goes again under the same number only, however full the disk becomes."""
    store = await Store.open(tmp_path, BUDGET)
    await filled(store, [wide(turn) for turn in range(50)])
    given = await store.read(T, after=20, limit=10)
    await filled(store, [wide(turn) for turn in range(50, 500)])

    rows = {row.seq: row for row in await rows_of(store)}
    assert [rows[row.seq] for row in given] == given
    assert store.stats.faded > 100
    await store.close()


async def test_fading_goes_on_after_a_restart(tmp_path):
    """Marks and partners are found again: a store that is opened often fades as evenly as one that is not."""
    longest = []
    for often in (False, True):
        store = await Store.open(tmp_path / str(often), BUDGET)
        for turn in range(0, 400, 20):
            store.append([wide(turn + more, f"d{more % 3}") for more in range(20)])
            await store.flush()
            if often:
                await store.close()
                store = await Store.open(tmp_path / str(often), BUDGET)
        rows = await rows_of(store)
        assert sorted(n for row in rows for a, b in numbers.runs(row.numbers) for n in range(a, b + 1)) == [
            *range(1, 401)
        ]
        longest.append([numbers.count(row.numbers) for row in rows])
        await store.close()

    assert longest[0] == longest[1]


async def test_at_last_a_device_has_one_window_and_then_it_goes(tmp_path):
    """More devices than windows fit: each is merged to one before any goes, and the gap counts all its numbers."""
    store = await Store.open(tmp_path, BUDGET)
    await filled(store, [wide(turn * 10 + device % 10, f"d{device}") for turn in range(4) for device in range(220)])
    rows, losses = await rows_of(store), await store.losses(T)

    told = [n for row in rows for a, b in numbers.runs(row.numbers) for n in range(a, b + 1)]
    lost = [
        n
        for gap in losses
        for a, b in numbers.runs(gap.numbers or ((gap.from_seq, gap.to_seq, 1),))
        for n in range(a, b + 1)
    ]
    assert sorted(told + lost) == list(range(1, 881))
    assert 0 < len(lost) == sum(gap.lost for gap in losses) == store.stats.dropped[T]
    assert {gap.reason for gap in losses} == {GapReason.BUDGET}
    await store.close()


async def test_what_was_lost_stays_known(tmp_path):
    """A gap that was reported is no more to report, and is still among the losses, after a restart too."""
    store = await Store.open(tmp_path, BUDGET)
    await filled(store, [Record(T, "d", turn, turn + 1, bytes(5000)) for turn in range(500)])
    gaps = await store.gaps()
    store.reported(gaps)
    await store.flush()
    store.lost(Gap(T, 499, 499, 498, 499, GapReason.CORRUPT, 1))
    store.lost(Gap(T, 499, 499, 498, 499, GapReason.CORRUPT, 1))
    await store.close()

    store = await Store.open(tmp_path, BUDGET)
    assert await store.gaps() == []
    assert [(gap.from_seq, gap.lost, gap.reason) for gap in await store.losses(T)] == [
        (1, gaps[0].lost, GapReason.BUDGET),
        (499, 1, GapReason.CORRUPT),
    ]
    await store.close()
