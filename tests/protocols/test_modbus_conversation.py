"""A conversation survives every peer: no answer is taken for another, and nothing waits longer than it must."""

import asyncio
import socket

import pytest
from held import Held

from protocols.driver import LinkLost
from protocols.modbus.codec import Refusal, Request
from protocols.modbus.conversation import Conversation
from protocols.modbus.mbap import MOST_ABANDONED
from protocols.modbus.planner import Block

READ = Request.read(Block("holding", 5, 2))
GOOD = b"\0\5\0\6"
LONG_S = 30.0
"""A time-out that no test reaches: what ends sooner was not ended by it."""
SHORT_S = 0.05


async def test_an_answer_is_returned(conversation):
    """What was asked comes back, and Nagle does not hold it up."""
    assert await conversation.request(1, READ, LONG_S) == GOOD

    sock = conversation._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_exception_response_is_a_refusal(peer, conversation):
    """The device says no: that is an answer."""
    peer.refused[3, 6] = 2

    assert Refusal(2) == await conversation.request(1, READ, LONG_S)


async def test_an_answer_may_come_byte_by_byte(peer, conversation):
    """However slowly TCP delivers, the frame is whole in the end."""
    peer.reply = lambda *asked: [bytes([byte]) for chunk in peer.honest(*asked) for byte in chunk]

    assert [await conversation.request(1, READ, LONG_S) for _ in range(3)] == [GOOD] * 3


async def test_requests_take_turns(peer, conversation):
    """Many callers at once: one request is under way at a time, and each caller gets its own answer."""
    reads = [Request.read(Block("holding", n, 1)) for n in range(20)]

    answers = await asyncio.gather(*(conversation.request(1, read, LONG_S) for read in reads))

    assert [bytes([0, n]) for n in range(20)] == answers
    assert [(3, n, 1) for n in range(20)] == peer.asked


async def test_silence_is_a_time_out_and_the_conversation_goes_on(peer, conversation):
    """One request without an answer fails alone."""
    peer.reply = lambda *_: None
    with pytest.raises(TimeoutError, match=r"no answer from unit 7 in 0\.05 s"):
        await conversation.request(7, READ, SHORT_S)

    peer.reply = peer.honest
    assert await conversation.request(7, READ, LONG_S) == GOOD


async def test_a_late_answer_is_counted_and_dropped(peer, conversation):
    """After a time-out the old answer comes first, then the new one: the caller gets the new one."""
    held = Held(peer)
    with pytest.raises(TimeoutError):
        await conversation.request(7, READ, SHORT_S)
    peer.reply = lambda *asked: [*held.kept, *peer.honest(*asked)]

    other = Request.read(Block("holding", 40, 1))
    assert await conversation.request(1, other, LONG_S) == b"\0\50"
    assert conversation.late == {7: 1}


async def test_half_a_late_answer_does_not_shift_the_next(peer, conversation):
    """An answer that is cut in two by the time-out is still one frame."""
    peer.reply = lambda *asked: [peer.honest(*asked)[0][:9]]
    with pytest.raises(TimeoutError):
        await conversation.request(1, READ, SHORT_S)
    rest = peer.adu(1, 1, b"\3\4" + GOOD)[9:]
    peer.reply = lambda *asked: [rest + peer.honest(*asked)[0]]

    assert await conversation.request(1, READ, LONG_S) == GOOD
    assert conversation.late == {1: 1}


async def test_a_cancelled_request_leaves_the_conversation_usable(peer, conversation):
    """Its answer is late, whenever it comes."""
    held = Held(peer)
    task = asyncio.create_task(conversation.request(1, READ, LONG_S))
    await held.some.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    peer.reply = lambda *asked: [*held.kept, *peer.honest(*asked)]

    assert await conversation.request(1, READ, LONG_S) == GOOD
    assert conversation.late == {1: 1}


async def test_a_request_cancelled_while_it_waits_for_its_turn_was_never_sent(peer, conversation):
    """Who waits in line may go."""
    held = Held(peer)
    first, second = (asyncio.create_task(conversation.request(1, READ, LONG_S)) for _ in range(2))
    await held.some.wait()
    second.cancel()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)

    assert len(peer.asked) == 1


