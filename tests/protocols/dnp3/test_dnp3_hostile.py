"""An outstation that lies, floods, repeats, mumbles: the worst is a violation and a lost link, never a wrong value."""

import asyncio
import struct
import tracemalloc
from contextlib import asynccontextmanager

import pytest
from dnp3.core.enums import LinkFunctionCode as Code
from dnp3.datalink.builder import (
    build_not_supported,
    build_primary_frame,
    build_request_link_status,
    build_reset_link_state,
)
from dnp3.datalink.parser import FrameParser
from dnp3.transport.segment import TransportSegment
from dnp3.transport.segmenter import Segmenter

from protocols.dnp3 import answer, inbox, requests
from protocols.driver import LinkLost
from protocols.model import EventKind

POINTS = {"a": "analog:0", "b": "binary:0"}
MIB = 1024 * 1024
SHORT = {"timeout_s": 0.5}


def frames(fragment, *, source=10, code=Code.PRI_UNCONFIRMED_USER_DATA, fcb=None, master=False):
    """Return the octets of a fragment as an outstation sends it."""
    return b"".join(
        build_primary_frame(
            1, source, code, master, fcb=bool(fcb), fcv=fcb is not None, user_data=segment.to_bytes()
        ).to_bytes()
        for segment in Segmenter().segment(fragment)
    )


def response(sequence, objects=b"", *, control=0xC0, iin=0, function=0x81):
    return bytes([control | sequence, function]) + struct.pack("<H", iin) + objects


def unsolicited(sequence, value, time_ms=1):
    return response(sequence, event(value, time_ms), control=0xF0, function=0x82)


def event(value, time_ms=1):
    return bytes([2, 2, 0x28, 1, 0, 0, 0, 0x81 if value else 0x01]) + struct.pack("<Q", time_ms)[:6]


GOOD = bytes([30, 5, 0, 0, 0, 1]) + struct.pack("<f", 1.5) + bytes([1, 2, 0, 0, 0, 0x81])


class Liar:
    """Takes requests apart, and answers whatever `answer(sequence, function, objects)` yields."""

    def __init__(self):
        self.port = 0
        self.confirms = []
        self.frames = []
        self.writers = []
        self.status = b""
        self.answer = self.honest

    def honest(self, sequence, function, *_):
        yield frames(response(sequence, GOOD if function == 1 else b""))

    def say(self, octets):
        for writer in self.writers:
            writer.write(octets)

    async def serve(self, reader, writer):
        self.writers.append(writer)
        parser = FrameParser()
        try:
            while data := await reader.read(4096):
                for frame in parser.feed(data):
                    await self._take(frame, writer)
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    async def _take(self, frame, writer):
        self.frames.append(frame)
        if not frame.user_data:
            writer.write(self.status)
            return
        fragment = TransportSegment.from_bytes(frame.user_data).payload
        if fragment[1] == 0:
            self.confirms.append(fragment[0])
            return
        for octets in self.answer(fragment[0] & 0x0F, fragment[1], fragment[2:]):
            if octets is None:
                writer.transport.close()
                return
            writer.write(octets)
            await asyncio.sleep(0)


@pytest.fixture
async def liar():
    found = Liar()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    for writer in found.writers:
        writer.transport.abort()
    await server.wait_closed()


@pytest.fixture
def started(liar, reader):
    """Return an asynchronous context manager: a reader whose start-up went well."""

    @asynccontextmanager
    async def begin(**keys):
        one = reader(liar.port, POINTS, **{**SHORT, **keys})
        await one.driver.connect()
        await one.read()
        liar.confirms.clear()
        yield one

    return begin


async def violation(one, what="events"):
    """Read until the link is lost, and return the violation that comes with it."""
    with pytest.raises(LinkLost) as lost:
        await one.read(what)
    [event] = [each for each in lost.value.events if each.kind is EventKind.VIOLATION]
    assert event.device == "rtu1"
    return event.detail


async def test_no_dnp3_at_all(liar, reader):
    """What answers with another protocol is found out at its first octet."""
    liar.answer = lambda *_: [b"SSH-2.0-OpenSSH_9.2\r\n"]
    one = reader(liar.port, POINTS, **SHORT)
    await one.driver.connect()

    assert await violation(one, "integrity") == "21 octets that are no DNP3"


