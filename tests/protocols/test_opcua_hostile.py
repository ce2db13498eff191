"""The OPC UA driver against peers that lie, stammer, repeat, cut off or say nothing, in plain TCP."""

import asyncio
import itertools
import socket
import struct
import tracemalloc

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from waiting import at_once

from protocols.driver import LinkLost
from protocols.model import Batch, EventKind
from protocols.opcua.acknowledgements import MOST_ARRIVED
from protocols.opcua.order import MOST_AGAIN
from protocols.opcua.subscriptions import MOST_FRUITLESS

MOST_BYTES = 10_000_000
ACKNOWLEDGE = struct.pack("<4sIIIIII", b"ACKF", 28, 0, 65_535, 65_535, 0, 0)


def refusal(code):
    return ua.ServiceFault(ResponseHeader=ua.ResponseHeader(ServiceResult=ua.StatusCode(code)))


class Peer:
    """Speaks OPC UA without security as far as the test wants: each stage may be replaced by bytes of any kind.

    `hello` answers the greeting; `answer(service, request)` a request, by a list of chunks; None is silence.
    """

    def __init__(self):
        self.hello = ACKNOWLEDGE
        self.answer = self.honest
        self.sequence = itertools.count(1)
        self.asked = []
        self.first = {}
        self._served = {}

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        self._server.close()
        self.hang_up()
        await asyncio.gather(*self._served)
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self._served[asyncio.current_task()] = writer
        try:
            while head := await reader.readexactly(8):
                body = await reader.readexactly(int.from_bytes(head[4:], "little") - 8)
                if head[:3] == b"HEL":
                    writer.write(self.hello)
                elif head[:3] == b"OPN":
                    writer.write(self.opened(body))
                elif head[:3] == b"MSG":
                    for chunk in self.message(body) or ():
                        writer.write(chunk)
                        await writer.drain()
                        if not chunk:
                            writer.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    def opened(self, body):
        request = struct.unpack_from("<I", body, body.index(b"#None") + 17)[0]
        token = ua.ChannelSecurityToken(1, 1, RevisedLifetime=3_600_000)
        result = ua.OpenSecureChannelResponse(Parameters=ua.OpenSecureChannelResult(0, token, b""))
        policy = b"http://opcfoundation.org/UA/SecurityPolicy#None"
        security = struct.pack("<I", len(policy)) + policy + b"\xff" * 8
        rest = security + struct.pack("<II", next(self.sequence), request) + struct_to_binary(result)
        return b"OPNF" + struct.pack("<II", 12 + len(rest), 1) + rest

    def message(self, body):
        request, service = struct.unpack_from("<I", body, 12)[0], struct.unpack_from("<H", body, 18)[0]
        self.asked.append(service)
        self.first.setdefault(service, request)
        return self.answer(service, request)

    def chunk(self, request, body, kind=b"F", *, channel=1, token=1, sequence=None):
        sequence = next(self.sequence) if sequence is None else sequence
        return b"MSG" + kind + struct.pack("<IIIII", 24 + len(body), channel, token, sequence, request) + body

    def honest(self, service, request):
        found = {461: self.created, 467: ua.ActivateSessionResponse, 631: self.values, 787: self.subscribed}.get(
            service
        )
        found = found or {751: self.watched, 473: ua.CloseSessionResponse, 832: self.gone}.get(service)
        return [self.chunk(request, struct_to_binary(found()))] if found else None

    def created(self):
        anyone = ua.UserTokenPolicy("anonymous", ua.UserTokenType.Anonymous)
        end = ua.EndpointDescription(SecurityMode=ua.MessageSecurityMode.None_, UserIdentityTokens=[anyone])
        end.SecurityPolicyUri = "http://opcfoundation.org/UA/SecurityPolicy#None"
        return ua.CreateSessionResponse(Parameters=ua.CreateSessionResult(ServerEndpoints=[end]))

    def values(self):
        first = self.asked.count(631) == 1
        return ua.ReadResponse(Results=[ua.DataValue(ua.Variant()) if first else ua.DataValue(ua.Variant(5.0))])

    def subscribed(self):
        return ua.CreateSubscriptionResponse(Parameters=ua.CreateSubscriptionResult(4, 100.0, 100, 10))

    def gone(self):
        return refusal(ua.StatusCodes.BadMessageNotAvailable)

    def hang_up(self):
        for writer in self._served.values():
            writer.transport.abort()

    def watched(self):
        return ua.CreateMonitoredItemsResponse(Results=[ua.MonitoredItemCreateResult()])


