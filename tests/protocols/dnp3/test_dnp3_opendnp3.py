"""Against opendnp3, the outstation that most of the field is built on: what it has is what we read."""

import signal
import time
from itertools import pairwise

import pytest

from protocols.driver import LinkLost
from protocols.model import EventKind, Quality

pytestmark = pytest.mark.interop

POINTS = {
    "a": "analog:1", "b": "binary:1", "b7": "binary:7", "d": "double:2", "c": "counter:3", "f": "frozen:3",
    "bo": "binary_output:1", "ao": "analog_output:4",
}  # fmt: skip
T0 = 1_700_000_000_000


async def test_integrity_of_every_kind(opendnp3, reader):
    """Every kind of point is read with its value and good quality, after the restart was acknowledged."""
    async with opendnp3() as peer:
        one = reader(peer.port, POINTS)
        await one.driver.connect()
        await one.persist()

        found = {name: one.last(f"rtu1.{name}") for name in POINTS}
        values = {"a": 1.5, "b": 1, "b7": 1, "d": 2, "c": 3000, "f": 300, "bo": 1, "ao": 2.0}
        assert {name: value for name, (value, _, _) in found.items()} == values
        assert {quality for _, quality, _ in found.values()} == {Quality.GOOD}
        assert one.said(EventKind.RESTART) == ["it has restarted (IIN 1.7)"]
        await one.read()
        assert one.said(EventKind.RESTART) == ["it has restarted (IIN 1.7)"]
        assert not one.said(EventKind.REFUSED)
        assert not one.said(EventKind.VIOLATION)


@pytest.mark.parametrize("what", ["drain", "events"])
@pytest.mark.parametrize("confirms", [False, True], ids=["plain", "link confirms"])
async def test_events_of_every_kind(opendnp3, reader, what, confirms):
    """Events come by themselves and by polls, with flags and the outstation's own time, also relative ones (g2v3)."""
    async with opendnp3(confirms=confirms, unsolicited=what == "drain") as peer:
        one = reader(peer.port, POINTS)
        await one.driver.connect()
        await one.persist()
        one.batches.clear()
        for at, (kind, index, value, flags) in enumerate([
            ("analog", 1, 99.25, 0x21), ("binary", 1, 0, 0x01), ("binary", 7, 0, 0x21), ("double", 2, 1, 0x05),
            ("counter", 3, 77, 0x01), ("frozen", 3, 78, 0x01), ("binary_output", 1, 0, 0x01),
            ("analog_output", 4, -2.5, 0x01),
        ]):  # fmt: skip
            assert await peer.tell(f"set {kind} {index} {value} {flags} {T0 + at}") == "ok"
        await one.until(lambda r: all(r.history(f"rtu1.{name}") for name in POINTS), what)

        over = Quality.OVERFLOW | Quality.QUESTIONABLE
        assert one.history("rtu1.a") == [(99.25, over, T0)]
        assert one.history("rtu1.b") == [(0, 0, T0 + 1)]
        assert one.history("rtu1.b7") == [(0, Quality.OSCILLATORY, T0 + 2)]
        assert one.history("rtu1.d") == [(1, Quality.COMM_LOST | Quality.OLD, T0 + 3)]
        assert one.history("rtu1.c") == [(77, 0, T0 + 4)]
        assert one.history("rtu1.f") == [(78, 0, T0 + 5)]
        assert one.last("rtu1.bo")[0] == 0
        assert one.history("rtu1.ao") == [(-2.5, 0, T0 + 7)]


async def test_ten_thousand_analogs(opendnp3, reader):
    """An integrity poll of 10,000 points is complete and right, and costs less than 6 ms of CPU per 1,000."""
    async with opendnp3(10_000) as peer:
        one = reader(peer.port, {f"a{n}": f"analog:{n}" for n in range(10_000)})
        await one.driver.connect()
        [state] = await one.read()
        assert state.values.tolist() == [n * 1.5 for n in range(10_000)]
        assert not state.quality.any()

        began = time.process_time()
        for _ in range(3):
            await one.read()
        cost_ms = (time.process_time() - began) * 1000 / 30
        assert cost_ms < 6


async def test_ten_thousand_analogs_with_link_confirms(opendnp3, reader):
    """The same where the outstation wants every frame acknowledged."""
    async with opendnp3(10_000, confirms=True) as peer:
        one = reader(peer.port, {f"a{n}": f"analog:{n}" for n in range(10_000)})
        await one.driver.connect()
        await one.persist()

        assert one.batches[-1].values.tolist() == [n * 1.5 for n in range(10_000)]


@pytest.mark.parametrize("word", ["lan", "nonlan"])
async def test_time_synchronisation(opendnp3, reader, word):
    """It asks for the time and gets it, right within 5 ms, once; and only from a clock that is itself synchronised."""
    async with opendnp3() as peer:
        one = reader(peer.port, POINTS, time_sync=word)
        await one.driver.connect()
        await peer.tell("need 1")
        await one.read()
        assert (await peer.tell("time")).split()[2] == "0"
        assert any("not synchronised" in text for text in one.said(EventKind.CLOCK))

        one.synchronised = True
        before = time.time_ns() // 1_000_000
        await one.read()
        after = time.time_ns() // 1_000_000
        _, told, times = (await peer.tell("time")).split()
        assert before - 5 <= int(told) <= after + 5
        assert times == "1"
        assert one.said(EventKind.CLOCK)[-1] == "its clock was set"
        await one.read()
        assert (await peer.tell("time")).split()[2] == "1"


