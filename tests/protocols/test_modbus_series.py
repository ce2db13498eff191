"""Requests one after the other in one turn: as if each had been asked alone, but nobody is woken in between."""

import asyncio

import pytest
from held import Held

from protocols.driver import LinkLost
from protocols.modbus.codec import Refusal, Request
from protocols.modbus.conversation import Manners
from protocols.modbus.planner import Block

READS = [Request.read(Block("holding", n, 1)) for n in range(20)]
GOOD = [bytes([0, n]) for n in range(20)]
LONG_S, SHORT_S = 30.0, 0.2


@pytest.mark.parametrize("manners", [Manners(), Manners(pause_s=0.001), Manners(retries=2)])
async def test_all_are_asked_in_their_order(peer, conversation, manners):
    """Each after the answer to the one before; other callers have their turn afterwards."""
    series, alone = await asyncio.gather(
        conversation.series(1, READS, LONG_S, manners), conversation.request(1, READS[7], LONG_S)
    )

    assert (list(series), alone) == (GOOD, GOOD[7])
    assert sorted([*range(20), 7]) == sorted(start for _, start, _ in peer.asked)


async def test_the_first_refusal_is_the_last_answer(peer, conversation):
    """What comes after it is not asked."""
    peer.refused[3, 3] = 2

    assert [*GOOD[:3], Refusal(2)] == await conversation.series(1, READS, LONG_S)
    assert [start for _, start, _ in peer.asked] == [0, 1, 2, 3]
    assert GOOD[:2] == list(await conversation.series(1, READS[:2], LONG_S))


async def test_each_request_has_its_own_time(peer, conversation):
    """When the time of the first is over, the third may still be under way."""
    held = Held(peer, 2)
    task = asyncio.create_task(conversation.series(1, READS, LONG_S))
    await held.some.wait()

    conversation._timer.cancel()
    conversation._expire()  # as it is called at the end of the first one's time
    assert conversation._timer.when() == conversation._due
    held.release()
    assert list(await task) == GOOD


async def test_silence_in_its_middle_is_a_time_out(peer, conversation):
    """Its answer is late when it comes, and the conversation goes on."""
    Held(peer, 5)
    with pytest.raises(TimeoutError, match=r"no answer from unit 7 in 0\.2 s"):
        await conversation.series(7, READS, SHORT_S)

    assert GOOD[6:7] == list(await conversation.series(7, READS[6:7], LONG_S))
    assert conversation.late == {7: 1}


@pytest.mark.parametrize("ahead", [1, 2])
async def test_an_answer_to_what_is_not_yet_asked_is_a_violation(peer, conversation, ahead):
    """Two answers at once, the second with a number of later: a peer may not guess what we will ask."""
    peer.reply = lambda transaction, unit, pdu: [
        b"".join(peer.adu(transaction + later, unit, peer.answer(pdu)) for later in (0, ahead))
    ]
    with pytest.raises(LinkLost, match=f"transaction {1 + ahead} was not asked"):
        await conversation.series(1, READS, LONG_S)


async def test_a_link_that_is_lost_ends_it_at_once(peer, conversation):
    """Whatever its time-out."""
    peer.reply = lambda *asked: [peer.hang_up] if asked[2][2] == 4 else peer.honest(*asked)
    with pytest.raises(LinkLost):
        await conversation.series(1, READS, LONG_S)


async def test_a_cancelled_one_sends_no_more(peer, conversation):
    """What was under way is late, the rest is never asked."""
    held = Held(peer, 2)
    task = asyncio.create_task(conversation.series(1, READS, LONG_S))
    await held.some.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert GOOD[9] == await conversation.request(1, READS[9], LONG_S)
    assert [start for _, start, _ in peer.asked] == [0, 1, 2, 9]
    assert conversation.late == {1: 1}
