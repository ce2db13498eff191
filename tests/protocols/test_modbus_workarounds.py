"""Devices of their own kind: each key that an engineer has for one does on the wire what the page says."""

import time

import pytest

from protocols.driver import LinkLost
from protocols.model import Batch

PAUSE_S = 0.06
EIGHT = {f"p{number}": f"holding:{number}" for number in range(0, 16, 2)}
"""Eight registers, every second one."""


async def values(driver):
    [batch] = [one for one in await driver.read(driver.scans[0]) if isinstance(one, Batch)]
    assert not batch.quality.any()
    return batch.values.tolist()


@pytest.mark.parametrize(
    ("keys", "blocks"),
    [
        ({}, [(3, 0, 15)]),
        ({"max_registers": 5}, [(3, 0, 5), (3, 6, 5), (3, 12, 3)]),
        ({"max_gap": 0}, [(3, number, 1) for number in range(0, 16, 2)]),
        ({"max_registers": 1}, [(3, number, 1) for number in range(0, 16, 2)]),
    ],
    ids=["as it is", "largest block", "not across gaps", "one register a request"],
)
async def test_blocks_are_as_large_as_the_device_allows(peer, connected, keys, blocks):
    """Across gaps in one request, in pieces of the largest block, never touching a gap, or each register alone."""
    driver = await connected(EIGHT, **keys)

    assert await values(driver) == list(range(0, 16, 2))
    assert peer.asked == blocks


async def test_a_pause_stands_between_an_answer_and_the_next_request(peer, connected):
    """`pause_ms`: the device is never asked sooner after its last answer, within a scan and from scan to scan."""
    asked_s, answered_s = [], []

    def reply(transaction, unit, pdu):
        asked_s.append(time.monotonic())
        answer = peer.honest(transaction, unit, pdu)
        answered_s.append(time.monotonic())
        return answer

    peer.reply = reply
    driver = await connected(EIGHT, max_registers=5, pause_ms=PAUSE_S * 1000)
    for _ in range(2):
        await values(driver)

    pauses_s = [asked - answered for answered, asked in zip(answered_s, asked_s[1:], strict=False)]
    assert len(pauses_s) == 5
    assert min(pauses_s) > PAUSE_S * 0.95


async def test_a_device_that_is_deaf_after_the_connection_is_given_time(peer, connected):
    """`settle_ms`: connecting takes so long, and only then it is asked."""
    began = time.monotonic()
    driver = await connected(EIGHT, settle_ms=PAUSE_S * 1000)

    assert time.monotonic() - began > PAUSE_S * 0.95
    assert peer.asked == []
    assert await values(driver) == list(range(0, 16, 2))


async def test_an_answer_of_another_unit_is_taken_only_where_that_is_allowed(peer, connected):
    """`unit_echo`: strict, it is a violation and the conversation is over; lenient, it is the answer."""
    peer.reply = lambda transaction, unit, pdu: [peer.adu(transaction, unit + 1, peer.answer(pdu))]
    strict, lenient = await connected(EIGHT), await connected(EIGHT, unit_echo="lenient")

    with pytest.raises(LinkLost, match=r"unit 2 answers unit 1|unit 1 answers unit 2"):
        await strict.read(strict.scans[0])
    assert await values(lenient) == list(range(0, 16, 2))


async def test_coils_come_in_pieces_of_the_largest_block_of_bits(peer, build):
    """`max_bits` bounds coils and discrete inputs, and not registers."""
    points = {f"c{number}": f"coil:{number}" for number in range(20)} | {"r": {"address": "holding:0", "type": "int64"}}
    driver = build(peer.url, {"points": points, "timeout_s": 30, "max_bits": 8})
    await driver.connect()
    try:
        await values(driver)
    finally:
        await driver.close()

    assert sorted(peer.asked) == [(1, 0, 8), (1, 8, 8), (1, 16, 4), (3, 0, 4)]
