"""A peer that lies: the outcome is a violation or a lost link, at once, and memory that stays."""

import asyncio
import gc
import resource
import tracemalloc
from pathlib import Path

import pytest
from open61850 import ber
from open61850.data import FloatData, UIntData, VisibleStringData, encode_data
from open61850.mms import pdu
from open61850.mms.report import bitstring_of
from open61850.server import protocol

from protocols.driver import LinkLost
from protocols.iec61850.transport import LARGEST_MESSAGE, Stream

POINT = {"f": "LD/MMXU1.Hz.mag.f[MX]"}
MOST_BYTES = 10 * 2**20
PATIENCE_S = 10.0


def frames(message):
    stream = Stream()
    stream.tpdu_size = 8192
    return stream.frames(message)


def endless_pieces():
    piece = bytes.fromhex("03002003") + bytes([2, 0xF0, 0]) + bytes(0x2003 - 7)
    return [piece] * (LARGEST_MESSAGE // 0x1F00 + 4)


def deep(levels):
    data = encode_data(FloatData(1.0))
    for _ in range(levels):
        data = ber.encode_tlv(0xA2, data)
    return data


def report(values):
    name = ber.encode_tlv(0xA1, ber.encode_tlv(0x80, b"RPT"))
    return ber.encode_tlv(0xA3, ber.encode_tlv(0xA0, name + ber.encode_tlv(0xA0, values)))


NOBODYS = b"".join(
    map(encode_data, (VisibleStringData("x" * 30_000), bitstring_of([False] * 10), bitstring_of([False])))
)
"""A long report without values, of a block that nobody has."""

GARBAGE = {
    "no_tpkt": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "length_lie": bytes.fromhex("0300000502f080"),
    "no_data": bytes.fromhex("0300000702a080"),
    "no_session": bytes.fromhex("0300000b02f08001020304"),
    "no_mms": bytes.fromhex("0300001302f0800100010061073005020103a000"),
    "long_length": bytes.fromhex("0300001502f0800100010061093007020103a0028480"),
    "endless_pieces": b"".join(endless_pieces()),
    "empty_pieces": bytes.fromhex("0300000702f000") * 5000,
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage(raw, heard, name):
    """Instead of an answer: a violation in words, then the link is lost."""
    reader = await heard(raw.port, POINT).connect()
    raw.answer = lambda _: raw.wire(GARBAGE[name])
    lost = await reader.lost()

    assert str(lost).startswith("violation: ")
    assert [event.device for event in reader.events("violation")] == ["ied"]
    with pytest.raises(LinkLost):
        await reader.drain()


ANSWERS = {
    "deep": lambda asked: [identify_of(asked), report(deep(20_000))],
    "wrong_id": lambda asked: protocol.confirmed_response(asked.invoke_id + 77, 4, b""),
    "no_values": lambda asked: protocol.confirmed_response(asked.invoke_id, 4, b""),
    "too_many": lambda asked: protocol.confirmed_response(
        asked.invoke_id, 4, ber.encode_tlv(0xA1, b"\x80\x01\x0a" * 50)
    ),
    "value_lie": lambda asked: protocol.confirmed_response(asked.invoke_id, 4, bytes.fromhex("a10487ff0000")),
    "our_request": lambda asked: pdu.confirmed_request(asked.invoke_id, pdu.read_request([])),
    "report_without_header": lambda _: report(encode_data(UIntData(1))),
}


def identify_of(asked):
    return protocol.confirmed_response(asked.invoke_id, 2, protocol.identify_response("x", "y", "z"))


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_that_lie(raw, heard, name):
    """Deep nesting, wrong ids, counts and lengths that lie, our own request back: never a value, never a crash."""
    reader = await heard(raw.port, POINT).connect()
    raw.answer = ANSWERS[name]
    lost = await reader.lost()

    assert str(lost).startswith("violation: ")
    assert not reader.batches


async def test_an_answer_that_comes_late(raw, heard):
    """Dropped and counted; the next request gets its own answer."""
    reader = await heard(raw.port, POINT, heartbeat_s=0.01, timeout_s=0.5).connect()
    held = []
    raw.answer = held.append
    await asyncio.sleep(0.02)
    with pytest.raises(TimeoutError):
        await reader.drain()

    def both(asked):
        late = [identify_of(held.pop())] if held else []
        return [*late, identify_of(asked)] if asked.service == 2 else refuse(asked)

    raw.answer = both
    await reader.until(lambda: reader.events("late"))

    assert [event.detail for event in reader.events("late")] == ["1 late answers dropped"]
    await reader.driver.close()


def refuse(asked):
    return protocol.confirmed_error(asked.invoke_id, 7, 2)


async def test_a_device_that_refuses_everything(raw, heard):
    """Its points are bad references; the conversation goes on."""
    reader = await heard(raw.port, {**POINT, "g": "LD/MMXU1.TotW.mag.f[MX]"}).connect()
    raw.answer = refuse
    for _ in range(3):
        await reader.poll()

    assert len(reader.batches) == 3
    assert all(batch.quality.all() for batch in reader.batches)
    assert len(reader.events("refused")) == 1
    await reader.driver.close()


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x03\x00\x00\x07\x02\xf0\x80",
        bytes.fromhex("0300000902f0800c00"),
        bytes.fromhex("0300000902f0800e00"),
        bytes.fromhex("0300000b06800001000100"),
        b"garbage",
    ],
)
async def test_an_association_that_fails(raw, heard, greeting):
    """Refused, empty, ended, or nonsense: LinkLost with a reason."""
    raw.greeting = lambda _: greeting
    reader = heard(raw.port, POINT)
    with pytest.raises(LinkLost) as lost:
        await reader.connect()
    assert str(lost.value)


