"""GOOSE as the tap sees it: what is odd about a publisher is told, what is as it should be costs nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.model import EventKind
from protocols.tap.goose.publishers import Goose
from protocols.tap.goose.table import PUBLISHERS_MAX
from protocols.tap.sightings import NS, Sightings
from simulator.attacks.gooseframe import GooseFrame

BEGIN_NS = 1_700_000_000 * NS
ATTACKER = bytes.fromhex("02000000ff66")

GE_F650 = bytes.fromhex(
    "0001009100000000618186801a4745446576696365463635302f4c4c4e3024474f2467636230318103009c40821847454465"
    "76696365463635302f4c4c4e3024474f4f534531830b463635305f474f4f5345318408386ebbf34217280a85010186010a87"
    "01008801018901008a0108ab208301008403030000830100840303000083010084030300008301008403030000"
)
"""First frame of GOOSE.pcap, haolipeng/icsnpp-iec61850-goose (BSD-3): a GE F650 relay; after the EtherType."""


class Wire:
    """A tap with one publisher: `sends` lets time pass and shows a frame, `told` is what was said, by function."""

    def __init__(self) -> None:
        self.notes = Sightings("tap1")
        self.read: list[str] = []
        self.goose = Goose(self.notes, trace=lambda _protocol, function, _client: self.read.append(function))
        self.now_ns = BEGIN_NS
        self.frame = GooseFrame(t_ns=BEGIN_NS)

    def sends(self, *frames: GooseFrame, after_s: float = 1.0) -> None:
        for frame in frames:
            self.now_ns += int(after_s * NS)
            self.shows(frame.payload(), source=frame.source, target=frame.target)

    def shows(self, payload: bytes, source: bytes = b"\x02\0\0\0\0\1", target: bytes = b"\1\x0c\xcd\1\0\1") -> None:
        self.goose.frame(source=source, target=target, payload=memoryview(payload), time_ns=self.now_ns)

    def beats(self, count: int = 3) -> None:
        """Repeat the state as a publisher does, `count` times."""
        for _ in range(count):
            self.sends(self.frame)
            self.frame = replace(self.frame, sq=self.frame.sq + 1)

    def changes(self, *values: bool) -> None:
        """Go to a new state, as the standard wants it."""
        self.frame = replace(self.frame, st=self.frame.st + 1, sq=0, t_ns=self.now_ns, values=values)

    def sightings(self):
        return self.notes.take(self.now_ns)

    def told(self) -> list[str]:
        return [event.function or event.facts["why"] for event in self.sightings()]


@pytest.fixture
def wire() -> Wire:
    """A publisher that has been heard for a while."""
    wire = Wire()
    wire.beats()
    assert wire.told() == ["new"]
    return wire


def test_a_real_relay_is_read():
    """The names, numbers and values of a GE F650 are those that tshark shows."""
    wire = Wire()
    wire.shows(GE_F650)
    [new] = wire.sightings()

    assert wire.read == ["1/10"]
    assert new.facts["ref"] == "GEDeviceF650/LLN0$GO$gcb01"
    assert (new.facts["dataset"], new.facts["go_id"], new.facts["live_ms"]) == (
        "GEDeviceF650/LLN0$GOOSE1",
        "F650_GOOSE1",
        40000,
    )
    assert (new.source, new.target, new.protocol) == ("02:00:00:00:00:01", "01:0c:cd:01:00:01", "goose")


def test_a_publisher_that_repeats_itself_is_told_once(wire):
    """Repetitions, and a new state as the standard wants it, are nothing odd."""
    wire.beats(300)
    wire.changes(True, False)
    wire.beats(3)

    [state] = wire.sightings()
    assert state.function == "state"
    assert state.facts["changed"] == ((0, False, True), (1, "00", False))[: len(state.facts["changed"])]
    assert len(wire.read) == 306


def test_counters_that_are_full_begin_with_one(wire):
    """After the largest number of 32 bits comes 1, of both counters."""
    for state in (2**32 - 1, 1):
        wire.frame = replace(wire.frame, st=state, sq=0, t_ns=wire.now_ns, values=(state != 1, "00"))
        wire.beats(2)
    assert wire.told() == ["st_jump", "state"]

    wire.frame = replace(wire.frame, sq=2**32 - 1)
    wire.beats(1)
    wire.frame = replace(wire.frame, sq=1)
    wire.beats(2)
    assert wire.told() == ["sq_jump"]


@pytest.mark.parametrize(
    ("functions", "change"),
    [
        (["st_back"], {"st": 0, "sq": 0, "t_ns": 5, "values": (True, "00")}),
        (["st_jump"], {"st": 7, "sq": 0, "t_ns": 5, "values": (True, "00")}),
        (["sq_back"], {"sq": 1}),
        (["sq_double"], {"sq": 2}),
        (["sq_jump"], {"sq": 9}),
        (["data_without_st"], {"values": (True, "00")}),
        (["t_without_st"], {"t_ns": BEGIN_NS + 5 * NS}),
        (["st_without_data", "state"], {"st": 2, "sq": 0, "t_ns": 5}),
        (["t_reused", "state"], {"st": 2, "sq": 0, "values": (True, "00")}),
        (["sq_jump", "state"], {"st": 2, "sq": 4, "t_ns": 5, "values": (True, "00")}),
        (["app_id"], {"app_id": 2}),
        (["conf_rev"], {"conf_rev": 2}),
        (["dataset"], {"dataset": "IED1LD0/LLN0$DS2"}),
        (["go_id"], {"go_id": "gcb9"}),
        (["destination"], {"target": bytes.fromhex("010ccd010009")}),
        (["simulation"], {"simulated": True}),
        (["test"], {"test": True}),
        (["nds_com"], {"nds_com": True}),
    ],
)
def test_what_is_odd_is_told_once(wire, functions, change):
    """Each oddity has its own word, and no other is said of it."""
    wire.sends(replace(wire.frame, **change))

    assert sorted(wire.told()) == sorted(functions)


def test_who_speaks_along_lets_the_numbers_go_back_and_forth(wire):
    """Frames between those of the publisher, from its own address, show in the numbers, each time."""
    for _ in range(3):
        wire.sends(replace(wire.frame, st=5, sq=0, t_ns=wire.now_ns, values=(True, "00")), after_s=0.1)
        wire.beats(1)
    told = wire.sightings()

    assert {event.function for event in told} == {"st_jump", "st_back"}
    assert sum(event.count for event in told) == 6


def test_another_source_of_a_control_block_is_told_with_each_frame(wire):
    """Who publishes in the name of another that still speaks is told, and how often; the other one is not."""
    for count in range(4):
        wire.sends(replace(wire.frame, source=ATTACKER, st=9, sq=count), after_s=0.1)
        wire.beats(1)
    strange = [event for event in wire.sightings() if event.function == "new_source"]

    assert sum(event.count for event in strange) == 4
    assert {event.source for event in strange} == {"02:00:00:00:ff:66"}
    assert all(event.facts["alive"] for event in strange)


def test_a_relay_that_was_replaced_is_told_once(wire):
    """When the known source is silent for long, the other one takes its place after one word."""
    wire.now_ns += 60 * NS
    wire.sends(*(replace(wire.frame, source=ATTACKER, sq=count) for count in range(5)))
    told = wire.sightings()

    assert [event.function for event in told] == ["expired", "new", "new_source"]
    assert not told[-1].facts["alive"]
    assert told[-1].count == 1


def test_silence_is_noticed_at_twice_the_time_allowed_to_live(wire):
    """Twice 2 s after its last frame, not earlier, a publisher is told to be silent, once, until it speaks again."""
    silent_ns = wire.now_ns + 4 * NS
    wire.goose.tick(silent_ns)
    assert wire.told() == []

    for tick in range(1, 4):
        wire.goose.tick(silent_ns + tick)
    assert wire.told() == ["expired"]

    wire.beats(2)
    wire.goose.tick(wire.now_ns + 5 * NS)
    wire.now_ns += 5 * NS
    assert wire.told() == ["expired"]


def test_a_flag_is_told_when_it_is_set_and_when_it_is_cleared(wire):
    """And again, as it is, of a publisher that speaks again."""
    wire.frame = replace(wire.frame, test=True)
    wire.beats(2)
    said = wire.sightings()
    wire.goose.tick(wire.now_ns + 5 * NS)
    wire.now_ns += 5 * NS
    wire.beats(2)
    wire.now_ns += NS
    said += wire.sightings()
    wire.frame = replace(wire.frame, test=False)
    wire.beats(2)
    wire.now_ns += NS

    said = [(each.function, each.facts.get("value")) for each in said + wire.sightings()]
    assert said == [("test", True), ("expired", None), ("test", True), ("test", False)]


def test_publishers_that_speak_outlive_a_flood_of_strangers(wire):
    """Strangers in any number take bounded room, and do not push out who still speaks."""
    for stranger in range(3 * PUBLISHERS_MAX):
        wire.sends(GooseFrame(source=stranger.to_bytes(6, "big"), ref=f"X{stranger}/LLN0$GO$g"), after_s=0.001)
        if stranger % 50 == 0:
            wire.sends(wire.frame, after_s=0)
            wire.frame = replace(wire.frame, sq=wire.frame.sq + 1)
    table = wire.goose._table

    assert len(table) == PUBLISHERS_MAX
    assert len(table.last) <= PUBLISHERS_MAX
    assert len(table.owners) <= PUBLISHERS_MAX
    assert table.forgotten == 2 * PUBLISHERS_MAX + 1
    assert wire.frame.ref not in {event.facts.get("ref") for event in wire.sightings()}


@pytest.mark.parametrize(
    ("why", "broken"),
    [
        ("frame cut off", GE_F650[:8]),
        ("length of the frame", GE_F650[:100]),
        ("gocbRef is missing", GE_F650.replace(b"\x80\x1aGED", b"\x8c\x1aGED")),
        ("element longer than what holds it", GE_F650.replace(b"\x83\x0bF65", b"\x83\x7fF65")),
        ("an element twice", GE_F650.replace(b"\x87\x01\x00", b"\x88\x01\x00")),
        ("numDatSetEntries is not what there is", GE_F650.replace(b"\x8a\x01\x08", b"\x8a\x01\x09")),
        ("element that is not defined", GE_F650.replace(b"\x87\x01\x00", b"\x8d\x01\x00")),
        ("datSet is missing", GE_F650.replace(b"\x82\x18GED", b"\x8c\x18GED")),
    ],
)
def test_what_is_broken_is_told_and_the_next_frame_is_read(why, broken):
    """A frame that cannot be is told with its reason; the next one is read as if nothing was."""
    wire = Wire()
    wire.shows(broken)
    [malformed] = [event for event in wire.sightings() if event.kind is EventKind.MALFORMED]
    wire.shows(GE_F650)

    assert malformed.facts["why"] == why
    assert wire.read[-1] == "1/10"


@given(st.binary(max_size=300), st.integers(0, 60), st.integers(0, 300))
def test_no_bytes_raise(noise, at, size):
    """Whatever stands in a frame, and wherever it begins to be noise, nothing is raised."""
    wire = Wire()
    wire.shows(GE_F650)
    wire.shows(noise)
    wire.shows((GE_F650[:at] + noise)[:size])
    wire.shows(GE_F650)

    assert wire.read[-1] == "1/10"


FRAMES = st.builds(
    GooseFrame,
    app_id=st.integers(1, 2),
    t_ns=st.integers(0, 2).map(lambda n: BEGIN_NS + n * NS),
    st=st.sampled_from((1, 2, 3, 127, 128, 2**32 - 1)),
    sq=st.sampled_from((0, 1, 2, 255, 256, 2**32 - 1)),
    test=st.booleans(),
    values=st.lists(st.booleans(), min_size=1, max_size=3),
)


@given(st.lists(FRAMES, max_size=12))
def test_the_short_way_says_what_the_long_way_says(frames):
    """Frames that differ in t, stNum and sqNum only are read the short way, with the same result."""
    short, long = Wire(), Wire()
    for frame in frames:
        short.sends(frame)
        long.goose._last.clear()
        long.sends(frame)

    assert [repr(event) for event in short.sightings()] == [repr(event) for event in long.sightings()]
    assert short.read == long.read
