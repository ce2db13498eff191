"""Modbus on a serial line: silences, noise, late answers and lines that are gone, on a real terminal."""

import asyncio

import pytest
from waiting import at_once

from protocols.driver import LinkLost
from protocols.modbus.codec import Refusal, Request
from protocols.modbus.conversation import BABBLE_S, GARBLED_TO_LOST, Conversation, Garbled, Manners
from protocols.modbus.pace import LISTEN_S, Pace
from protocols.modbus.planner import Block
from protocols.modbus.rtu import Rtu
from protocols.model import EventKind, Quality
from protocols.serial import SerialLine, open_serial

READ = Request.read(Block("holding", 5, 2))
OTHER = Request.read(Block("holding", 40, 2))
GOOD = b"\0\5\0\6"
LONG_S = 10.0
SHORT_S = 0.05
ONCE = Manners(retries=1)


@pytest.fixture
async def conversation(line):
    opened = await open_on(line)
    yield opened
    await opened.close()


async def open_on(line, baud=115_200):
    serial = SerialLine(line.path, baud, "N")
    return await open_serial(lambda: Conversation(Rtu(), Pace.of_line(serial)), serial)


async def test_units_on_one_line_take_turns(line, conversation):
    """Each gets its question and each caller its own answer, with silence before every request."""
    reads = [(unit, Request.read(Block("holding", unit, 1))) for unit in (1, 2, 3, 1, 2, 3)]

    answers = await asyncio.gather(*(conversation.request(unit, read, LONG_S) for unit, read in reads))

    assert [bytes([0, unit]) for unit, _ in reads] == answers
    assert [unit for unit, _ in line.asked] == [1, 2, 3, 1, 2, 3]
    assert min(b - a for a, b in zip(line.times, line.times[1:], strict=False)) > 0.00175


async def test_a_slow_line_has_longer_silences(line):
    """3.5 characters of 11 bits at 1200 baud are 32 ms."""
    conversation = await open_on(line, 1200)
    for _ in range(3):
        await conversation.request(1, READ, LONG_S)
    await conversation.close()

    assert min(b - a for a, b in zip(line.times, line.times[1:], strict=False)) > 0.032


async def test_the_time_that_bytes_take_comes_on_top(line):
    """At 300 baud an answer of nine bytes takes 0.3 s: a unit that begins in time may end."""
    conversation = await open_on(line, 300)
    line.reply = lambda unit, pdu: [0.27, line.honest(unit, pdu)[0][:4], 0.1, line.honest(unit, pdu)[0][4:]]

    assert await conversation.request(1, READ, SHORT_S) == GOOD
    await conversation.close()


async def test_a_pause_before_each_request_of_a_unit(line, conversation):
    """One unit needs its rest; others need not wait for it."""
    slow = Manners(pause_s=0.4)
    for unit in (1, 2, 2, 1):
        await conversation.request(unit, READ, LONG_S, slow if unit == 1 else Manners())

    assert line.times[3] - line.times[0] > 0.4
    assert line.times[2] - line.times[0] < 0.4


async def test_noise_and_an_echo_before_an_answer(line, conversation):
    """A spike when the sender is switched on, and our own words."""
    line.reply = lambda unit, pdu: [line.adu(unit, pdu), 0.05, b"\0\xff", *line.honest(unit, pdu)]

    assert [await conversation.request(1, READ, LONG_S) for _ in range(3)] == [GOOD] * 3
    assert conversation.garbled == {}


async def test_a_garbled_answer_is_asked_again_after_silence(line, conversation):
    """The line is heard silent first, and the caller learns nothing of it but a count."""
    line.reply = lambda unit, pdu: spoilt(line, unit, pdu) if len(line.asked) == 1 else line.honest(unit, pdu)

    assert await conversation.request(1, READ, LONG_S, ONCE) == GOOD
    assert conversation.garbled == {1: 1}
    assert line.times[1] - line.times[0] > LISTEN_S


