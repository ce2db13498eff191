"""What is foreseen of a session, against the octets of a real one, counted on its way to a server (asyncua)."""

import asyncio
import os

import pytest
from counted import Counted
from told import drained

from protocols.model import Batch
from protocols.opcua.chunks import Chunks, Open, plain
from protocols.opcua.config import OpcuaDevice
from protocols.opcua.demand import demands, sealed

LONG_S = 600.0
PATIENCE_S = 60.0
READS = 5


@pytest.fixture
async def server(opcua_peer):
    """A server whose values have their source time and no more, as after they were written once."""
    async with opcua_peer.serve():
        await reset(opcua_peer)
        yield opcua_peer
        await reset(opcua_peer)


async def reset(peer):
    for n in range(20):
        await peer.set(f"n{n}", float(n))
    await peer.set("on", value=True)


def about(octets):
    """Within a quarter."""
    return pytest.approx(octets, rel=0.25)


def rows_of(found):
    return {row for each in found if isinstance(each, Batch) for row in each.rows.tolist()}


async def began(driver, points):
    """Connect, and take the values that a subscription begins with."""
    await driver.connect()
    await drained(driver, lambda found: len(rows_of(found)) == len(points))


async def carried(line):
    """Wait until the request that follows a notification is on its way, too; return what was counted."""
    async with asyncio.timeout(PATIENCE_S):
        while not (line.sent and line.received):  # noqa: ASYNC110  a relay has no event to wait for
            await asyncio.sleep(0.01)
    return line.taken()


def names(count):
    return {f"n{n}": f"ns=2;s=n{n}" for n in range(count)}


@pytest.mark.parametrize("points", [names(1), names(20), {"on": {"address": "ns=2;s=on", "type": "bool"}}])
async def test_what_is_read(server, opcua, points):
    """All values, asked and answered."""
    async with Counted(server.port) as line:
        driver = opcua(line.port, points, keepalive_s=LONG_S)
        read, _, _ = driver.demands
        await began(driver, points)
        least = []
        for _ in range(READS):  # a notification on its way adds to one of them
            line.taken()
            await driver.read(driver.scans[0])
            least.append(line.taken())
        await driver.close()

    found = tuple(map(min, *least))
    assert found == (about(read.sent_bytes), about(read.received_bytes))


async def test_a_server_where_nothing_changes(server, opcua):
    """It says so, once in a while."""
    async with Counted(server.port) as line:
        driver = opcua(line.port, names(1), keepalive_s=0.5)
        _, silence, _ = driver.demands
        await began(driver, names(1))
        await carried(line)
        found = await carried(line)
        await driver.close()

    assert silence.every_s == pytest.approx(0.5)
    assert found == (about(silence.sent_bytes), about(silence.received_bytes))


@pytest.mark.parametrize("count", [1, 20])
async def test_every_value_moves(server, opcua, count):
    """A notification with all of them, and the request that follows it."""
    async with Counted(server.port) as line:
        driver = opcua(line.port, names(count), keepalive_s=LONG_S, publishing_ms=200)
        *_, moving = driver.demands
        await began(driver, names(count))
        least = []
        for value in range(100, 200):  # until all were written between two looks of the server, READS times
            line.taken()
            for name in names(count):
                await server.set(name, float(value))
            batches = [
                each
                for each in await drained(driver, lambda found: len(rows_of(found)) == count)
                if isinstance(each, Batch)
            ]
            found = await carried(line)
            if len(batches) == 1:
                least.append(found)
            if len(least) == READS:  # a request that was on its way adds to one of them
                break
        await driver.close()

    found = tuple(map(min, *least))
    assert found == (about(moving.sent_bytes), about(moving.received_bytes))
    assert (moving.moving, moving.every_s) == (True, 1)


class Locked(Open):
    """As long as HMAC-SHA256 and AES make a message."""

    def __init__(self, block):
        self.signature_bytes, self.padding_bytes, self.block_in, self.block_out = 32, int(block > 1), block, block

    def sign(self, _data):
        return bytes(32)


@pytest.mark.parametrize(("mode", "block"), [("none", None), ("sign", 1), ("sign_and_encrypt", 16)])
@pytest.mark.parametrize("size", [70, 71, 5000, 200_000])
def test_security(mode, block, size):
    """What signing and encrypting adds, to the octet where a message is one chunk."""
    chunks = Chunks(plain(), max_message_bytes=2**20, max_chunks=1000)
    if block:
        chunks.agreed(channel=1, token=1, lock=Locked(block), key=Open())
    policy = {"security_policy": "Basic256Sha256", "security_mode": mode} if block else {}
    device = OpcuaDevice(name="d", protocol="opcua", url="opc.tcp://h", **policy)

    assert sealed(device, size) == pytest.approx(
        len(chunks.message(1, os.urandom(size))), abs=0 if size < 60_000 else 64
    )


def test_devices_of_one_session(opcua_points):
    """Each has a subscription and its reads; many points take several requests."""
    driver = opcua_points(4840, {"a": names(1), "b": {f"p{n}": f"ns=2;i={n}" for n in range(1001)}})
    found = [each for each in driver.demands if not each.moving and each.requests]

    assert [(each.device, each.requests) for each in found] == [("a", 1), ("b", 3)]
    assert len(list(demands(driver._devices))) == 2 + 2 + 1 + 2
