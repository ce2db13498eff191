"""IEC 60870-5-104 as the tap hears it: who commands what, which numbers jump, which confirmations nobody waits for."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.model import EventKind
from protocols.tap.iec104.apci import LARGEST_FRAME
from protocols.tap.iec104.asdu import KINDS, wrong
from protocols.tap.iec104.conversation import COMMANDS_KNOWN, QUERIES_KNOWN, Iec104Conversation
from simulator.attacks import iec104frame as sent
from tests.protocols.tap.listening import MASTER, OUTSTATION, Tap

COMMAND, QUERY, EXCEPTION, ORPHAN = EventKind.COMMAND, EventKind.QUERY, EventKind.EXCEPTION, EventKind.ORPHAN
MALFORMED, SWEEP = EventKind.MALFORMED, EventKind.SWEEP
SPONTANEOUS = sent.asdu(1, (100, b"\x01"), cause=sent.SPONTANEOUS)
START = sent.unnumbered(sent.STARTDT)


class Line(Tap):
    """A tap between a controlling and a controlled station; both count their I frames as they must."""

    def __init__(self) -> None:
        super().__init__(Iec104Conversation, 2404)
        self.numbers = {True: 0, False: 0}

    def numbered(self, asdu: bytes, *, from_client: bool, ahead: int = 0, received: int = 0) -> None:
        number = self.numbers[from_client] + ahead
        self.numbers[from_client] = number + 1
        frame = sent.numbered(asdu, sent=number, received=self.numbers[not from_client] + received)
        (self.asks if from_client else self.answers)(frame)

    def commands(self, kind: int, *objects: tuple[int, bytes], **keys: int) -> None:
        self.numbered(sent.asdu(kind, *objects, **keys), from_client=True)

    def confirms(self, kind: int, *objects: tuple[int, bytes], cause: int = sent.CONFIRM, station: int = 1) -> None:
        self.numbered(sent.asdu(kind, *objects, cause=cause, station=station), from_client=False)


@pytest.fixture
def line() -> Line:
    return Line()


ACTIONS = {
    **dict.fromkeys((45, 46, 47, 58, 59, 60), "control"),
    **dict.fromkeys((48, 49, 50, 51, 61, 62, 63, 64), "write"),
    **dict.fromkeys((100, 101, 102), "read"),
    103: "time",
    104: "session",
    105: "critical",
    106: "session",
    107: "session",
    **dict.fromkeys((110, 111, 112, 113), "config"),
    **dict.fromkeys(range(120, 128), "file"),
}


@pytest.mark.parametrize("kind", sorted(ACTIONS))
def test_each_type_is_told_with_its_action(line: Line, kind: int):
    """Every type that a controlling station sends is told, with who, whom, where and what it does."""
    line.commands(kind, (4711, bytes(max(KINDS[kind].octets, 5) if KINDS[kind].octets < 0 else KINDS[kind].octets)))
    (said,) = line.says()

    assert said.kind is (QUERY if ACTIONS[kind] == "read" else COMMAND)
    assert (said.source, said.target, said.port, said.protocol) == (MASTER, OUTSTATION, 2404, "iec104")
    assert said.function == str(kind)
    assert said.facts["action"] == ACTIONS[kind]
    assert (said.facts["items"], said.facts["station"]) == ((4711, 4711), 1)


GOLDEN = {
    "680e02000a002e0106010d91983a0082": ("select", "C_DC_NA_1", (15000, 15000), ("on",)),
    "680e060010002d0106010d911a270001": ("control", "C_SC_NA_1", (10010, 10010), ("on",)),
    "68140c001600670106040d91000000c83239081d0808": ("time", "C_CS_NA_1", (0, 0), None),
}
"""TestDissectIec104.pcap, ITI/ICS-Security-Tools (CC-BY-4.0)."""


@pytest.mark.parametrize(("octets", "expected"), GOLDEN.items(), ids=[found[1] for found in GOLDEN.values()])
def test_real_commands(line: Line, octets: str, expected: tuple[object, ...]):
    """Commands of a real master are read as they are meant."""
    line.connects(sure=False)
    line.asks(bytes.fromhex(octets))
    (said,) = line.says()
    facts = said.facts

    assert (facts["action"], facts["what"], facts["items"], facts.get("values")) == expected


VALUES = {
    (45, b"\x00"): ("control", "off"),
    (45, b"\x81"): ("select", "on"),
    (46, b"\x01"): ("control", "off"),
    (47, b"\x02"): ("control", "higher"),
    (48, struct.pack("<hB", -16384, 0)): ("write", -0.5),
    (49, struct.pack("<hB", 321, 0x80)): ("select", 321.0),
    (50, struct.pack("<fB", 12.5, 0)): ("write", 12.5),
    (51, struct.pack("<I", 0xF0)): ("write", 240.0),
    (101, b"\x45"): ("freeze", 69.0),
}


@pytest.mark.parametrize(("command", "expected"), VALUES.items())
def test_values_and_select(line: Line, command: tuple[int, bytes], expected: tuple[str, object]):
    """Values are told; a command that only selects is no control, an interrogation that freezes is no read."""
    line.commands(command[0], (1, command[1]))
    (said,) = line.says()

    assert (said.facts["action"], said.facts["values"][0]) == expected


def test_several_objects(line: Line):
    """First and last address are told, of single addresses and of a sequence."""
    line.commands(50, *((address, struct.pack("<fB", address, 0)) for address in (30, 10, 20)))
    line.numbered(bytes((113, 0x83, 6, 0, 1, 0)) + (7).to_bytes(3, "little") + b"\x01\x01\x01", from_client=True)

    assert [said.facts["items"] for said in line.says()] == [(10, 30), (7, 9)]


def test_daily_work_says_nothing(line: Line):
    """Measured values, keep-alives, acknowledgements and the interrogation that is repeated cost nothing."""
    line.asks(START)
    line.answers(sent.unnumbered(sent.STARTED))
    line.commands(100, (0, b"\x14"))
    assert line.told() == [(COMMAND, "STARTDT"), (QUERY, "100")]
    for _ in range(50):
        line.commands(100, (0, b"\x14"))
        line.confirms(100, (0, b"\x14"))
        line.numbered(SPONTANEOUS, from_client=False)
        line.confirms(100, (0, b"\x14"), cause=sent.TERMINATE)
        line.asks(sent.supervisory(line.numbers[False]))
        line.asks(sent.unnumbered(sent.TESTFR))
        line.waits(1)

    assert line.told() == []


def test_refusals(line: Line):
    """A negative confirmation, and causes for what is unknown, are exceptions."""
    line.commands(45, (9, b"\x01"))
    line.confirms(45, (9, b"\x01"), cause=sent.CONFIRM | sent.NEGATIVE)
    line.commands(46, (9, b"\x01"))
    line.confirms(46, (9, b"\x01"), cause=47 | sent.NEGATIVE)
    told = [(said.function, said.facts["code"], said.source) for said in line.says() if said.kind is EXCEPTION]

    assert told == [("45", "negative confirmation", OUTSTATION), ("46", "unknown object", OUTSTATION)]


def test_confirmations_that_nobody_waits_for(line: Line):
    """What was not commanded cannot be confirmed; a command to all stations is confirmed by each."""
    line.commands(103, (0, bytes(7)), station=0xFFFF)
    line.confirms(103, (0, bytes(7)), station=3)
    line.says()
    line.confirms(45, (9, b"\x01"))
    assert [said.facts["why"] for said in line.says()] == ["request"]
    line.connects(sure=False)
    line.confirms(45, (9, b"\x01"))

    assert line.told() == []


def test_numbers_that_jump(line: Line):
    """A send number that does not follow, or more received than was sent, is told; then counting goes on from there."""
    line.asks(START)
    for _ in range(3):
        line.numbered(SPONTANEOUS, from_client=False)
    line.says()
    line.numbered(SPONTANEOUS, from_client=False, ahead=2)
    assert [(said.facts["why"], said.function) for said in line.says()] == [("sequence", "I")]
    line.numbered(SPONTANEOUS, from_client=False)
    assert line.told() == []
    line.asks(sent.supervisory(line.numbers[False] + 1))
    line.waits(2)
    line.asks(sent.supervisory(line.numbers[False]))

    assert [(said.facts["why"], said.function) for said in line.says()] == [("sequence", "S")]


@pytest.mark.parametrize("found", ["late", "never"])
def test_what_was_acknowledged_before_it_was_captured(line: Line, found: str):
    """A frame that comes out of order, or that the capture has lost, was sent before it was received."""
    line.asks(START)
    line.numbered(SPONTANEOUS, from_client=False)
    line.asks(sent.supervisory(3))
    line.asks(sent.supervisory(3))
    if found == "late":
        line.numbered(SPONTANEOUS, from_client=False)
        line.numbered(SPONTANEOUS, from_client=False)
    else:
        line.conversation.lost(from_client=False)
        line.numbered(SPONTANEOUS, from_client=False, ahead=1)
    line.waits(3)
    line.asks(sent.supervisory(3))

    assert [said for said in line.says() if said.kind is EventKind.ORPHAN] == []


def test_numbers_run_over(line: Line):
    """After 32767 comes 0."""
    line.connects(sure=False)
    line.numbers[False] = 32766
    for _ in range(4):
        line.numbered(SPONTANEOUS, from_client=False)
        line.numbers[False] %= 32768
        line.asks(sent.supervisory(line.numbers[False]))

    assert line.told() == []


def test_a_loss_is_forgiven(line: Line):
    """After octets that were not captured, any number is right, and half a frame is passed over."""
    line.numbered(SPONTANEOUS, from_client=False)
    line.conversation.lost(from_client=False)
    line.answers(SPONTANEOUS[-4:])
    line.numbered(SPONTANEOUS, from_client=False, ahead=40)

    assert line.told() == []


BROKEN = {
    "type": sent.asdu(99, (1, b"\0")),
    "cause": sent.asdu(45, (1, b"\0"), cause=0),
    "no object": bytes((45, 0, 6, 0, 1, 0)),
    "too short": sent.asdu(45, (1, b"")),
    "too long": sent.asdu(45, (1, b"\0\0")),
    "cut": b"\x2d\x01\x06",
}


@pytest.mark.parametrize("asdu", BROKEN.values(), ids=BROKEN)
def test_broken_data(line: Line, asdu: bytes):
    """A type that does not exist, or octets that do not make its objects, are malformed, and cost no other frame."""
    line.asks(START)
    line.asks(sent.numbered(asdu) + sent.numbered(sent.asdu(45, (7, b"\x01")), sent=0))
    told = line.told()

    assert wrong(memoryview(asdu))
    assert [kind for kind, _ in told] == [COMMAND, MALFORMED, COMMAND]


@pytest.mark.parametrize("octets", ["680405000000", "680401010000", "680407000100", "680400000000", "680402000100"])
def test_broken_control_fields(line: Line, octets: str):
    """S, U and I frames have no other bits than the standard gives them."""
    line.asks(START + bytes.fromhex(octets) + START)

    assert [kind for kind, _ in line.told()] == [COMMAND, MALFORMED, COMMAND]


@given(st.binary(min_size=1, max_size=255))
@example(b"\x68")
@example(b"\x68\xfd\x00\x00\x00\x00")
@example(b"\x68\xfd\x00\x00\x00\x00\x2d\x01\x06")
def test_garbage_costs_nothing_behind_it(garbage: bytes):
    """Whatever lies between frames, the commands behind it are told once there is as much as a frame."""
    line = Line()
    command = sent.numbered(sent.asdu(45, (7, b"\x01")))
    line.asks(START + garbage + command + sent.unnumbered(sent.TESTFR) * (LARGEST_FRAME // 6 + 1))

    assert (COMMAND, "45") in line.told()


good_frames = st.one_of(
    st.builds(sent.unnumbered, st.sampled_from([0x07, 0x0B, 0x13, 0x23, 0x43, 0x83])),
    st.builds(sent.supervisory, st.integers(0, 32767)),
    st.builds(
        lambda kind, address, cause: sent.numbered(sent.asdu(kind, (address, bytes(KINDS[kind].octets)), cause=cause)),
        st.sampled_from([number for number, kind in KINDS.items() if kind.octets >= 0]),
        st.integers(0, 0xFFFFFF),
        st.integers(1, 63),
    ),
    st.binary(max_size=40),
)


@given(st.lists(st.tuples(st.booleans(), good_frames), max_size=12), st.integers(1, 40))
def test_any_octets_cut_anywhere(said: list[tuple[bool, bytes]], size: int):
    """No octets raise, and what is told of them is the same however they are cut."""
    whole, pieces = Line(), Line()
    for from_client in (True, False):
        stream = b"".join(octets for side, octets in said if side is from_client)
        (whole.asks if from_client else whole.answers)(stream)
        for at in range(0, len(stream), size):
            (pieces.asks if from_client else pieces.answers)(stream[at : at + size])

    assert whole.traced == pieces.traced
    assert [(each.detail, each.count, each.facts) for each in whole.says()] == [
        (each.detail, each.count, each.facts) for each in pieces.says()
    ]


def test_one_who_asks_many_stations(line: Line):
    """Eight common addresses within ten seconds are a sweep."""
    for station in range(1, 8):
        line.commands(100, (0, b"\x14"), station=station)
    assert SWEEP not in line.kinds()
    line.commands(100, (0, b"\x14"), station=8)

    assert SWEEP in line.kinds()


def test_a_flood_is_bounded(line: Line):
    """However many different commands there are, a connection keeps a fixed number of them."""
    for number in range(3 * COMMANDS_KNOWN):
        line.commands(45, (1, b"\x01"), station=number)
        line.commands(102, (number, b""))

    assert len(line.conversation._commands) == COMMANDS_KNOWN
    assert len(line.conversation._queries) == QUERIES_KNOWN
