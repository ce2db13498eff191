"""The Modbus driver reads real servers, and tells what happened through batches and events."""

import asyncio
import math

import numpy as np
import pytest

from protocols.driver import LinkLost
from protocols.model import EventKind, Quality

LONG_S = 30.0
"""A time-out that no test reaches."""


def two_units(**keys):
    """Return two devices of one endpoint, each with one point."""
    return [
        {"unit": 1, "timeout_s": LONG_S, "points": {"a": "holding:5"}, **keys},
        {"unit": 2, "timeout_s": LONG_S, "points": {"b": "holding:7"}, **keys},
    ]


async def test_every_table_and_type_of_a_real_server(modbus_server, build):
    """Pymodbus serves register n as n and every third coil on; values come in the order of the configuration."""
    points = {
        "late": "input:1999",
        "two": {"address": "holding:1", "type": "uint32"},
        "swapped": {"address": "holding:10", "type": "uint32", "order": "big_swapped"},
        "scaled": {"address": "holding:100", "scale": 0.1, "offset": -5},
        "on": "coil:999",
        "off": "discrete:1000",
        "bit": "holding:7.2",
        "no_bit": "holding:7.3",
        "whole": "holding:7",
    }
    async with modbus_server() as port:
        driver = build(f"tcp://127.0.0.1:{port}", {"points": points, "timeout_s": LONG_S})
        await driver.connect()
        [batch] = await driver.read(driver.scans[0])
        await driver.close()

    assert batch.values.tolist() == [1999, 0x0001_0002, 0x000B_000A, 5, 1, 0, 1, 0, 7]
    assert not batch.quality.any()
    assert batch.arrival_ns > 0
    assert (batch.time_ns == batch.arrival_ns).all()
    assert (batch.rows.dtype, batch.values.dtype, batch.quality.dtype, batch.time_ns.dtype) == (
        np.int32,
        np.float64,
        np.uint16,
        np.int64,
    )


async def test_a_thousand_registers_in_eight_requests(modbus_server, build):
    """One batch, one reading a point, whatever the number of requests."""
    async with modbus_server() as port:
        points = {f"p{n}": f"holding:{n}" for n in range(1000)}
        driver = build(f"tcp://127.0.0.1:{port}", {"points": points, "timeout_s": LONG_S})
        await driver.connect()
        [batch] = await driver.read(driver.scans[0])
        await driver.close()

    assert driver.scans[0].requests == 8
    assert batch.values.tolist() == list(range(1000))


def test_a_scan_for_each_device_and_class(build):
    """Points with their own period are a scan of their own; rows are ascending and cover each point once."""
    driver = build(
        "tcp://127.0.0.1:502",
        {"points": {"a": "holding:0", "slow": {"address": "holding:1", "every_s": 60}, "b": "coil:0"}},
        {"unit": 2, "timeout_s": 3, "points": {"c": "holding:0"}},
        {"unit": 3, "points": {}},
    )

    told = [(s.key, s.device, s.every_s, s.rows.tolist(), s.requests, s.timeout_s) for s in driver.scans]
    assert told == [(0, "d0", 1, [0, 2], 2, 1), (1, "d0", 60, [1], 1, 1), (2, "d1", 1, [3], 1, 3)]


async def test_one_silent_unit_does_not_harm_the_other(peer, build):
    """A time-out is that unit's alone; the other is read over the same connection."""
    driver = build(peer.url, *two_units())
    await driver.connect()
    peer.reply = lambda t, unit, pdu: peer.honest(t, unit, pdu) if unit == 1 else None
    first, second = driver.scans

    with pytest.raises(TimeoutError):
        await driver.read(_within(second, 0.05))
    [batch] = await driver.read(first)

    assert batch.values.tolist() == [5]
    assert peer.connections == 1
    await driver.close()


async def test_late_answers_are_told_once_with_their_count(peer, build):
    """Three late answers of a unit are one event of its device, with the next good read."""
    driver = build(peer.url, *two_units())
    await driver.connect()
    kept = []
    peer.reply = lambda *asked: kept.extend(peer.honest(*asked))
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await driver.read(_within(driver.scans[1], 0.02))
    peer.reply = lambda *asked: [*kept, *peer.honest(*asked)]

    batch, event = await driver.read(driver.scans[0])
    kept.clear()

    assert batch.values.tolist() == [5]
    assert (event.device, event.kind, event.detail) == ("d1", EventKind.LATE, "3 late answers of unit 2 dropped")
    assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