async def test_a_flood_of_noise(liar, started):
    """More noise than a frame ends the link, and quickly, also where every second octet begins a frame."""
    async with started() as one:
        liar.answer = lambda *_: [b"\x05\x64" * 100_000]
        async with asyncio.timeout(10):
            assert "octets that are no DNP3" in await violation(one)


async def test_a_little_noise_is_survived(liar, started):
    """Noise of a serial line behind a terminal server costs nothing when frames follow."""
    async with started() as one:
        liar.answer = lambda s, f, o: [b"\x00\x05\x64\xff" * 8, *liar.honest(s, f, o)]
        await one.read()

        assert one.last("rtu1.a")[0] == 1.5


@pytest.mark.parametrize("function", [0x00, 0x01, 0x7F, 0x84, 0xFF])
async def test_functions_that_are_no_answer(liar, started, function):
    """A request or an undefined function where a response was due."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, function=function))]

        assert await violation(one) == f"function code {function} where a response was due"


async def test_counts_that_lie(liar, started):
    """More declared than sent: said, what came before is kept, the link goes on."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, event(0, 7) + bytes([32, 7, 0x28, 0xFF, 0xFF, 0, 0])))]
        await one.read("events")
        await one.read("events")

        assert one.history("rtu1.b")[-1] == (0, 0, 7)
        assert one.said(EventKind.VIOLATION) == [
            "objects unreadable at g32v7, octet 18: data shorter than declared; the rest is lost"
        ]


async def test_endless_fragments(liar, started, monkeypatch):
    """An answer that never ends is a violation."""
    monkeypatch.setattr(answer, "MOST_FRAGMENTS", 50)

    def endless(sequence, *_):
        control = 0x80
        while True:
            yield frames(response(sequence & 0x0F, GOOD, control=control))
            sequence, control = sequence + 1, 0

    async with started() as one:
        liar.answer = endless
        assert await violation(one) == "response of over 50 fragments"


async def test_endless_segments(liar, started):
    """A fragment that never ends is a violation."""

    def endless(*_):
        for number in range(1000):
            segment = TransportSegment.build(number == 0, False, number & 0x3F, bytes(249)).to_bytes()
            yield build_primary_frame(1, 10, Code.PRI_UNCONFIRMED_USER_DATA, False, user_data=segment).to_bytes()

    async with started() as one:
        liar.answer = endless
        assert await violation(one) == "fragment of over 16384 octets"


async def test_an_empty_segment(liar, started):
    """User data without a transport header."""
    async with started() as one:
        liar.answer = lambda *_: [build_primary_frame(1, 10, Code.PRI_UNCONFIRMED_USER_DATA, False).to_bytes()]
        assert await violation(one) == "segment of 0 octets; 1 to 250 are allowed"


@pytest.mark.parametrize("shift", [1, 8, 15])
async def test_a_wrong_sequence_number_is_no_answer(liar, started, shift):
    """It is dropped, counted and not confirmed, and its values are not taken."""
    async with started() as one:
        wrong = bytes([30, 5, 0, 0, 0, 1]) + struct.pack("<f", 666.0)
        liar.answer = lambda s, *_: [frames(response(s + shift & 15, wrong, control=0xE0))]
        with pytest.raises(TimeoutError):
            await one.read()
        liar.answer = liar.honest
        await one.read()

        assert [value for value, _, _ in one.history("rtu1.a")] == [1.5, 1.5]
        assert one.said(EventKind.LATE) == ["1 late answers dropped"]
        assert not liar.confirms


async def test_a_late_answer_is_not_taken_for_the_next(liar, started):
    """An answer held back until the next request: dropped, and the next one gets its own."""
    held = []

    def hold(sequence, *_):
        held.append(frames(response(sequence, event(0, 5), control=0xE0)))
        return ()

    async with started() as one:
        liar.answer = hold
        with pytest.raises(TimeoutError):
            await one.read("events")
        liar.answer = lambda s, f, o: [held[0], *liar.honest(s, f, o)]
        await one.read()

        assert len(one.history("rtu1.b")) == 2
        assert one.said(EventKind.LATE) == ["1 late answers dropped"]


