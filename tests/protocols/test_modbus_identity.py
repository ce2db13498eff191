"""Who a device says it is: asked once it has answered, bounded, printable, and never at the cost of a reading."""

import pytest

from protocols.driver import LinkLost
from protocols.modbus.codec import Refusal, Request, Violation
from protocols.modbus.identity import MOST_REQUESTS, MOST_TEXT, described, parse
from protocols.modbus.identity import identify as fields_of
from protocols.model import Batch, EventKind

POINTS = {"unit": 1, "timeout_s": 0.5, "points": {"a": "holding:5"}, "identify": "ask"}


def said(objects, *, conformity=1, more=0, following=0):
    body = b"".join(bytes([number, len(text)]) + text for number, text in objects.items())
    return bytes([1, conformity, more, following, len(objects)]) + body


def unit(*answers):
    """Return what asks a unit that gives these answers, and the requests it got."""
    left, asked = list(answers), []

    async def ask(request):
        asked.append(request.pdu)
        return left.pop(0)

    return ask, asked


async def identify(ask):
    """Return who it says it is, as people are told."""
    return described(await fields_of(ask)) or None


BASIC = {0: b"Schneider", 1: b"PM5350", 2: b"v3.1"}


async def test_vendor_product_and_revision():
    """The basic category is asked for, and nothing more where there is no more."""
    ask, asked = unit(said(BASIC))

    assert await identify(ask) == "Schneider PM5350 v3.1"
    assert asked == [bytes.fromhex("2b 0e 01 00")]


@pytest.mark.parametrize("conformity", [2, 3, 0x82, 0x83])
async def test_names_where_they_are_offered(conformity):
    """The regular category is asked only for what the basic one has not."""
    ask, asked = unit(said(BASIC, conformity=conformity), said({4: b"PowerLogic", 5: b"METSEPM5350"}))

    assert await identify(ask) == "Schneider PM5350 v3.1 (PowerLogic, METSEPM5350)"
    assert asked == [bytes.fromhex("2b 0e 01 00"), bytes.fromhex("2b 0e 02 03")]


async def test_an_identity_in_parts():
    """More follows: it is asked from where the device says."""
    ask, asked = unit(said({0: b"ABB"}, more=0xFF, following=1), said({1: b"REF615", 2: b"5.0"}))

    assert await identify(ask) == "ABB REF615 5.0"
    assert [pdu[3] for pdu in asked] == [0, 1]


async def test_refused_is_nothing():
    """And so is the regular category of a device that lied about it."""
    assert await identify(unit(Refusal(1))[0]) is None
    assert await identify(unit(said(BASIC, conformity=2), Refusal(3))[0]) == "Schneider PM5350 v3.1"
    assert await identify(unit(said({}))[0]) is None
    assert await identify(unit(said({0: b"\0\0", 1: b" "}))[0]) is None


async def test_a_device_that_always_has_more():
    """The number of questions is bounded, and one that leads back is not followed."""
    ask, asked = unit(*(said({turn: b"x"}, more=0xFF, following=turn + 1) for turn in range(MOST_REQUESTS)))
    assert await identify(ask) == "x x x (x, x)"
    assert len(asked) == MOST_REQUESTS

    ask, asked = unit(said({0: b"x"}, more=0xFF, following=0))
    assert await identify(ask) == "x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"Sie\x00mens\r\n\x1b[31m", "Sie mens [31m"),
        ("Zähler".encode(), "Zähler"),
        (b"\xff\xfe7SJ62", "7SJ62"),
        (b"x" * 245, "x" * MOST_TEXT),
        ("a\u202eb\u200bc".encode(), "a b c"),
    ],
    ids=["control", "utf-8", "not utf-8", "long", "invisible"],
)
async def test_a_strangers_text_is_bounded_and_prints(text, shown):
    """No line break, no escape, no invisible letter reaches a log."""
    assert await identify(unit(said({0: text}))[0]) == shown


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"\1\1\0\0", "identification of 4 bytes, at least 5 are needed"),
        (b"\1\1\0\0\1", "ends within object 1 of 1"),
        (b"\1\1\0\0\1\0\5ab", "ends within object 1 of 1"),
        (b"\1\1\0\0\1\0\1ab", "1 bytes behind the 1 objects"),
    ],
)
def test_objects_that_do_not_fill_the_answer(answer, why):
    """Lengths that lie are a violation."""
    with pytest.raises(Violation, match=why):
        parse(answer)