@pytest.fixture
async def peer():
    peer = Peer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
def driver(peer, opcua):
    return opcua(peer.port, {"a": "ns=2;s=n1"}, timeout_s=5)


async def lost(awaitable):
    """Return why the link is lost, and what its events say is a violation; within half a second."""
    async with at_once():
        with pytest.raises(LinkLost) as caught:
            await awaitable
    return str(caught.value), [each.detail for each in caught.value.events if each.kind is EventKind.VIOLATION]


async def drain_until_lost(driver):
    while True:
        await driver.read(driver.scans[-1])
        await asyncio.sleep(0.01)


async def test_this_peer_is_a_server_as_long_as_it_is_honest(peer, driver):
    """So what goes wrong below is what the test did."""
    await driver.connect()
    *_, batch = await driver.read(driver.scans[0])
    await driver.close()

    assert isinstance(batch, Batch)
    assert batch.values.tolist() == [5.0]


@pytest.mark.parametrize(
    ("hello", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "begin no message"),
        (bytes(200), "begin no message"),
        (b"ACKF\xff\xff\xff\xff", "chunk of 4294967295 bytes"),
        (b"ACKF\x00\x00\x00\x00", "chunk of 0 bytes"),
        (b"ACKF\x00\x00\x01\x00", "chunk of 65536 bytes"),
        (struct.pack("<4sIIIIII", b"ACKF", 28, 0, 10, 65_535, 0, 0), "at least 8192"),
        (ACKNOWLEDGE * 2, "out of place"),
        (b"ACKF\x10\x00\x00\x00" + bytes(8), "ends within a value|at least 8192"),
        (b"MSGF\x18\x00\x00\x00" + bytes(16), "security token 0, which nobody agreed on"),
        (b"OPNF\x20\x00\x00\x00" + b"\xff" * 24, "security policy , where"),
    ],
)
async def test_a_greeting_that_is_none(peer, driver, hello, told):
    """Is a violation at once, named with what is allowed."""
    peer.hello = hello
    why, violations = await lost(driver.connect())
    await driver.close()

    assert why.startswith("violation: ")
    assert len(violations) == 1
    assert any(part in violations[0] for part in told.split("|"))


async def test_an_error_message_is_no_violation(peer, driver):
    """The server says why it hangs up, and that is passed on."""
    said = b"no more sessions"
    peer.hello = b"ERRF" + struct.pack("<IIi", 16 + len(said), 0x80560000, len(said)) + said
    why, violations = await lost(driver.connect())
    await driver.close()

    assert (why, violations) == ("the server hangs up: BadTooManySessions, no more sessions", [])


async def test_hanging_up_in_mid_frame(peer, driver):
    """The link is lost at once, and how far the frame had come is told."""
    peer.answer = lambda service, request: [peer.honest(service, request)[0][:30], b""]
    why, violations = await lost(driver.connect())
    await driver.close()

    assert "in mid-frame, after 30 bytes" in why
    assert not violations


async def test_slow_bytes_are_a_message_in_the_end(peer, driver):
    """One at a time they cost no more than patience."""
    peer.answer = lambda service, request: (
        [bytes([byte]) for chunk in honest for byte in chunk] if (honest := peer.honest(service, request)) else None
    )
    await driver.connect()
    *_, batch = await driver.read(driver.scans[0])
    await driver.close()

    assert batch.values.tolist() == [5.0]


@pytest.mark.parametrize("stage", [461, 467, 631, 787, 751])
async def test_silence_at_any_stage_can_be_cancelled(peer, driver, stage):
    """Connecting ends as soon as it is cancelled, and nothing is left behind."""
    reached = asyncio.Event()

    def answer(service, request):
        if service != stage:
            return peer.honest(service, request)
        reached.set()
        return None

    peer.answer = answer
    connecting = asyncio.create_task(driver.connect())
    await reached.wait()
    connecting.cancel()
    async with at_once():
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await driver.close()


