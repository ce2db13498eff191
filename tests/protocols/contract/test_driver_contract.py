"""What the poller relies on in every driver. A new protocol is a line in PROTOCOLS and a fixture in conftest.py."""

import asyncio
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from waiting import at_once

from protocols.driver import LinkLost
from protocols.model import Batch

SHORT_S = 0.3
LONG_S = 60.0
PATIENCE_S = 60.0
FEW = 8
RECONNECTS = 1000
WARM = 400
"""Until then the allocator finds its size: TLS takes 12 MB of it, and stays there."""
GROWTH_BYTES = 2 * 1024 * 1024


def batches(seen):
    return [each for each in seen if isinstance(each, Batch)]


async def whole(driver):
    """Read every scan that has points, and return the values by row; they must be good."""
    values = {}
    for scan in (each for each in driver.scans if len(each.rows)):
        *_, batch = batches(await driver.read(scan))
        assert not batch.quality.any()
        values.update(zip(batch.rows.tolist(), batch.values.tolist(), strict=True))
    return values


async def again(driver):
    """Read as the poller does, until everything is there: after a time-out again, after a loss connected anew."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await whole(driver)
            except LinkLost:
                with suppress(OSError, LinkLost):
                    await driver.connect()
            except TimeoutError:
                pass
            await asyncio.sleep(0.01)


def short(driver):
    return replace(driver.scans[0], timeout_s=SHORT_S)


def long(driver):
    return replace(driver.scans[0], timeout_s=LONG_S)


async def test_scans_cover_every_point_once(case):
    """Each row belongs to one scan; rows are ascending; keys tell scans apart."""
    async with case.serve() as place:
        scans = case.make(place).scans

    rows = np.concatenate([scan.rows for scan in scans])
    assert sorted(rows.tolist()) == list(range(len(rows)))
    assert all(scan.rows.dtype == np.int32 and (np.diff(scan.rows) > 0).all() for scan in scans)
    assert len({scan.key for scan in scans}) == len(scans)
    assert all(scan.every_s > 0 and scan.timeout_s > 0 for scan in scans)
    assert all(scan.requests > 0 for scan in scans if len(scan.rows))


async def test_a_healthy_device_gives_a_good_batch_for_every_scan(case):
    """Rows and types as promised, good quality, a time of arrival; what came unasked may stand before the answer."""
    async with case.serve() as place:
        driver = case.make(place)
        await driver.connect()
        for scan in (each for each in driver.scans if len(each.rows)):
            *_, batch = batches(await driver.read(scan))

            assert batch.rows.tolist() == scan.rows.tolist()
            assert len(batch.rows) == len(batch.values) == len(batch.quality) == len(batch.time_ns)
            assert (batch.values.dtype, batch.quality.dtype, batch.time_ns.dtype) == (np.float64, np.uint16, np.int64)
            assert np.isfinite(batch.values).all()
            assert not batch.quality.any()
            assert batch.arrival_ns > 0
        await driver.close()


async def test_a_batch_is_never_changed_afterwards(case):
    """Two reads share no array but the rows."""
    async with case.serve() as place:
        driver = case.make(place)
        await driver.connect()
        first, second = [batches(await driver.read(driver.scans[0]))[-1] for _ in range(2)]
        await driver.close()

    assert not any(np.shares_memory(getattr(first, a), getattr(second, a)) for a in ("values", "quality", "time_ns"))


async def test_one_bad_point_leaves_the_others_good(case):
    """What the device refuses comes as a bad reading; the others have their values in the same read."""
    async with case.serve() as place:
        good = case.make(place)
        await good.connect()
        expected = sorted((await whole(good)).values())
        await good.close()
        driver = case.make(place, bad=True)
        await driver.connect()
        readings = {}
        for scan in (each for each in driver.scans if len(each.rows)):
            *_, batch = batches(await driver.read(scan))
            readings.update(zip(batch.rows.tolist(), zip(batch.values, batch.quality, strict=True), strict=True))
        await driver.close()

    assert len(readings) == len(expected) + 1
    [bad] = [value for value, quality in readings.values() if quality]
    assert np.isnan(bad)
    assert sorted(value for value, quality in readings.values() if not quality) == expected


async def test_nobody_answers(case):
    """Connecting to where nobody listens is an OSError or LinkLost, at once."""
    async with case.serve() as place:
        pass
    driver = case.make(place)

    async with at_once():
        with pytest.raises((OSError, LinkLost)):
            await driver.connect()
    await driver.close()


async def test_reading_without_a_conversation(case):
    """Before connecting, after closing: the link is lost."""
    async with case.serve() as place:
        driver = case.make(place)
        with pytest.raises(LinkLost):
            await driver.read(driver.scans[0])
        await driver.connect()
        await driver.close()
        with pytest.raises(LinkLost):
            await driver.read(driver.scans[0])


async def test_closing_twice_and_never_opened(case):
    """Closing is always allowed, and over at once."""
    async with case.serve() as place, at_once(2.0):
        driver = case.make(place)
        await driver.close()
        await driver.connect()
        await driver.close()
        await driver.close()


async def test_a_device_that_restarts_is_read_again(case):
    """The link is lost, nobody answers, and after connecting again everything is as before."""
    async with case.serve() as place:
        driver = case.make(place)
        await driver.connect()
        before = await whole(driver)
    with pytest.raises(LinkLost):
        await driver.read(driver.scans[0])
    with pytest.raises((OSError, LinkLost)):
        await driver.connect()
    async with case.serve(place):
        await driver.connect()
        after = await whole(driver)
        await driver.close()

    assert before == after


async def test_cancelled_in_mid_poll(case):
    """A read that waits for its answer is over as soon as it is cancelled; afterwards the device is read again."""
    async with case.spoilt() as way:
        driver = case.make(way.place)
        await driver.connect()
        before = await whole(driver)
        way.spoil = way.silent
        way.asked.clear()
        reading = asyncio.create_task(driver.read(long(driver)))
        await way.asked.wait()
        reading.cancel()
        async with at_once():
            with pytest.raises(asyncio.CancelledError):
                await reading
        way.spoil = way.honest

        assert await again(driver) == before
        async with at_once():
            await driver.close()


async def test_cancelled_while_it_connects(case):
    """A device that accepts and says nothing holds up nobody."""
    async with case.spoilt() as way:
        way.spoil = way.silent
        driver = case.make(way.place)
        conversation = asyncio.create_task(_converse(driver))
        await way.asked.wait()
        conversation.cancel()
        async with at_once():
            with pytest.raises(asyncio.CancelledError):
                await conversation
            await driver.close()


async def _converse(driver):
    await driver.connect()
    await driver.read(driver.scans[0])


async def test_silence(case):
    """A time-out, or a lost link, when each request has had its time; when the device speaks again it is read again."""
    async with case.spoilt() as way:
        driver = case.make(way.place)
        await driver.connect()
        before = await whole(driver)
        way.spoil = way.silent
        async with at_once(SHORT_S * 4 + 0.5):
            with pytest.raises((TimeoutError, LinkLost)):
                await driver.read(short(driver))
        way.spoil = way.honest

        assert await again(driver) == before
        await driver.close()


async def test_hung_up_in_mid_frame(case):
    """The link is lost at once, not at the time-out."""
    async with case.spoilt() as way:
        driver = case.make(way.place)
        await driver.connect()
        before = await whole(driver)
        way.spoil = lambda said, _: [said[: len(said) // 2], None]
        async with at_once():
            with pytest.raises(LinkLost):
                await read_on(driver)
        await driver.close()

    assert before


async def test_slow_bytes(case):
    """A byte at a time is an answer in the end."""
    async with case.spoilt() as way:
        driver = case.make(way.place)
        await driver.connect()
        before = await whole(driver)
        way.spoil = lambda said, _: (said[at : at + 1] for at in range(len(said)))

        assert await again(driver) == before
        await driver.close()


async def test_garbage(case):
    """Never a reading; and afterwards the device is read again."""
    async with case.spoilt() as way:
        driver = case.make(way.place)
        await driver.connect()
        before = await whole(driver)
        way.spoil = lambda said, _: [bytes(byte ^ 0x5A for byte in said)]
        way.asked.clear()
        with suppress(LinkLost, TimeoutError):
            for _ in range(4):
                found = batches(await driver.read(short(driver)))
                assert not way.asked.is_set() or not found
        way.spoil = way.honest

        assert await again(driver) == before
        await driver.close()


async def read_on(driver):
    """Read until the link is lost: what came before it may be handed on first."""
    while True:
        await driver.read(long(driver))


async def test_reconnects_leave_nothing_behind(case):
    """No task, no thread, no descriptor, whether we end the conversation or begin another one."""
    with case.apart() as server:
        driver = case.make(server.place)
        for turn in range(FEW):
            await driver.connect()
            await whole(driver)
            if turn % 2:
                await driver.close()
            if turn == 1:
                before = left_behind()
        async with asyncio.timeout(PATIENCE_S):
            while any(now > then for now, then in zip(left_behind(), before, strict=True)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)


def left_behind():
    return len(asyncio.all_tasks()), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
async def test_a_thousand_reconnects(case):
    """Memory stays where it is: connected, read and closed a thousand times, each time in order or by the device."""
    with case.apart() as server:
        driver = case.make(server.place)
        for turn in range(RECONNECTS):
            await driver.connect()
            await whole(driver)
            if turn % 2:
                await driver.close()
            if turn == WARM:
                before = rss()
        grown = rss() - before
        await driver.close()

    assert grown < GROWTH_BYTES


def rss():
    """Return our resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
