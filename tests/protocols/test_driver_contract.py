"""What the poller relies on in every driver. A new protocol is a line in PROTOCOLS and a fixture in conftest.py."""

import asyncio
import socket

import numpy as np
import pytest

from protocols.driver import LinkLost
from protocols.model import Batch

PROTOCOLS = ["dnp3", "iec61850", "modbus_rtu_tcp", "modbus_tls", "opcua", "modbus"]
"""The fixture NAME_case returns `serve(port=0)`, an asynchronous context manager that yields the port of a real
server, and `driver(port)`, which makes a driver for it whose points can all be read."""

AT_ONCE_S = 0.5


@pytest.fixture(params=PROTOCOLS)
def case(request):
    return request.getfixturevalue(f"{request.param}_case")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_scans_cover_every_point_once(case):
    """Each row belongs to one scan; rows are ascending; keys tell scans apart."""
    _, make = case
    scans = make(1).scans

    rows = np.concatenate([scan.rows for scan in scans])
    assert sorted(rows.tolist()) == list(range(len(rows)))
    assert all(scan.rows.dtype == np.int32 and (np.diff(scan.rows) > 0).all() for scan in scans)
    assert len({scan.key for scan in scans}) == len(scans)
    assert all(scan.every_s > 0 and scan.timeout_s > 0 and scan.requests > 0 for scan in scans)


async def test_a_healthy_device_gives_a_good_batch_for_every_scan(case):
    """Rows and types as promised, good quality, a time of arrival; what came unasked may stand before the answer."""
    serve, make = case
    async with serve() as port:
        driver = make(port)
        await driver.connect()
        for scan in (each for each in driver.scans if len(each.rows)):
            *_, batch = [seen for seen in await driver.read(scan) if isinstance(seen, Batch)]

            assert batch.rows.tolist() == scan.rows.tolist()
            assert len(batch.rows) == len(batch.values) == len(batch.quality) == len(batch.time_ns)
            assert (batch.values.dtype, batch.quality.dtype, batch.time_ns.dtype) == (np.float64, np.uint16, np.int64)
            assert np.isfinite(batch.values).all()
            assert not batch.quality.any()
            assert batch.arrival_ns > 0
        await driver.close()


async def test_a_batch_is_never_changed_afterwards(case):
    """Two reads share no array but the rows."""
    serve, make = case
    async with serve() as port:
        driver = make(port)
        await driver.connect()
        first, second = [(await driver.read(driver.scans[0]))[0] for _ in range(2)]
        await driver.close()

    assert not any(np.shares_memory(getattr(first, a), getattr(second, a)) for a in ("values", "quality", "time_ns"))


async def test_nobody_answers(case):
    """Connecting to a closed port is an OSError or LinkLost, at once."""
    _, make = case
    driver = make(free_port())

    async with asyncio.timeout(AT_ONCE_S):
        with pytest.raises((OSError, LinkLost)):
            await driver.connect()
    await driver.close()


async def test_reading_without_a_conversation(case):
    """Before connecting, after closing: the link is lost."""
    serve, make = case
    async with serve() as port:
        driver = make(port)
        with pytest.raises(LinkLost):
            await driver.read(driver.scans[0])
        await driver.connect()
        await driver.close()
        with pytest.raises(LinkLost):
            await driver.read(driver.scans[0])


async def test_closing_twice_and_never_opened(case):
    """Closing is always allowed, and over at once."""
    serve, make = case
    async with serve() as port, asyncio.timeout(AT_ONCE_S * 4):
        driver = make(port)
        await driver.close()
        await driver.connect()
        await driver.close()
        await driver.close()


async def test_a_device_that_restarts_is_read_again(case):
    """The link is lost, nobody answers, and after connecting again everything is as before."""
    serve, make = case
    async with serve() as port:
        driver = make(port)
        await driver.connect()
        *_, before = await driver.read(driver.scans[0])
    with pytest.raises(LinkLost):
        await driver.read(driver.scans[0])
    with pytest.raises((OSError, LinkLost)):
        await driver.connect()
    async with serve(port):
        await driver.connect()
        *_, after = await driver.read(driver.scans[0])
        await driver.close()

    assert before.values.tolist() == after.values.tolist()


async def test_cancelling_ends_at_once(case):
    """A read of a peer that accepts and says nothing is over as soon as it is cancelled, and so is connecting."""
    _, make = case
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.setblocking(False)
        driver = make(mute.getsockname()[1])
        conversation = asyncio.create_task(_converse(driver))
        loop = asyncio.get_running_loop()
        asked, _ = await loop.sock_accept(mute)
        with asked:
            assert await loop.sock_recv(asked, 1)

            conversation.cancel()
            async with asyncio.timeout(AT_ONCE_S):
                with pytest.raises(asyncio.CancelledError):
                    await conversation
                await driver.close()


async def _converse(driver):
    await driver.connect()
    await driver.read(driver.scans[0])