def test_nothing_else_of_function_43_can_be_asked():
    """43/13 carries CANopen, which writes."""
    with pytest.raises(ValueError, match="nothing else is ever sent"):
        Request(b"\x2b\x0d\0\0", None)


def mei(data):
    return b"\x2b\x0e" + data


async def test_a_driver_tells_it_once_a_connection(peer, build):
    """After the first good reading, and again after connecting again, as another device may stand there."""
    peer.identity = mei(said(BASIC))
    driver = build(peer.url, POINTS)
    for _ in range(2):
        await driver.connect()
        batch, event = await driver.read(driver.scans[0])
        assert batch.values.tolist() == [5]
        assert (event.device, event.kind, event.detail) == ("d0", EventKind.IDENTITY, "Schneider PM5350 v3.1")
        assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


async def test_a_silent_unit_is_not_asked(peer, build):
    """Only who has answered a poll."""
    questions = []
    peer.reply = lambda _t, _u, pdu: questions.append(pdu[0])
    driver = build(peer.url, {**POINTS, "timeout_s": 0.05})
    await driver.connect()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await driver.read(driver.scans[0])
    await driver.close()

    assert questions == [3, 3]


async def test_a_refusal_is_remembered(peer, build):
    """Asking again would gain nothing."""
    driver = build(peer.url, POINTS)
    await driver.connect()
    assert len(await driver.read(driver.scans[0])) == 1
    peer.identity = mei(said(BASIC))
    await driver.connect()
    assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


async def test_never_is_never(peer, build):
    """Some devices hang at a function they do not know."""
    peer.identity = mei(said(BASIC))
    driver = build(peer.url, {**POINTS, "identify": "never"})
    await driver.connect()
    assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


async def test_a_nonsense_identity_costs_no_reading(peer, build):
    """It is a violation, and the conversation goes on."""
    peer.identity = mei(b"\1\1\0\0\7")
    driver = build(peer.url, POINTS)
    await driver.connect()
    batch, event = await driver.read(driver.scans[0])
    assert batch.values.tolist() == [5]
    assert (event.kind, event.detail) == (EventKind.VIOLATION, "identification ends within object 1 of 7")
    assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


async def test_silence_at_the_question_costs_no_reading(peer, build):
    """The time-out is its own, and short; the next readings are as usual."""
    peer.identity = None
    driver = build(peer.url, POINTS)
    await driver.connect()
    [batch] = await driver.read(driver.scans[0])
    assert batch.values.tolist() == [5]
    assert len(await driver.read(driver.scans[0])) == 1
    await driver.close()


async def test_a_device_that_hangs_up_at_the_question_is_asked_once(peer, build):
    """The reading before it is handed on, and from the next connection on it is never asked again."""
    peer.identity = peer.hang_up
    driver = build(peer.url, POINTS)
    await driver.connect()
    [batch] = await driver.read(driver.scans[0])
    assert batch.values.tolist() == [5]
    with pytest.raises(LinkLost):
        await driver.read(driver.scans[0])
    await driver.connect()
    for _ in range(3):
        [batch] = await driver.read(driver.scans[0])
        assert isinstance(batch, Batch)
    await driver.close()


async def test_units_on_a_line_tell_it_too(line, build):
    """The frame's length is told by its objects."""
    line.contents.identity = mei(said(BASIC, conformity=1))
    driver = build(line.url, POINTS)
    await driver.connect()
    _, event = await driver.read(driver.scans[0])
    await driver.close()

    assert event.detail == "Schneider PM5350 v3.1"