async def test_a_middle_fragment_without_its_first(liar, started):
    """FIR is checked: the tail of an old answer does not begin a new one."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, GOOD, control=0x40))]
        with pytest.raises(TimeoutError):
            await one.read()


async def test_our_own_requests_come_back(liar, started):
    """An echo is no answer; it is said once."""
    async with started() as one:
        liar.answer = lambda s, f, o: [frames(bytes([0xC0 | s, f]) + o, source=10, master=True)]
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await one.read("events")
        liar.answer = liar.honest
        await one.read("events")

        assert one.said(EventKind.VIOLATION) == ["frames of a master came: our own, or another one shares the address"]


async def test_strangers(liar, started):
    """Stations nobody asked are named, at most sixteen of them, and their values go nowhere."""
    async with started() as one:
        strange = bytes([30, 5, 0, 0, 0, 1]) + struct.pack("<f", 666.0)
        liar.answer = lambda s, f, o: [
            *(frames(response(s, strange), source=100 + n) for n in range(40)), *liar.honest(s, f, o)
        ]  # fmt: skip
        await one.read()

        assert one.last("rtu1.a")[0] == 1.5
        assert len(one.said(EventKind.VIOLATION)) == 16
        assert one.said(EventKind.VIOLATION)[0] == "station 100 speaks to 1; nobody asked it"


async def test_a_repeated_unsolicited_response(liar, started):
    """Our confirm is late or lost: taken once, confirmed when on disk and again, also over a reconnect."""
    async with started() as one:
        for _ in range(3):
            liar.say(frames(unsolicited(4, 0, 11)))
        await one.until(lambda _: len(liar.confirms) == 1)
        liar.say(frames(unsolicited(4, 0, 11)))
        await one.until(lambda _: len(liar.confirms) == 2)
        await one.driver.connect()
        await one.read()
        liar.say(frames(unsolicited(4, 0, 11)))
        await one.until(lambda _: len(liar.confirms) == 3)
        liar.say(frames(unsolicited(4, 0, 12)))
        await one.until(lambda r: r.history("rtu1.b")[-1][2] == 12)

        assert [at for _, _, at in one.history("rtu1.b") if at] == [11, 12]
        assert set(liar.confirms) == {0xD4}


async def test_a_flood_of_unsolicited_responses(liar, started):
    """What does not wait for its confirm is neither taken nor confirmed, so that it stays where it is; it is said."""
    async with started() as one:
        for number in range(200):
            liar.say(frames(unsolicited(number & 15, number & 1, number + 1)))
        await one.until(lambda r: r.said(EventKind.OVERFLOW))
        assert [at for _, _, at in one.history("rtu1.b") if at] == [1]
        assert not liar.confirms
        assert "not confirmed, so they come again" in one.said(EventKind.OVERFLOW)[0]
        liar.say(frames(unsolicited(199 & 15, 1, 200)))
        await one.until(lambda _: liar.confirms)

        assert [at for _, _, at in one.history("rtu1.b") if at] == [1, 200]
        assert liar.confirms == [0xD0 | 199 & 15]


async def test_memory_stays_under_a_flood(liar, started):
    """A hundred thousand unsolicited events that ask for no confirm, and that nobody drains, take less than 10 MB."""
    members = b"".join(struct.pack("<HB", 0, 0x81) + bytes(6) for _ in range(160))
    body = bytes([2, 2, 0x28, 160, 0]) + members
    octets = [frames(response(number, body, control=0xD0, function=0x82)) for number in range(16)]
    async with started(timeout_s=1) as one:
        outstation = one.driver._outstations["rtu1"]
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(640):
            liar.say(octets[number & 15])
        await outstation._session.request(requests.EVENTS, 120.0)
        held = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()

        assert held < 10 * MIB
        assert len(outstation._inbox._waiting) == inbox.MOST_FRAGMENTS_WAITING


async def test_confirmed_user_data_and_its_repetition(liar, started):
    """Each frame is acknowledged; one with the same frame count bit is not taken twice."""
    async with started() as one:
        liar.frames.clear()
        liar.say(build_reset_link_state(1, 10, False).to_bytes())
        for fcb, time_ms in ((True, 1), (True, 1), (False, 2), (True, 3)):
            fragment = unsolicited(time_ms, 1, time_ms)
            liar.say(frames(fragment, code=Code.PRI_CONFIRMED_USER_DATA, fcb=fcb))
            await one.until(lambda _, number=time_ms: len(liar.confirms) == number)
        await one.until(lambda _: len(liar.frames) == 8)
        acknowledged = [f for f in liar.frames if not f.header.control.prm and f.header.control.function_code == 0]

        assert len(acknowledged) == 5
        assert liar.confirms == [0xD1, 0xD2, 0xD3]


async def test_link_status_is_answered(liar, started):
    """A keep-alive of the outstation gets its link status at once."""
    async with started() as one:
        liar.frames.clear()
        liar.say(build_request_link_status(1, 10, False).to_bytes())
        await one.until(lambda _: liar.frames)

        assert [f.header.control.function_code for f in liar.frames] == [Code.SEC_LINK_STATUS]


async def test_a_link_layer_that_does_not_know_link_status(liar, started):
    """It says so, so it lives: no time-out."""
    async with started(keepalive_s=0.01) as one:
        liar.frames.clear()
        liar.status = build_not_supported(1, 10, False).to_bytes()
        await asyncio.sleep(0.02)
        await one.read("drain")

        assert [f.header.control.function_code for f in liar.frames] == [Code.PRI_REQUEST_LINK_STATUS]


async def test_a_restart_during_the_start_up(liar, reader):
    """It is seen and acknowledged, and everything is read once more; one that cannot be cleared ends nothing."""
    asked = []

    def restarting(sequence, function, *_):
        asked.append(function)
        again = function == 20 and asked.count(20) == 1
        yield frames(response(sequence, GOOD if function == 1 else b"", iin=0x0080 if again else 0))

    liar.answer = restarting
    one = reader(liar.port, POINTS, **SHORT)
    await one.driver.connect()
    await one.read()
    await one.read("drain")
    await one.read("drain")
    assert asked == [21, 1, 20, 21, 1, 20]

    asked.clear()
    liar.answer = lambda s, f, _: [asked.append(f) or frames(response(s, GOOD if f == 1 else b"", iin=0x0080))]
    await one.read("events")
    await one.read("drain")
    assert asked == [1, 21, 2, 1, 20]
    assert one.said(EventKind.REFUSED) == ["it does not let its restart indication be cleared"]


async def test_an_event_poll_that_is_refused(liar, started):
    """An outstation without event classes: said once, read all the same."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, iin=0x0200))]
        await one.read("events")
        await one.read("events")

        assert one.said(EventKind.REFUSED) == ["events of classes 1, 2, 3: object unknown (IIN 2.1)"]