LIES = pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda peer, request, _: [peer.chunk(request, b"\xff" * 40)], "node id of encoding"),
        (lambda peer, request, good: [peer.chunk(request, good[:12])], "ends within a value"),
        (lambda peer, request, good: [peer.chunk(request + 1000, good)], "was not asked"),
        (lambda peer, request, good: [peer.chunk(request, good, channel=9)], "a message of channel 9, ours is 1"),
        (lambda peer, request, good: [peer.chunk(request, good, token=9)], "security token 9, which nobody agreed on"),
        (lambda peer, request, good: [peer.chunk(request, good, sequence=77)], "sequence number 77 follows"),
        (lambda peer, request, good: [peer.chunk(request, good, kind=b"X")], "chunk type b'X'"),
        (lambda peer, request, good: [peer.chunk(request, b"\x01\x00\x05\x00" + good[4:])], "structure 5 answers"),
        (lambda peer, request, good: [peer.chunk(request, good), peer.chunk(request, good)], "was not asked"),
    ],
    ids=["garbage", "short", "request", "channel", "token", "sequence", "kind", "structure", "replay"],
)


@pytest.mark.parametrize("stage", [461, 467, 631, 787, 751, 826])
@LIES
async def test_an_answer_that_lies(peer, driver, stage, spoil, told):
    """At every stage: a violation and the end of the conversation, within half a second."""

    def answer(service, request):
        if service != stage:
            return peer.honest(service, request)
        honest = peer.honest(service, request)
        good = honest[0][24:] if honest else struct_to_binary(ua.PublishResponse(Parameters=_changed(1, 1.0)))
        if honest:
            next_sequence = struct.unpack_from("<I", honest[0], 16)[0]
            peer.sequence = itertools.count(next_sequence)
        return spoil(peer, request, good)

    async def converse():
        await driver.connect()
        await drain_until_lost(driver)

    peer.answer = answer
    why, violations = await lost(converse())
    await driver.close()

    assert why.startswith("violation: ")
    assert any(told in each for each in violations), violations


@pytest.mark.parametrize("level", [b"\x18", b"\x17\x01"], ids=["variants", "data values"])
async def test_values_within_values_without_end(peer, driver, level):
    """A violation at their limit, not the end of our stack."""
    nested = struct.pack("<i", 1) + b"\x01" + level * 10_000 + bytes(64)
    body = struct_to_binary(ua.ReadResponse(Results=[]))[:-8] + nested
    peer.answer = lambda service, request: (
        [peer.chunk(request, body)] if service == 631 and peer.asked.count(631) > 1 else peer.honest(service, request)
    )

    async def converse():
        await driver.connect()
        await driver.read(driver.scans[0])

    _, violations = await lost(converse())
    await driver.close()

    assert "nested deeper than" in violations[0]


def _changed(sequence, *values, handle=0, subscription=4):
    items = [ua.MonitoredItemNotification(handle, ua.DataValue(ua.Variant(value))) for value in values]
    message = ua.NotificationMessage(SequenceNumber=sequence, NotificationData=[ua.DataChangeNotification(items)])
    return ua.PublishResult(subscription, [], False, message, [], [])


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (_changed(1, 1.0, handle=7), "not watched"),
        (_changed(1, 1.0, handle=2**32 - 1), "not watched"),
        (_changed(1, 1.0, subscription=5), "subscription 5 was not made"),
    ],
)
async def test_notifications_for_others(peer, driver, result, told):
    """No value is ever taken for a point that was not asked."""
    body = struct_to_binary(ua.PublishResponse(Parameters=result))
    peer.answer = lambda service, request: (
        [peer.chunk(request, body)] if service == 826 else peer.honest(service, request)
    )

    async def converse():
        await driver.connect()
        await drain_until_lost(driver)

    _, violations = await lost(converse())
    await driver.close()

    assert told in violations[0]