async def test_a_garbled_answer_is_told_with_its_bytes(line, conversation):
    """Who looks for the cause sees what came; the next request is asked as usual."""
    line.reply = lambda unit, pdu: spoilt(line, unit, pdu)
    with pytest.raises(Garbled, match=r"garbled answer from unit 1: 01 03 04 00 05 00 06 .. ff"):
        await conversation.request(1, READ, LONG_S)
    line.reply = line.honest

    assert await conversation.request(1, READ, LONG_S) == GOOD


async def test_one_byte_of_noise_is_silence(line, conversation):
    """A spike makes no answer: a dead unit is not asked twice for it."""
    line.reply = lambda *_: [b"\0"]
    with pytest.raises(TimeoutError, match="no answer from unit 1"):
        await conversation.request(1, READ, SHORT_S, ONCE)

    assert len(line.asked) == 1


async def test_half_an_answer_is_garbled(line, conversation):
    """A byte was lost on the way: the rest is not waited for longer than it could take."""
    line.reply = lambda unit, pdu: [line.honest(unit, pdu)[0][:7]]
    with pytest.raises(Garbled, match="01 03 04 00 05 00 06"):
        await conversation.request(1, READ, SHORT_S)


async def test_a_late_answer_is_never_taken_for_the_next(line, conversation):
    """Both would look alike: the unit is asked for something shorter first, and what is late is dropped."""
    late = []
    line.reply = lambda unit, pdu: late.extend(line.honest(unit, pdu))
    with pytest.raises(TimeoutError):
        await conversation.request(1, READ, SHORT_S)
    line.reply = lambda unit, pdu: [late.pop(), 0.01, *line.honest(unit, pdu)] if late else line.honest(unit, pdu)

    assert await conversation.request(1, OTHER, LONG_S) == b"\0\50\0\51"
    assert conversation.late == {1: 1}
    assert [pdu for _, pdu in line.asked] == [READ.pdu, b"\3\0\50\0\1", OTHER.pdu]


async def test_a_late_answer_is_known_after_opening_the_line_again(line, build):
    """The wires do not know that the gateway has hung up."""
    driver = build(line.url, {"points": {"a": "holding:5", "b": "holding:6"}, "timeout_s": 0.05, "identify": "never"})
    await driver.connect()
    late = []
    line.reply = lambda unit, _: late.extend(line.honest(unit, b"\3\0\x63\0\2"))
    with pytest.raises(TimeoutError):
        await driver.read(driver.scans[0])
    await driver.connect()
    line.reply = lambda unit, pdu: [late.pop(), 0.01, *line.honest(unit, pdu)] if late else line.honest(unit, pdu)
    batch, event = await driver.read(driver.scans[0])
    await driver.close()

    assert batch.values.tolist() == [5, 6]
    assert event.kind == EventKind.LATE


async def test_a_cancelled_request_leaves_the_line_usable(line, conversation):
    """Its answer is late, whenever it comes."""
    heard = asyncio.Event()
    line.reply = lambda *_: heard.set()
    task = asyncio.create_task(conversation.request(1, READ, LONG_S))
    await heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    line.reply = line.honest

    assert await conversation.request(1, OTHER, LONG_S) == b"\0\50\0\51"


async def test_only_noise_ends_the_conversation(line, conversation):
    """A wrong rate or a second master: the violation shows what was heard."""
    line.reply = lambda *_: [b"\xff\xfe\x00\x80\x7f\x33"]
    for _ in range(GARBLED_TO_LOST - 1):
        with pytest.raises(Garbled):
            await conversation.request(1, READ, LONG_S)
    with pytest.raises(LinkLost, match="violation: 8 garbled answers in a row, the last: ff fe 00 80 7f 33"):
        await conversation.request(1, READ, LONG_S)
    assert conversation.violation is not None


async def test_a_good_answer_shows_that_the_line_is_right(line, conversation):
    """Noise now and then never ends a conversation."""
    for turn in range(3 * GARBLED_TO_LOST):
        line.reply = line.honest if turn % 3 == 0 else lambda unit, pdu: spoilt(line, unit, pdu)
        try:
            await conversation.request(1, READ, LONG_S)
        except Garbled:
            continue
    assert conversation.violation is None