@pytest.mark.parametrize("code", [4, 5, 6, 7, 8, 99])
async def test_a_busy_or_failing_unit_gives_invalid_readings(peer, build, code):
    """The block's points are invalid in this read; nothing is isolated, and the next read asks the same."""
    driver = build(peer.url, {"points": {"a": "holding:0", "b": "holding:1", "c": "input:0"}, "timeout_s": LONG_S})
    await driver.connect()
    peer.refused[3, 1] = code

    [batch] = await driver.read(driver.scans[0])
    assert batch.quality.tolist() == [Quality.INVALID | Quality.FAILURE] * 2 + [0]
    assert np.isnan(batch.values[:2]).all()
    assert peer.asked == [(3, 0, 2), (4, 0, 1)]

    peer.refused.clear()
    [batch] = await driver.read(driver.scans[0])
    assert batch.quality.tolist() == [0, 0, 0]
    await driver.close()


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_without_the_unit_is_a_time_out(peer, build, code):
    """A gateway that says that the unit is silent is as good as silence."""
    driver = build(peer.url, *two_units())
    await driver.connect()
    peer.refused[3, 7] = code

    with pytest.raises(TimeoutError, match=f"exception {code}, gateway"):
        await driver.read(driver.scans[1])
    assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


async def test_a_violation_travels_with_the_lost_link(peer, build):
    """Garbage ends the conversation; what it was reaches the pipeline as an event of the device that was read."""
    driver = build(peer.url, *two_units())
    await driver.connect()
    peer.reply = lambda *_: [b"SSH-2.0-OpenSSH_9.2\r\n"]

    with pytest.raises(LinkLost) as lost:
        await driver.read(driver.scans[1])

    [event] = lost.value.events
    assert (event.device, event.kind) == ("d1", EventKind.VIOLATION)
    assert event.detail == "protocol identifier 18477, not 0"
    with pytest.raises(LinkLost) as again:
        await driver.read(driver.scans[1])
    assert again.value.events == ()
    await driver.close()


async def test_a_restarted_server_is_read_after_connecting_again(peer, build):
    """The link is lost at once, nobody answers while the server is away, and then it goes on."""
    driver = build(peer.url, *two_units())
    await driver.connect()
    await driver.read(driver.scans[0])
    await peer.stop()

    with pytest.raises(LinkLost):
        await driver.read(driver.scans[0])
    with pytest.raises(OSError, match="Connect call failed"):
        await driver.connect()
    with pytest.raises(LinkLost, match="not connected"):
        await driver.read(driver.scans[0])

    await peer.start()
    await driver.connect()
    assert [value for batch in await driver.read(driver.scans[0]) for value in batch.values] == [5]
    await driver.close()


async def test_cancelling_a_poll_ends_it_now(peer, build):
    """A poll that is cancelled while it waits for an answer ends as cancelled, not when its time is out."""
    driver = build(peer.url, *two_units())
    await driver.connect()
    heard = asyncio.Event()
    peer.reply = lambda *_: heard.set()
    poll = asyncio.create_task(driver.read(driver.scans[0]))
    await heard.wait()

    async with asyncio.timeout(30):
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll

    peer.reply = peer.honest
    [batch] = await driver.read(driver.scans[1])
    assert batch.values.tolist() == [7]
    await driver.close()


async def test_connecting_again_leaves_one_connection(peer, build):
    """The old connection is closed before the new one is opened."""
    driver = build(peer.url, *two_units())
    for _ in range(5):
        await driver.connect()
        await driver.read(driver.scans[0])

    assert peer.connections == 5
    assert len(peer._served) == 1
    await driver.close()


async def test_float_nan_is_invalid(peer, build):
    """A device that says NaN says nothing."""
    driver = build(peer.url, {"points": {"f": {"address": "holding:0", "type": "float32"}}, "timeout_s": LONG_S})
    await driver.connect()
    peer.answer = lambda _: bytes.fromhex("03 04 7fc00000")

    [batch] = await driver.read(driver.scans[0])

    assert math.isnan(batch.values[0])
    assert batch.quality.tolist() == [Quality.INVALID]
    await driver.close()


def _within(scan, timeout_s):
    """Return `scan` with another time-out, as the poller probes a silent unit."""
    return type(scan)(scan.key, scan.device, scan.every_s, scan.rows, scan.requests, timeout_s)
