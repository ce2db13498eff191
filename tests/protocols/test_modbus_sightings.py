"""What a Modbus conversation tells the cyber checks: exceptions, answers that are not ours, identities in parts."""

import pytest

from protocols.driver import LinkLost
from protocols.model import EventKind


def told(driver, kind):
    """Return the sightings of one kind: what they are about, and their facts."""
    found = [each for each in driver.told if each.kind is kind]
    assert all((each.live, each.source, each.protocol) == (True, "127.0.0.1", "modbus") for each in found)
    return [(each.device, each.function, dict(each.facts)) for each in found]


def says(revision):
    """Return what answers 43/14."""
    texts = b"".join(
        bytes([number, len(text)]) + text for number, text in enumerate((b"Schneider", b"PM5350", revision))
    )
    return bytes([43, 14, 1, 1, 0, 0, 3]) + texts


async def test_an_exception(peer, build):
    """With its function and code, in each poll that has it; once, however many blocks are refused."""
    driver = build(peer.url, {"points": {"a": "holding:0", "b": "holding:100"}, "timeout_s": 5})
    await driver.connect()
    peer.refused = {(3, 0): 4, (3, 100): 4}
    await driver.read(driver.scans[0])
    [(device, function, facts)] = told(driver, EventKind.EXCEPTION)

    assert (device, function, facts) == ("d0", "3", {"code": 4})
    assert driver.told[-1].count == 2
    await driver.close()


@pytest.mark.parametrize(("answer", "why"), [("unit", "unit"), ("transaction", "request"), ("function", "function")])
async def test_an_answer_that_is_not_ours(peer, build, answer, why):
    """Another unit, a transaction that was not asked, another function: it ends the conversation, and says which."""
    driver = build(peer.url, {"points": {"a": "holding:0"}, "timeout_s": 5})
    await driver.connect()

    def wrong(*asked):
        [frame] = peer.honest(*asked)
        frame = bytearray(frame)
        place = {"transaction": 0, "unit": 6, "function": 7}[answer]
        frame[place] ^= 0x05
        return [bytes(frame)]

    peer.reply = wrong
    with pytest.raises(LinkLost):
        await driver.read(driver.scans[0])

    assert told(driver, EventKind.ORPHAN) == [("d0", "", {"why": why})]
    await driver.close()


async def test_an_honest_device_says_nothing(peer, build):
    """Nothing is told of good answers, the hot path makes no objects."""
    driver = build(peer.url, {"points": {"a": "holding:0"}, "timeout_s": 5})
    await driver.connect()
    for _ in range(5):
        await driver.read(driver.scans[0])

    assert driver.told == []
    await driver.close()


async def test_an_identity_in_parts_again_after_six_hours(peer, build, monkeypatch):
    """Each part for itself; asked again in the same conversation, as firmware may be loaded without an end of it."""
    peer.identity = says(b"v3.1")
    driver = build(peer.url, {"points": {"a": "holding:0"}, "timeout_s": 5, "identify": "ask"})
    await driver.connect()
    await driver.read(driver.scans[0])
    first = told(driver, EventKind.IDENTITY)
    assert {what: facts["value"] for _, what, facts in first} == {
        "vendor": "Schneider", "product": "PM5350", "revision": "v3.1",
    }  # fmt: skip

    await driver.read(driver.scans[0])
    assert len(told(driver, EventKind.IDENTITY)) == 3
    for unit in driver._identify_at:
        driver._identify_at[unit] -= 6 * 3600
    peer.identity = says(b"v6.6")
    await driver.read(driver.scans[0])
    assert told(driver, EventKind.IDENTITY)[-1] == ("d0", "revision", {"value": "v6.6"})
    await driver.close()