async def test_octet_by_octet(liar, started):
    """A slow answer is an answer: the wait is for the next segment, not for the last."""
    async with started() as one:
        liar.answer = lambda s, *_: [bytes([octet]) for octet in frames(response(s, GOOD))]
        await one.read()

        assert one.last("rtu1.a")[0] == 1.5


async def test_half_a_frame_costs_one_poll(liar, started):
    """What stops in the middle is forgotten with its time-out; the next answer is whole."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, GOOD))[:20]]
        with pytest.raises(TimeoutError):
            await one.read()
        liar.answer = liar.honest
        await one.read()

        assert one.last("rtu1.a")[0] == 1.5


async def test_closed_in_mid_frame(liar, started):
    """The link is lost at once, and the reason tells where."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, GOOD))[:20], None]
        with pytest.raises(LinkLost, match="closed by the device in mid-frame, after 20 bytes"):
            await one.read()


async def test_events_that_came_before_the_end_are_handed_out(liar, started):
    """Confirmed events survive the loss of the link in mid-answer: first they, then the loss."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, event(0, 9), control=0xA0)), None]
        await one.read("events")
        assert one.last("rtu1.b") == (0, 0, 9)
        with pytest.raises(LinkLost):
            await one.read("events")


async def test_secure_authentication(liar, started):
    """An outstation that asks for it is not obeyed; it is said."""
    async with started() as one:
        liar.answer = lambda s, *_: [frames(response(s, bytes([120, 1, 0x5B, 1, 0, 0]), function=0x83))]
        with pytest.raises(TimeoutError):
            await one.read("events")
        liar.answer = liar.honest
        await one.read("events")

        assert one.said(EventKind.REFUSED) == ["it asks for secure authentication, which is not supported"]