async def test_chunks_without_end_are_cut_off(peer, opcua):
    """A message that never ends is a violation at its limit, and takes no more memory than that."""
    driver = opcua(peer.port, {"a": "ns=2;s=n1"}, max_message_bytes=65_536)
    body = bytes(8_000)
    peer.answer = lambda _, request: (peer.chunk(request, body, kind=b"C") for _ in range(10_000))
    tracemalloc.start()
    try:
        async with asyncio.timeout(30):
            with pytest.raises(LinkLost, match="over 65536 bytes"):
                await driver.connect()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await driver.close()

    assert peak < MOST_BYTES


async def test_empty_chunks_without_end_are_cut_off(peer, opcua):
    """They have no bytes to count, so they are counted themselves."""
    driver = opcua(peer.port, {"a": "ns=2;s=n1"}, max_message_bytes=65_536)
    peer.answer = lambda _, request: (peer.chunk(request, b"", kind=b"C") for _ in range(10_000))
    async with asyncio.timeout(30):
        with pytest.raises(LinkLost, match="too many chunks"):
            await driver.connect()
    await driver.close()


async def test_notifications_without_end_are_bounded(peer, opcua):
    """A server that answers each publish at once with too much: the oldest fall out, and that is said."""
    driver = opcua(peer.port, {"a": "ns=2;s=n1"})
    bodies = (struct_to_binary(ua.PublishResponse(Parameters=_changed(n, *range(3000)))) for n in itertools.count(1))
    peer.answer = lambda service, request: (
        [peer.chunk(request, next(bodies))] if service == 826 else peer.honest(service, request)
    )
    driver._inbox._most = 5_000
    await driver.connect()
    async with asyncio.timeout(30):
        while not driver._inbox.lost:  # noqa: ASYNC110  nobody drains
            await asyncio.sleep(0.01)
    found = await driver.read(driver.scans[-1])
    await driver.close()

    assert 0 < sum(len(each) for each in found if isinstance(each, Batch)) <= 5_000
    assert any("came faster than they were taken" in getattr(each, "detail", "") for each in found)


async def test_empty_notifications_without_end_are_bounded(peer, driver):
    """They bring no reading that could be counted: after a bounded number the server is asked for no more."""
    messages = (ua.PublishResult(4, [], False, _changed(n).NotificationMessage, [], []) for n in itertools.count(1))
    bodies = (struct_to_binary(ua.PublishResponse(Parameters=each)) for each in messages)
    peer.answer = lambda service, request: (
        [peer.chunk(request, next(bodies))] if service == 826 else peer.honest(service, request)
    )
    await driver.connect()
    known = driver._connection.subscriptions.acknowledgements
    async with asyncio.timeout(30):
        while not known.full:  # noqa: ASYNC110  nobody drains
            await asyncio.sleep(0.01)
    await driver.read(driver.scans[0])
    arrived = len(known._handed)
    await driver.close()

    assert MOST_ARRIVED <= arrived < MOST_ARRIVED + 10