async def test_a_line_that_is_never_silent(line):
    """Nobody is asked while it babbles, and after a while it is given up."""
    serial = SerialLine(line.path, 115_200, "N")
    conversation = await open_serial(lambda: Conversation(Rtu(), Pace(listen_s=0.3)), serial)

    async def babble():
        while True:
            line.say(b"\x55" * 20)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(babble())
    async with at_once(BABBLE_S + 2):
        with pytest.raises(LinkLost, match=r"never silent: 2 s of noise"):
            await conversation.request(1, READ, LONG_S)
    task.cancel()
    assert line.asked == []


async def test_an_exception_on_the_line(line, conversation):
    """The unit says no: that is an answer."""
    line.contents.refused[3, 6] = 2

    assert await conversation.request(1, READ, LONG_S) == Refusal(2)


async def test_an_adapter_that_is_pulled_out(line, conversation):
    """Who waits learns it at once."""
    heard = asyncio.Event()
    line.reply = lambda *_: heard.set()
    task = asyncio.create_task(conversation.request(1, READ, LONG_S))
    await heard.wait()
    await line.stop()
    async with at_once():
        with pytest.raises(LinkLost, match="connection lost"):
            await task


async def test_a_driver_reads_the_units_of_a_line(line, build):
    """Two devices of one url share the line; a garbled answer that was asked again costs no reading and is told."""
    driver = build(line.url, {"points": {"a": "holding:5"}}, {"unit": 2, "points": {"b": "coil:3"}})
    await driver.connect()
    line.reply = lambda unit, pdu: spoilt(line, unit, pdu) if len(line.asked) == 1 else line.honest(unit, pdu)
    first, event = await driver.read(driver.scans[0])
    [second] = await driver.read(driver.scans[1])
    await driver.close()

    assert (first.values.tolist(), second.values.tolist()) == ([5], [1])
    assert (event.device, event.kind) == ("d0", EventKind.VIOLATION)
    assert event.detail.startswith("1 garbled answers of unit 1 since the start, the last: 01 03 02 00 05")


async def test_garbled_answers_are_told_ever_more_rarely(line, build):
    """Noise is everyday: at 1, 2, 4, 8 and so on."""
    driver = build(line.url, {"points": {"a": "holding:5"}, "identify": "never"})
    await driver.connect()
    line.reply = lambda unit, pdu: spoilt(line, unit, pdu) if len(line.asked) % 3 == 1 else line.honest(unit, pdu)
    told = [event.detail for _ in range(9) for event in (await driver.read(driver.scans[0]))[1:]]
    await driver.close()

    assert [int(detail.split()[0]) for detail in told] == [1, 2, 4, 8]


async def test_every_good_point_of_a_line_with_refused_ones(line, build):
    """Isolating what a unit refuses works as on a network."""
    driver = build(line.url, {"points": {f"p{n}": f"holding:{n}" for n in range(30)}})
    line.contents.refused[3, 17] = 2
    await driver.connect()
    batch, event = await driver.read(driver.scans[0])
    await driver.close()

    assert batch.quality.tolist() == [0] * 17 + [Quality.INVALID | Quality.BAD_REFERENCE] + [0] * 12
    assert event.detail == "holding:17 (point p17): exception 2, illegal data address"


async def test_cancelling_and_closing_a_line(line, build):
    """A read of a silent line ends at once; closing twice, and reading afterwards."""
    driver = build(line.url, {"points": {"a": "holding:5"}})
    await driver.close()
    await driver.connect()
    heard = asyncio.Event()
    line.reply = lambda *_: heard.set()
    read = asyncio.create_task(driver.read(driver.scans[0]))
    await heard.wait()
    async with at_once():
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        await driver.close()
        await driver.close()
    with pytest.raises(LinkLost, match="not connected"):
        await driver.read(driver.scans[0])


async def test_a_line_that_is_not_there(build):
    """The message says what to look at."""
    driver = build("rtu:///dev/ttyNONE?baud=9600", {"points": {"a": "holding:5"}})

    with pytest.raises(OSError, match="is the adapter plugged in"):
        await driver.connect()


def spoilt(line, unit, pdu):
    """Return an answer whose last byte came wrong."""
    [frame] = line.honest(unit, pdu)
    return [frame[:-1] + b"\xff"]
