"""The tap as a driver: what it hands on, what it says of itself, and that others have their turn meanwhile."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest
from captured import pcap, polls

from protocols.driver import LinkLost, Outside
from protocols.model import Batch, Event, EventKind
from protocols.points import Points
from protocols.sighting import Sighting
from protocols.tap import driver as module
from protocols.tap.capture import packets
from protocols.tap.config import TapDevice
from protocols.tap.driver import BREATH, MOST_AT_ONCE, TapDriver

SECOND = 1_000_000_000
BEGIN = 1_800_000_000 * SECOND
FOLDER = Path(packets.__file__).parent


class Clock:
    def __init__(self):
        self.now_ns = BEGIN

    def __call__(self):
        return self.now_ns


class Given:
    """A source of frames that the test hands in."""

    def __init__(self, *_args, **_kwargs):
        self.received = self.dropped = 0
        self.waiting = []
        self.closed = False

    def frames(self):
        taken, self.waiting = self.waiting, []
        for frame in taken:
            yield memoryview(frame), BEGIN, 0, len(frame)

    def close(self):
        self.closed = True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def made(clock):
    """Return how a driver is made of a device."""

    def made(**keys):
        keys = {"name": "tap1", "protocol": "tap", "interface": "eth1", **keys}
        device = TapDevice(**keys)
        outside = Outside(clock=clock, broker=("127.0.0.1", 1883))
        found = device.driver([device], Points.of([(device, device.points)]), outside)
        assert isinstance(found, TapDriver)
        return found

    return made


@pytest.fixture
def given(monkeypatch):
    """Put a source that the test hands in where the ring would be."""
    source = Given()
    monkeypatch.setattr(module, "Ring", lambda *_args, **_kwargs: source)
    return source


async def read(driver):
    return await driver.read(driver.scans[0])


def counted(seen):
    (batch,) = [each for each in seen if isinstance(each, Batch)]
    return dict(zip(("frames", "bytes", "dropped", "malformed"), batch.values.tolist(), strict=False))


async def test_what_is_seen_is_handed_on_and_counted(made, given, clock):
    """Sightings at once; the counters each second, as readings of its points."""
    driver = made()
    await driver.connect()
    given.waiting = list(polls("10.0.0.5", "10.0.0.11", 3))
    first = await read(driver)
    clock.now_ns += SECOND // 2
    second = await read(driver)
    clock.now_ns += SECOND // 2
    third = await read(driver)

    assert {each.kind for each in first if isinstance(each, Sighting)} >= {EventKind.TALKER, EventKind.PAIR}
    assert counted(first)["frames"] == counted(third)["frames"] == 8
    assert [each for each in second if isinstance(each, Batch)] == []
    assert len(driver.memory.between(0, 1 << 62, ["10.0.0.5"])) == 8


async def silences(driver, clock, given=None):
    """Let a minute pass with frames, where somebody gives them, and ten seconds without; return what is told of it."""
    seen = []
    for second in range(72):
        if given is not None and second < 62:
            given.waiting = list(polls("10.0.0.5", "10.0.0.11", 1))
        seen += await read(driver)
        clock.now_ns += SECOND
    return [each for each in seen if isinstance(each, Sighting) and each.kind is EventKind.DROPS]


async def test_a_wire_that_falls_silent_is_told(made, given, clock):
    """Its switch restarts, or the mirror was taken away."""
    driver = made()
    await driver.connect()
    told = await silences(driver, clock, given)

    assert [each.facts["silent_s"] for each in told] == [4, 5, 6, 7, 8, 9, 10]


async def test_the_end_of_a_capture_is_no_silence(made, clock, tmp_path):
    """Nothing comes after it."""
    frame, *_ = polls("10.0.0.5", "10.0.0.11", 1)
    file = pcap(tmp_path / "minute.pcap", [(BEGIN + second * SECOND, frame) for second in range(62)])
    driver = made(interface=None, file=file)
    await driver.connect()

    assert await silences(driver, clock) == []
    assert driver.watch.frames == 62
    await driver.close()


async def test_frames_get_the_time_of_our_clock(made, given, monkeypatch, clock):
    """They are stamped by the wall clock, which may be another one than ours."""
    monkeypatch.setattr(module.time, "time_ns", lambda: BEGIN + 5 * SECOND)
    driver = made()
    await driver.connect()
    given.waiting = list(polls("10.0.0.5", "10.0.0.11", 1))
    await read(driver)

    assert driver.memory.between(0, 1 << 62)[0][0] == BEGIN - 5 * SECOND


async def test_drops_are_said_once_with_their_number(made, given, clock):
    """Since the last time, and of how many; a new connection does not begin at zero."""
    driver = made()
    await driver.connect()
    await read(driver)
    said = []
    for dropped, connect in ((0, False), (7, False), (7, False), (3, True)):
        if connect:
            await driver.connect()
        given.dropped = dropped
        clock.now_ns += SECOND
        seen = await read(driver)
        said.append([each.count for each in seen if each.__class__ is Sighting and each.kind is EventKind.DROPS])

    assert said == [[], [7], [], [3]]
    assert counted(seen)["dropped"] == 10


async def test_others_have_their_turn(made, given):
    """While ten thousand frames are looked at, the loop goes round again and again; more wait for the next read."""
    driver = made()
    await driver.connect()
    given.waiting = list(polls("10.0.0.5", "10.0.0.11", 5000))
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await read(driver)
    task.cancel()

    assert turns >= 10_000 // BREATH


async def test_a_flood_does_not_hold_what_was_seen(made, given, monkeypatch):
    """A read ends although frames go on waiting."""
    driver = made()
    await driver.connect()
    frame = next(polls("10.0.0.5", "10.0.0.11", 1))
    given.frames = lambda: iter([(memoryview(frame), BEGIN, 0, 60)] * 256)

    assert counted(await read(driver))["frames"] == MOST_AT_ONCE


async def test_without_a_ring_it_receives_one_by_one_and_says_so_once(made, monkeypatch):
    """The kernel may have no ring or no memory for it; after a reconnect that is no news."""

    def no_ring(*_args, **_kwargs):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(module, "Ring", no_ring)
    monkeypatch.setattr(module, "Plain", Given)
    driver = made()

    assert [event.detail for event in await driver.connect()] == [
        "the kernel gives no ring (Cannot allocate memory): frames are received one by one"
    ]
    assert await driver.connect() == []


@pytest.mark.parametrize("number", [1, 13, 97])
async def test_a_missing_capability_is_one_clear_error(made, monkeypatch, number):
    """EPERM and EACCES of the kernel, EAFNOSUPPORT of systemd: each says what to do."""

    def refused(*_args):
        raise OSError(number, "refused")

    monkeypatch.setattr(packets.socket, "socket", refused)

    with pytest.raises(LinkLost, match=r"needs CAP_NET_RAW; the drop-in systemd/drop-ins/tap\.conf gives it"):
        await made().connect()


async def test_an_interface_that_is_not_there_is_one_clear_error(made):
    """With its name."""
    with pytest.raises(LinkLost, match=r"interface nowhere0: No such device|CAP_NET_RAW"):
        await made(interface="nowhere0").connect()


async def test_a_capture_is_played_as_fast_as_it_was_taken(made, clock, tmp_path):
    """Its first frame is now; its end is said once, with what was left out."""
    frames = [(5 * SECOND + n * SECOND // 4, frame) for n, frame in enumerate(polls("10.0.0.5", "10.0.0.11", 3))]
    path = pcap(tmp_path / "a.pcap", frames)
    path.write_bytes(path.read_bytes()[:-1])
    driver = made(interface=None, file=path)
    await driver.connect()
    heard, said = [], []
    for _ in range(4):
        seen = await read(driver)
        heard.append(driver.watch.frames)
        said += [each.detail for each in seen if isinstance(each, Event) and each.__class__ is not Sighting]
        clock.now_ns += SECOND

    assert heard == [1, 5, 7, 7]
    assert said == [
        "the capture is at its end broken after frame 7: the file ends within a frame; the rest is left out"
    ]
    await driver.close()
    await driver.close()


async def test_what_is_no_capture_is_one_clear_error(made, tmp_path):
    """So is a file that is not there."""
    (tmp_path / "a.csv").write_text("time,value\n")
    for name, word in (("a.csv", "neither pcap nor pcapng"), ("b.pcap", "No such file")):
        with pytest.raises(LinkLost, match=word):
            await made(interface=None, file=tmp_path / name).connect()


async def test_a_dissector_that_fails_is_said_once(made, given, clock, monkeypatch):
    """The frame is left, the tap goes on."""
    driver = made()
    await driver.connect()
    driver.watch.fault = ZeroDivisionError("x")
    said = []
    for _ in range(2):
        said += [each.detail for each in await read(driver) if isinstance(each, Event)]
        clock.now_ns += SECOND

    assert said == ["a dissector failed: ZeroDivisionError('x')"]


def test_nothing_in_the_tap_can_send():
    """No call that sends, and no way to a packet socket but the one that hears."""
    sources = {path.name: path.read_text() for path in FOLDER.glob("*.py")}
    sends = {name for name, text in sources.items() if re.search(r"\.(send\w*|write|writelines)\(", text)}
    sockets = {name for name, text in sources.items() if re.search(r"socket\.socket\(|AF_PACKET", text)}

    assert sends == set()
    assert sockets == {"packets.py"}


def test_points_are_those_that_it_counts():
    """Without a list all counters; what a point scales is scaled."""
    device = TapDevice(name="tap1", protocol="tap", interface="eth1")

    assert [point.name for point in device.points][:3] == ["frames", "bytes", "dropped"]
    assert [point.address for point in device.points] == [f"counter:{point.name}" for point in device.points]


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ({"interface": None}, "either interface or file"),
        ({"file": Path("x.pcap")}, "either interface or file"),
        ({"interface": None, "file": Path("x.pcap"), "promiscuous": "on"}, "needs an interface"),
    ],
)
def test_faults_between_keys(keys, word):
    """One place to listen at, and what fits it."""
    device = replace(TapDevice(name="tap1", protocol="tap", interface="eth1"), **keys)

    assert [word in text for _, text in device.faults()] == [True]


async def test_what_a_tap_hears_can_be_asked(made, given, clock):
    """How many frames since the start and in the last second, by which way, and what was lost."""
    driver = made()
    assert driver.counters["source"] == "none"
    await driver.connect()
    await read(driver)
    given.waiting = list(polls("10.0.0.5", "10.0.0.11", 4))
    heard = len(given.waiting)
    clock.now_ns += SECOND
    given.dropped = 3
    await read(driver)
    told = driver.counters

    assert (told["frames"], told["per_s"], told["dropped"], told["faults"]) == (heard, heard, 3, 0)
    clock.now_ns += SECOND
    await read(driver)
    assert (driver.counters["frames"], driver.counters["per_s"]) == (heard, 0)