ILLEGAL = {
    "another transaction": ("0002 0000 0007 01 03 04 00050006", "transaction 2 was not asked"),
    "another unit": ("0001 0000 0007 02 03 04 00050006", "unit 2 answers unit 1"),
    "another function": ("0001 0000 0007 01 04 04 00050006", "function 4 answers function 3"),
    "a function that writes": ("0001 0000 0006 01 06 0005 0006", "function 6 answers function 3"),
    "too much data": ("0001 0000 0008 01 03 04 0005000600", "5 bytes of data, said to be 4, where 4 were asked"),
    "too little data": ("0001 0000 0005 01 03 02 0005", "2 bytes of data, said to be 2, where 4 were asked"),
    "no data": ("0001 0000 0002 01 03", "0 bytes of data, said to be no count, where 4 were asked"),
    "another protocol": ("0001 0001 0006", "protocol identifier 1, not 0"),
    "a length of 65535": ("0001 0000 ffff 01", "length 65535 is not from 2 to 254"),
    "a length of 0": ("0001 0000 0000", "length 0 is not from 2 to 254"),
    "text": (b"HTTP/1.1 400 Bad Request\r\n".hex() * 200, "protocol identifier 21584, not 0"),
    "zeros": ("00" * 100_000, "length 0 is not from 2 to 254"),
}


@pytest.mark.parametrize(("reply", "reason"), ILLEGAL.values(), ids=ILLEGAL)
async def test_illegal_bytes_end_the_conversation_at_once(peer, conversation, reply, reason):
    """The violation is named, and every later request fails without being sent."""
    peer.reply = lambda *_: [bytes.fromhex(reply)]
    for _ in range(2):
        with pytest.raises(LinkLost, match=f"violation: {reason}"):
            await conversation.request(1, READ, LONG_S)

    assert conversation.violation == reason
    assert len(peer.asked) == 1


async def test_the_same_answer_twice_is_a_violation(peer, conversation):
    """The first is taken; the second answers nothing."""
    peer.reply = lambda *asked: peer.honest(*asked) * 2

    assert await conversation.request(1, READ, LONG_S) == GOOD
    with pytest.raises(LinkLost, match="transaction 1 was not asked"):
        await conversation.request(1, READ, LONG_S)


async def test_a_connection_closed_in_mid_frame_is_lost_at_once(peer, conversation):
    """Nobody waits for the time-out, and the reason says how far the frame had come."""
    peer.reply = lambda *asked: [peer.honest(*asked)[0][:8], peer.hang_up]

    with pytest.raises(LinkLost, match="closed by the device in mid-frame, after 8 bytes"):
        await conversation.request(1, READ, LONG_S)
    assert conversation.violation is None


async def test_everyone_in_line_learns_that_the_connection_is_lost(peer, conversation):
    """The one who waits for an answer and those who wait for their turn."""
    peer.reply = lambda *_: [peer.hang_up]

    ends = await asyncio.gather(*(conversation.request(1, READ, LONG_S) for _ in range(5)), return_exceptions=True)

    assert [LinkLost] * 5 == [type(end) for end in ends]


async def test_a_peer_that_reads_nothing_is_lost():
    """Requests that nobody takes in do not pile up in memory."""
    server = socket.create_server(("127.0.0.1", 0))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    conversation = await Conversation.open(*server.getsockname())
    conversation._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)

    with pytest.raises(LinkLost, match="reads nothing"):  # noqa: PT012
        while True:
            try:
                await conversation.request(1, READ, 0)
            except TimeoutError:
                continue
    await conversation.close()
    server.close()


async def test_time_outs_for_ever_are_remembered_up_to_a_limit(peer, conversation):
    """A dead unit does not make memory grow."""
    peer.reply = lambda *_: None
    for _ in range(MOST_ABANDONED + 50):
        with pytest.raises(TimeoutError):
            await conversation.request(1, READ, 0)

    assert len(conversation.framing._abandoned) == MOST_ABANDONED


async def test_transactions_wrap_around(conversation):
    """After 65,535 comes 1, and an old late answer is not expected any more then."""
    conversation.framing._transaction = 0xFFFE
    conversation.framing._abandoned[1] = 9

    assert [await conversation.request(1, READ, LONG_S) for _ in range(3)] == [GOOD] * 3
    assert conversation.framing._transaction == 2
    assert conversation.framing._abandoned == {}


async def test_nobody_answers():
    """A refused connection is an OSError."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    with pytest.raises(OSError, match="Connect call failed"):
        await Conversation.open("127.0.0.1", port)


async def test_closing_twice_and_asking_afterwards(conversation):
    """Closing waits for nothing; a closed conversation says so."""
    await conversation.close()
    await conversation.close()

    with pytest.raises(LinkLost, match="closed"):
        await conversation.request(1, READ, LONG_S)