async def test_a_clock_is_not_set_without_permission(opendnp3, reader):
    """With time_sync none nothing is written, and it is said that the outstation asks."""
    async with opendnp3() as peer:
        one = reader(peer.port, POINTS, synchronised=True)
        await one.driver.connect()
        await peer.tell("need 1")
        await one.read()

        assert (await peer.tell("time")).split()[2] == "0"
        assert one.said(EventKind.CLOCK) == ["it asks for the time (IIN 1.4); time_sync is none"]


def order_of(history):
    return [at for _, _, at in history if at]


async def test_a_burst_of_a_thousand_events_is_whole_and_in_order(opendnp3, reader):
    """Every one of 1,000 events in a second arrives once, each point in order, each with its own time."""
    async with opendnp3(events=2000) as peer:
        points = {f"b{n}": f"binary:{n}" for n in range(10)}
        one = reader(peer.port, points)
        await one.driver.connect()
        await one.persist()
        one.batches.clear()
        await peer.tell(f"burst 1000 {T0}")
        await one.until(lambda r: sum(map(len, r.batches)) >= 1000)

        times = sorted(at for name in points for at in order_of(one.history(f"rtu1.{name}")))
        assert times == list(range(T0, T0 + 1000))
        assert all(a < b for name in points for a, b in pairwise(order_of(one.history(f"rtu1.{name}"))))


async def test_frozen_and_resumed(opendnp3, reader):
    """Frozen for 2 s and resumed on the same connection: time-outs while it lasts, then every event it had."""
    async with opendnp3(events=2000) as peer:
        points = {f"b{n}": f"binary:{n}" for n in range(10)}
        one = reader(peer.port, points)
        await one.driver.connect()
        await one.persist()
        one.batches.clear()
        await peer.tell(f"burst 100 {T0}")
        peer.signal(signal.SIGSTOP)
        frozen = time.monotonic()
        timeouts = 0
        while time.monotonic() - frozen < 2:
            try:
                await one.read("events")
            except TimeoutError:
                timeouts += 1
        assert timeouts
        peer.signal(signal.SIGCONT)
        await peer.tell(f"burst 100 {T0 + 1000}")
        await one.until(lambda r: len(_times(r, points)) >= 200)

        assert _times(one, points) == {*range(T0, T0 + 100), *range(T0 + 1000, T0 + 1100)}


async def test_hung_up_and_reconnected(opendnp3, reader):
    """What happens while nobody is connected is read after the reconnect."""
    async with opendnp3(events=2000) as peer:
        points = {f"b{n}": f"binary:{n}" for n in range(10)}
        one = reader(peer.port, points)
        await one.driver.connect()
        await one.persist()
        await one.driver.close()
        await peer.tell(f"burst 500 {T0}")
        await one.driver.connect()
        await one.persist()
        await one.until(lambda r: len(_times(r, points)) >= 500)

        assert _times(one, points) == set(range(T0, T0 + 500))


async def test_killed_and_restarted(opendnp3, reader):
    """Killed: the link is lost at once. Restarted on the same port: read again, and the restart is said."""
    async with opendnp3() as peer:
        one = reader(peer.port, POINTS)
        await one.driver.connect()
        await one.persist()
        peer.stop()
        with pytest.raises(LinkLost):
            await one.read("events")
        with pytest.raises(ConnectionRefusedError):
            await one.driver.connect()
        await peer.start()
        await one.driver.connect()
        await one.persist()

        assert one.last("rtu1.a")[:2] == (1.5, 0)
        assert len(one.said(EventKind.RESTART)) == 2


async def test_a_restart_without_a_disconnect(opendnp3, reader):
    """IIN 1.7 out of the blue: said, cleared, everything is read and unsolicited responses are enabled again."""
    async with opendnp3() as peer:
        one = reader(peer.port, POINTS)
        await one.driver.connect()
        await one.persist()
        await peer.tell("restart")
        await one.until(lambda r: len(r.said(EventKind.RESTART)) == 2, "events")
        one.batches.clear()
        await peer.tell(f"set analog 1 5 1 {T0}")
        await one.until(lambda r: r.history("rtu1.a"))

        assert one.last("rtu1.a") == (5, 0, T0)


async def test_overflow(opendnp3, reader):
    """Its event buffer overflows while nobody is connected: said, and everything is read."""
    async with opendnp3(events=100) as peer:
        one = reader(peer.port, POINTS)
        await one.driver.connect()
        await one.persist()
        await one.driver.close()
        await peer.tell(f"burst 500 {T0}")
        await one.driver.connect()
        await one.persist()
        await one.until(lambda r: r.said(EventKind.OVERFLOW))

        assert any("IIN 2.3" in text for text in one.said(EventKind.OVERFLOW))
        assert one.last("rtu1.b")[0] == 1


async def test_device_trouble_and_points_it_does_not_have(opendnp3, reader):
    """Both are said, once, with their names; the other points are good."""
    async with opendnp3() as peer:
        one = reader(peer.port, {**POINTS, "x": "analog:500"})
        await one.driver.connect()
        await one.persist()
        assert one.said(EventKind.REFUSED) == ["analog:500 (x): the outstation does not have it"]
        assert one.last("rtu1.x")[1] == Quality.INVALID | Quality.BAD_REFERENCE
        assert one.last("rtu1.a")[:2] == (1.5, 0)
        await peer.tell("trouble 1")
        await one.read("events")
        await one.read("events")
        assert one.said(EventKind.FAULT) == ["device trouble (IIN 1.6)"]
        assert len(one.said(EventKind.REFUSED)) == 1


def _times(one, points):
    return {at for name in points for at in order_of(one.history(f"rtu1.{name}"))}
