"""Peers that mean harm, on every way to a Modbus device: nothing hangs, nothing grows, nothing wrong is read."""

import asyncio
import gc
import ssl
import tracemalloc
from contextlib import asynccontextmanager, suppress

import pytest
from pymodbus.framer.rtu import FramerRTU

from protocols.driver import LinkLost
from protocols.modbus import link
from protocols.modbus.pace import Pace
from protocols.model import Batch, EventKind

WAYS = ["tcp", "tls", "rtu+tcp"]
POINTS = {"timeout_s": 0.1, "points": {"a": "holding:5", "b": "holding:6"}, "identify": "never"}
MOST_READS = 12
"""A peer that only misbehaves is given up, or silent, within so many reads."""


def rtu(pdu, unit=1):
    return (message := bytes([unit]) + pdu) + FramerRTU.compute_CRC(message).to_bytes(2, "big")


@pytest.fixture(params=WAYS)
async def hostile(request, build, certificates, monkeypatch):
    """Return a context manager: a server that calls `misbehave(asked, writer)`, and a driver for it.

    On the loopback silence need not last as long as behind a converter.
    """
    monkeypatch.setattr(link, "CONVERTER", Pace(listen_s=0.02))
    way = request.param
    keys, context = {}, None
    if way == "tls":
        keys = {"ca_file": certificates.ca}
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificates.server, certificates.server_key)

    @asynccontextmanager
    async def serving(misbehave, **other):
        served = {}

        async def serve(reader, writer):
            served[asyncio.current_task()] = writer
            with suppress(ConnectionError, ssl.SSLError):
                while asked := await reader.read(300):
                    await misbehave(asked, writer)
            writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        driver = build(f"{way}://127.0.0.1:{server.sockets[0].getsockname()[1]}", {**POINTS, **keys, **other})
        await driver.connect()
        try:
            yield driver
        finally:
            await driver.close()
            server.close()
            for writer in served.values():
                writer.transport.abort()
            await asyncio.gather(*served)
            await server.wait_closed()

    serving.way = way
    return serving


def answer(way, asked, data):
    """Return the frame that answers `asked` with `data`."""
    pdu = bytes([3, len(data)]) + data
    return rtu(pdu) if way == "rtu+tcp" else asked[:4] + (len(pdu) + 1).to_bytes(2, "big") + b"\1" + pdu


async def reads(driver):
    """Read until the link is lost; return what came of each read."""
    found = []
    for _ in range(MOST_READS):
        try:
            found.append((await driver.read(driver.scans[0]))[0])
        except TimeoutError as silence:
            found.append(silence)
        except LinkLost as lost:
            return [*found, lost]
    return found


def told(lost):
    """Return the violations that came with the end of a conversation."""
    return [event for event in lost.events if event.kind == EventKind.VIOLATION]


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 300, b"\xff" * 300, bytes(range(256)) * 40]
)
async def test_bytes_of_no_protocol(hostile, noise):
    """The conversation ends with a violation that shows what came; no reading is made of it."""

    async def misbehave(_, writer):
        writer.write(noise)

    async with hostile(misbehave) as driver:
        *before, lost = await reads(driver)
    assert isinstance(lost, LinkLost)
    assert told(lost)
    assert not [one for one in before if isinstance(one, Batch)]


async def test_our_own_requests_played_back(hostile):
    """An echo without an answer is silence on a line, and a violation on a network."""

    async def misbehave(asked, writer):
        writer.write(asked * 3)

    async with hostile(misbehave) as driver:
        found = await reads(driver)
    assert not [one for one in found if isinstance(one, Batch)]
    assert hostile.way == "rtu+tcp" or told(found[-1])


@pytest.mark.parametrize("size", [0, 3, 255])
async def test_lengths_that_lie(hostile, size):
    """Four bytes of data that are said to be more or fewer."""

    async def misbehave(asked, writer):
        pdu = bytes([3, size]) + b"\0\5\0\6"
        writer.write(rtu(pdu) if hostile.way == "rtu+tcp" else asked[:4] + b"\0\7\1" + pdu)

    async with hostile(misbehave) as driver:
        *before, lost = await reads(driver)
    assert told(lost)
    assert not [one for one in before if isinstance(one, Batch)]


async def test_half_a_frame_and_the_end(hostile):
    """The link is lost at once, not at the time-out."""

    async def misbehave(asked, writer):
        writer.write(answer(hostile.way, asked, b"\0\5\0\6")[:7])
        await writer.drain()
        writer.close()

    async with hostile(misbehave) as driver:
        [lost] = await reads(driver)
    assert isinstance(lost, LinkLost)


async def test_a_byte_at_a_time(hostile):
    """A slow device is read, as long as it ends in time."""

    async def misbehave(asked, writer):
        for byte in answer(hostile.way, asked, b"\0\5\0\6"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.002)

    async with hostile(misbehave, timeout_s=30) as driver:
        found = await reads(driver)
    assert [batch.values.tolist() for batch in found] == [[5, 6]] * MOST_READS


async def test_an_answer_without_end(hostile):
    """A flood is stopped within the read, however fast it comes; memory stays where it was."""

    async def misbehave(_, writer):
        for _ in range(2_000):
            writer.write(b"\x01\x03\x55\xaa" * 256)
            await writer.drain()

    async with hostile(misbehave) as driver:
        gc.collect()
        tracemalloc.start()
        async with asyncio.timeout(30):
            found = await reads(driver)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert not [one for one in found if isinstance(one, Batch)]
    assert peak < 5_000_000


async def test_answers_that_come_late(hostile):
    """Each is too late for its own request: it is never taken for the next one, whose values differ."""
    late, turn = [], 0

    async def misbehave(asked, writer):
        nonlocal turn
        turn += 1
        count = asked[-3] if hostile.way == "rtu+tcp" else asked[-1]
        data = b"".join(((1000 + turn) if turn % 3 else n).to_bytes(2, "big") for n in range(5, 5 + count))
        frame = answer(hostile.way, asked, data)
        if turn % 3:
            late.append(frame)
            return
        writer.write(b"".join(late) + frame)
        late.clear()

    async with hostile(misbehave) as driver:
        found = await reads(driver)
    good = [batch.values.tolist() for batch in found if isinstance(batch, Batch)]
    assert all(values == [5, 6] for values in good)