async def test_a_peer_that_reads_nothing_holds_up_nobody(opcua):
    """Closing ends at once, although the farewell is never taken."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        driver = opcua(mute.getsockname()[1], {"a": "ns=2;s=n1"})
        connecting = asyncio.create_task(driver.connect())
        await asyncio.sleep(0)
        accepted, _ = await asyncio.to_thread(mute.accept)
        with accepted:
            connecting.cancel()
            async with at_once():
                with pytest.raises(asyncio.CancelledError):
                    await connecting
                await driver.close()


async def broken(peer, driver):
    """Connect, and lose the link."""
    await driver.connect()
    peer.hang_up()
    with pytest.raises(LinkLost):
        await drain_until_lost(driver)
    await driver.close()
    peer.asked.clear()


def overflows(seen):
    return [each.detail for each in seen if getattr(each, "kind", None) is EventKind.OVERFLOW]


async def test_this_peer_gives_back_its_session(peer, driver):
    """So what goes wrong below is what the test did."""
    await broken(peer, driver)
    found = await driver.connect()
    await driver.close()

    assert peer.asked == [467, 631, 832, *[826] * 3, 473]
    assert overflows(found) == []


@pytest.mark.parametrize("stage", [467, 832])
@LIES
async def test_an_answer_that_lies_while_a_session_is_taken_up(peer, driver, stage, spoil, told):
    """A violation, at once; an honest answer to the next try is believed."""

    def answer(service, request):
        if service != stage:
            return peer.honest(service, request)
        honest = peer.honest(service, request)
        peer.sequence = itertools.count(struct.unpack_from("<I", honest[0], 16)[0])
        return spoil(peer, request, honest[0][24:])

    await broken(peer, driver)
    peer.answer = answer
    why, violations = await lost(driver.connect())
    peer.answer, peer.sequence = peer.honest, itertools.count(1)
    await driver.connect()
    *_, batch = await driver.read(driver.scans[0])
    await driver.close()

    assert why.startswith("violation: ")
    assert any(told in each for each in violations), violations
    assert batch.values.tolist() == [5.0]


@pytest.mark.parametrize(
    "code", ["BadSessionClosed", "BadIdentityTokenRejected", "BadSecureChannelIdInvalid", "BadInternalError"]
)
@pytest.mark.parametrize("stage", [467, 631])
async def test_a_session_that_is_not_given_back(peer, driver, stage, code):
    """Whatever the server calls it: a new session at once, and that changes may be lost is told."""

    def answer(service, request):
        if service == stage and peer.asked.count(stage) == 1:
            return [peer.chunk(request, struct_to_binary(refusal(getattr(ua.StatusCodes, code))))]
        return peer.honest(service, request)

    await broken(peer, driver)
    peer.answer = answer
    found = await driver.connect()
    await driver.close()

    [said] = overflows(found)
    assert said.startswith("the session cannot be taken up again: the server refuses to")
    assert said.endswith("changes may be lost, all values are read")


async def test_a_server_that_hangs_up_on_every_session_of_before(peer, driver):
    """A few times it is tried again; then a new session is asked for."""

    def answer(service, request):
        return [b""] if service == 467 and 461 not in peer.asked else peer.honest(service, request)

    await broken(peer, driver)
    peer.answer = answer
    for _ in range(MOST_FRUITLESS):
        await lost(driver.connect())
    found = await driver.connect()
    await driver.close()

    assert overflows(found) == [
        "the session cannot be taken up again: nothing came of it: changes may be lost, all values are read"
    ]


async def test_notifications_again_without_end_are_cut_off(peer, driver):
    """A server that always has one more is asked a bounded number of times."""
    numbers = itertools.count(1)

    def answer(service, request):
        if service != 832:
            return peer.honest(service, request)
        found = ua.RepublishResponse(NotificationMessage=_changed(next(numbers), 1.0).NotificationMessage)
        return [peer.chunk(request, struct_to_binary(found))]

    await broken(peer, driver)
    peer.answer = answer
    async with asyncio.timeout(30):
        await driver.connect()
    found = await driver.read(driver.scans[-1])
    await driver.close()

    assert sum(len(each) for each in found if isinstance(each, Batch)) == MOST_AGAIN


@pytest.mark.parametrize(
    "message", [_changed(9, 1.0), _changed(0, 1.0), ua.PublishResult(4, [], False, ua.NotificationMessage(1), [], [])]
)
async def test_another_notification_than_was_asked_for_again(peer, driver, message):
    """Is not taken: the one that was asked for counts as gone."""

    def answer(service, request):
        if service != 832:
            return peer.honest(service, request)
        return [
            peer.chunk(request, struct_to_binary(ua.RepublishResponse(NotificationMessage=message.NotificationMessage)))
        ]

    await broken(peer, driver)
    peer.answer = answer
    await driver.connect()
    found = await driver.read(driver.scans[-1])
    await driver.close()

    assert [each for each in found if isinstance(each, Batch) and len(each)] == []
    assert peer.asked.count(832) == 1


async def test_values_for_others_in_what_comes_again(peer, driver):
    """No value is ever taken for a point that was not asked."""
    message = _changed(1, 1.0, handle=7).NotificationMessage
    peer_answer = struct_to_binary(ua.RepublishResponse(NotificationMessage=message))
    await broken(peer, driver)
    peer.answer = lambda service, request: (
        [peer.chunk(request, peer_answer)] if service == 832 else peer.honest(service, request)
    )
    _, violations = await lost(driver.connect())
    await driver.close()

    assert "not watched" in violations[0]
