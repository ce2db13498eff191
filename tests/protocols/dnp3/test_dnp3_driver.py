"""The driver against our own outstation: start-up, events, what is missing, several on a link, TLS, a serial line."""

import asyncio
import os
import ssl
import tty
from contextlib import suppress

import pytest

from protocols.dnp3 import timesync
from protocols.dnp3.requests import MEASURE_DELAY, write_time
from protocols.driver import LinkLost, Outside
from protocols.model import EventKind, Quality
from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Connection, Server

POINTS = {"a": "analog:5", "b": "binary:1", "c": "counter:0"}
T0 = 1_700_000_000_000
MISSING = Quality.INVALID | Quality.BAD_REFERENCE


@pytest.fixture
def outstation(server):
    return server.outstations[10]


async def test_the_start_up(server, outstation, reader):
    """Unsolicited responses off, everything read, unsolicited responses on: in this order, nothing else."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    asked = [fragment[1] for fragment in outstation.received]

    assert asked == [21, 1, 20]
    assert {name: one.last(f"rtu1.{name}") for name in POINTS} == {"a": (5, 0, 0), "b": (1, 0, 0), "c": (4711, 0, 0)}


async def test_without_unsolicited_responses(server, outstation, reader):
    """They are switched off and stay off; events come with the polls."""
    one = reader(server.port, POINTS, unsolicited=False)
    await one.driver.connect()
    await one.read()
    outstation.change("binary", 1, 0, time_ms=T0)
    await one.read("events")

    assert [fragment[1] for fragment in outstation.received if fragment[1]] == [21, 1, 1]
    assert one.last("rtu1.b") == (0, 0, T0)


async def test_every_event_is_a_reading_in_its_order(server, outstation, reader):
    """The sequence of events is whole: several of one point are several batches, none is collapsed."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    for at in range(50):
        outstation.change("binary", 1, at % 2, time_ms=T0 + at)
        outstation.change("analog", 5, float(at), time_ms=T0 + at)
    await one.until(lambda r: len(r.history("rtu1.a")) == 51)

    assert [at for _, _, at in one.history("rtu1.b")[1:]] == list(range(T0, T0 + 50))
    assert [value for value, _, _ in one.history("rtu1.a")[1:]] == list(range(50))
    assert all(len(set(batch.rows.tolist())) == len(batch) for batch in one.batches)
    assert not outstation.events


async def test_events_stay_where_they_are_until_confirmed(server, outstation, reader):
    """A link that is lost before the confirm loses nothing."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    server.conduct.answers = "cut"
    outstation.change("binary", 1, 0, time_ms=T0)
    with pytest.raises(LinkLost):
        await one.until(lambda _: False)
    assert len(outstation.events) == 1
    server.conduct.answers = "well"
    await one.driver.connect()
    await one.read()
    await one.until(lambda _: not outstation.events)

    assert one.history("rtu1.b")[1] == (0, 0, T0)


async def test_scale_and_offset(server, reader):
    """As the configuration says, for static values and events."""
    one = reader(server.port, {"a": {"address": "analog:5", "scale": 0.1, "offset": -2.0}})
    await one.driver.connect()
    await one.read()
    server.outstations[10].change("analog", 5, 100.0)
    await one.read("events")

    assert [value for value, _, _ in one.history("rtu1.a")] == pytest.approx([-1.5, 8.0])


async def test_points_in_no_class_are_asked_by_their_group(server, outstation, reader):
    """Class 0 need not hold every point: what is missing is asked explicitly, and from then on every time."""
    outstation.add("octets", 0, b"SEL-751", in_class_0=False, event_class=0)
    outstation.add("analog_output", 3, 7.5, in_class_0=False, event_class=0)
    one = reader(server.port, {**POINTS, "o": "octets:0", "ao": "analog_output:3"})
    await one.driver.connect()
    for _ in range(2):
        await one.read()

    assert [value for value, _, _ in one.history("rtu1.ao")] == [7.5, 7.5]
    assert one.said(EventKind.IDENTITY) == ["o: 'SEL-751'"]
    assert not one.said(EventKind.REFUSED)
    assert one.last("rtu1.o")[1] == Quality.GOOD


async def test_points_it_does_not_have_and_has_again(server, outstation, reader):
    """Said once with the names and rows, bad readings all the time, and said when they answer again."""
    one = reader(server.port, {**POINTS, **{f"x{n}": f"analog:{n}" for n in range(100, 107)}})
    await one.driver.connect()
    await one.read()
    await one.read()
    [event] = [event for event in one.events if event.kind is EventKind.REFUSED]
    assert event.detail.startswith(
        "analog:100 (x100), analog:101 (x101), analog:102 (x102), analog:103 (x103) and 3 more"
    )
    assert len(event.rows) == 7
    assert [quality for _, quality, _ in one.history("rtu1.x100")] == [MISSING, MISSING]
    assert one.last("rtu1.a")[1] == Quality.GOOD

    outstation.add("analog", 100, 1.0)
    await one.read()
    assert one.said(EventKind.ACCEPTED) == ["analog:100 (x100): answers again"]


async def test_an_event_that_overtakes_the_integrity_poll_is_newer(server, outstation, reader):
    """The state at the end of a poll is never older than an event before it."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    inbox = one.driver._outstations["rtu1"]._inbox
    ended = inbox.end_integrity

    def late(arrival_ns):
        from protocols.dnp3.decode import decode

        event = bytes.fromhex("f0820000 02022801000100 01") + T0.to_bytes(6, "little")
        inbox.take(decode(event).readings, arrival_ns)
        return ended(arrival_ns)

    inbox.end_integrity = late
    await one.read()

    assert [value for value, _, _ in one.history("rtu1.b")][-2:] == [0.0, 0.0]