async def test_reports_that_nobody_takes(raw, heard):
    """The device waits: none is lost, and memory stays within its bound; taken, the rest comes."""
    reader = await heard(raw.port, POINT, heartbeat_s=60).connect()
    session, count = reader.driver._session, 300
    gc.collect()
    tracemalloc.start()
    flood = asyncio.create_task(flooding(raw.writers[-1], count))
    await reader.wait(lambda: session.full)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    taken = 0
    async with asyncio.timeout(PATIENCE_S):
        while taken < count:
            taken += len(session.take_reports())
            await asyncio.sleep(0.001)
    await flood
    await reader.driver.close()

    assert used < MOST_BYTES
    assert taken == count


async def flooding(writer, count):
    wire = frames(pdu.wrap(report(NOBODYS)))
    for _ in range(count):
        writer.write(wire)
        await writer.drain()


async def test_an_answer_behind_a_flood_of_reports(raw, heard):
    """The reports are handed on and the request is asked again: the device is not taken for a silent one."""
    reader = await heard(raw.port, POINT, timeout_s=0.5).connect()
    flood = [report(NOBODYS)] * 200

    def answer(asked):
        told = identify_of(asked) if asked.service == 2 else refuse(asked)
        before, flood[:] = list(flood), []
        return [*before, told]

    raw.answer = answer
    async with asyncio.timeout(PATIENCE_S):
        while not reader.batches:
            await reader.poll()
    await reader.until(lambda: reader.events("late"))
    await reader.driver.close()


async def test_values_beyond_number(raw, heard):
    """A report of 60,000 empty values is a violation, and costs no memory beyond its message while it waits."""
    reader = await heard(raw.port, POINT, heartbeat_s=60).connect()
    session = reader.driver._session
    gc.collect()
    tracemalloc.start()
    for _ in range(10):
        raw.say(report(b"\x80\x00" * 60_000))
    await reader.wait(lambda: len(session.reports) == 10)
    await reader.lost()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "values in one message" in reader.events("violation")[0].detail
    assert most < MOST_BYTES


@pytest.mark.parametrize(
    ("goodbye", "words"),
    [
        (frames(bytes.fromhex("1900")), "association aborted by the device"),
        (frames(bytes.fromhex("0900")), "association finished by the device"),
        (frames(pdu.wrap(bytes.fromhex("8b00"))), "association concluded by the device"),
    ],
)
async def test_a_goodbye_is_no_violation(raw, heard, goodbye, words):
    """The device ends the association in order: the link is lost, and nobody is accused."""
    reader = await heard(raw.port, POINT).connect()
    raw.answer = lambda _: raw.wire(goodbye)
    lost = await reader.lost()

    assert str(lost) == words
    assert not reader.events("violation")


async def test_memory_stays_whatever_is_sent(raw, heard):
    """Two hundred conversations that end in a violation leave less than 10 MB behind."""
    reader = heard(raw.port, POINT)
    before = None
    for turn in range(200):
        raw.answer = lambda asked: identify_of(asked) if asked.service == 2 else raw.wire(GARBAGE["endless_pieces"])
        await reader.connect()
        reader.seen.clear()
        raw.writers.clear()
        with pytest.raises(LinkLost):
            await reader.poll()
        if turn == 20:
            before = resident()
    await reader.driver.close()

    assert resident() - before < MOST_BYTES


def resident():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