async def test_overflow_asks_for_everything(server, outstation, reader):
    """IIN 2.3: said, and an integrity poll follows by itself."""
    one = reader(server.port, POINTS, unsolicited=False)
    await one.driver.connect()
    await one.read()
    outstation.most_events = 3
    for at in range(10):
        outstation.change("analog", 5, float(at), time_ms=T0 + at)
    one.batches.clear()
    await one.read("events")
    await one.until(lambda r: r.said(EventKind.OVERFLOW))

    assert len(one.said(EventKind.OVERFLOW)) == 1
    assert [value for value, _, _ in one.history("rtu1.a")] == [7, 8, 9, 9]


async def test_a_clock_that_is_ahead(server, outstation, reader):
    """An event from the future says that the device's clock is wrong, if ours is right; its time stays its own."""
    one = reader(server.port, POINTS, synchronised=True)
    await one.driver.connect()
    await one.read()
    ahead = outstation.clock_ms() + 60_000
    outstation.change("binary", 1, 0, time_ms=ahead)
    await one.read("events")
    assert one.last("rtu1.b") == (0, 0, ahead)
    [said] = one.said(EventKind.CLOCK)
    assert said.startswith(("device clock is 60.0 s ahead", "device clock is 59.9 s ahead"))


async def test_a_clock_that_nobody_set(server, outstation, reader):
    """IIN 1.4: the times of events are untrusted."""
    outstation.need_time = True
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    outstation.change("binary", 1, 0, time_ms=T0)
    await one.read("events")

    assert one.last("rtu1.b") == (0, Quality.TIME_UNTRUSTED, T0)


@pytest.mark.parametrize("word", ["lan", "nonlan"])
async def test_the_clock_is_set(server, outstation, reader, word):
    """By both procedures, with our time."""
    outstation.need_time = True
    one = reader(server.port, POINTS, synchronised=True, time_sync=word)
    await one.driver.connect()
    before = outstation.clock_ms()
    await one.read()

    assert before <= outstation.set_to_ms <= outstation.clock_ms() + 1
    assert not outstation.need_time


async def test_an_answer_that_is_looked_at_late_is_no_long_way(monkeypatch):
    """The delay is measured where the answer arrives: events that wait for the disk may come between."""
    now_s = 1_000.0
    monkeypatch.setattr(timesync, "_now_s", lambda: now_s)
    outside = Outside(clock=lambda: int(now_s * 1e9), synchronised=lambda: True)
    asking = timesync.TimeSync("nonlan", outside).run(lambda: timesync.Delay(20, 1_000_100_000_000))
    assert next(asking) == MEASURE_DELAY
    now_s += 5

    assert asking.send(0) == write_time(1, 1_005_000 + 40)


async def test_a_function_that_it_does_not_support(server, outstation, reader):
    """No unsolicited responses there: said once, polled all the same."""
    outstation.unsolicited = False
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    outstation.change("binary", 1, 0)
    await one.read("events")

    assert one.said(EventKind.REFUSED) == ["enable unsolicited responses: function not supported (IIN 2.0)"]
    assert one.last("rtu1.b")[0] == 0


async def test_keep_alive(server, reader):
    """After a silence the link status is asked; a link that no longer answers is a time-out."""
    one = reader(server.port, POINTS, keepalive_s=0.05, events_every_s=3600)
    await one.driver.connect()
    await one.read()
    await asyncio.sleep(0.06)
    await one.read("drain")
    server.conduct.answers = "silent"
    await asyncio.sleep(0.06)
    with pytest.raises(TimeoutError, match="link status"):
        await one.read("drain", timeout_s=0.1)


async def test_a_silent_outstation_is_not_alive_because_it_is_drained(server, outstation, reader):
    """After a time-out a drain asks a real question; when it is answered, the broken integrity poll is made up."""
    one = reader(server.port, POINTS)
    await one.driver.connect()
    await one.read()
    server.conduct.answers = "silent"
    for what in ("integrity", "drain", "drain"):
        with pytest.raises(TimeoutError):
            await one.read(what, timeout_s=0.1)
    server.conduct.answers = "well"
    one.batches.clear()
    await one.read("drain")

    assert one.last("rtu1.a") == (5, 0, 0)


async def test_two_outstations_on_one_link(reader, readers, make_device):
    """Each gets its own answers; one that is silent costs its own time-out only."""
    left, right = (Outstation(lambda: T0, restarted=False) for _ in range(2))
    left.add("analog", 0, 1.0)
    right.add("analog", 0, 2.0)
    server = Server({10: left, 11: right})
    await server.start()
    devices = [make_device(server.port, {"a": "analog:0"}, name=f"rtu{n}", outstation=9 + n) for n in (1, 2, 3)]
    one = readers(*devices)
    await one.driver.connect()
    await one.read(device="rtu1")
    with pytest.raises(TimeoutError, match="outstation 12"):
        await one.read(device="rtu3", timeout_s=0.1)
    await one.read(device="rtu2")
    right.change("analog", 0, 3.0, time_ms=T0)
    async with asyncio.timeout(30):
        while len(one.history("rtu2.a")) < 2:
            await one.read("drain", "rtu2")
            await one.read("drain", "rtu1")
            await asyncio.sleep(0.01)
    await one.driver.close()
    await server.stop()

    assert one.history("rtu1.a") == [(1, 0, 0)]
    assert one.history("rtu2.a") == [(2, 0, 0), (3, 0, T0)]


async def test_tls(certificates, outstation, reader):
    """With a certificate on both sides; a stranger is no outstation."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Server({10: outstation})
    await server.start(tls=context)
    keys = {"cert_file": certificates.client, "key_file": certificates.client_key}
    url = f"tls://localhost:{server.port}"
    good = reader(server.port, POINTS, url=url, ca_file=certificates.ca, **keys)
    await good.driver.connect()
    await good.read()
    assert good.last("rtu1.a") == (5, 0, 0)
    stranger = reader(server.port, POINTS, url=url, ca_file=certificates.other_ca, **keys)
    with pytest.raises(ssl.SSLError):
        await stranger.driver.connect()
    await server.stop()


async def test_a_serial_line(server, reader):
    """Over a terminal's two ends, with noise of the line in between: read all the same."""
    ours, theirs = os.openpty()
    for end in (ours, theirs):
        tty.setraw(end)
        os.set_blocking(end, False)
    loop = asyncio.get_running_loop()
    line = Connection(server)
    far = _Wire(ours)
    loop.add_reader(ours, lambda: line.data_received(os.read(ours, 4096)))
    line.connection_made(far)
    one = reader(0, POINTS, url=f"serial://{os.ttyname(theirs)}?baud=9600")
    await one.driver.connect()
    os.write(ours, os.urandom(600).replace(b"\x05", b"\x06"))
    await one.read()
    await one.driver.close()
    line.connection_lost(None)
    loop.remove_reader(ours)
    for end in (ours, theirs):
        with suppress(OSError):
            os.close(end)

    assert one.last("rtu1.a") == (5, 0, 0)


class _Wire(asyncio.Transport):
    """The far end of a line as a transport."""

    def __init__(self, end):
        super().__init__()
        self._end = end

    def write(self, data):
        os.write(self._end, data)

    def is_closing(self):
        return False
