"""What the tap says of DNP3: who commands what, what is asked for the first time, which answers nobody waits for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.model import EventKind
from protocols.tap.dnp3.asking import REQUESTS_KNOWN
from protocols.tap.dnp3.conversation import Dnp3Conversation
from protocols.tap.dnp3.crc import crc
from protocols.tap.dnp3.dialogue import DIALOGUES
from protocols.tap.dnp3.objects import MOST_HEADERS
from protocols.tap.dnp3.request import FUNCTIONS
from protocols.tap.moment import DOUBT_NS
from protocols.tap.sightings import NS
from simulator.attacks import dnp3frame as sent
from tests.protocols.tap.listening import MASTER, OUTSTATION, Tap

COMMAND, QUERY, EXCEPTION, ORPHAN = EventKind.COMMAND, EventKind.QUERY, EventKind.EXCEPTION, EventKind.ORPHAN
MALFORMED, RESTART, UNSOLICITED = EventKind.MALFORMED, EventKind.RESTART, EventKind.UNSOLICITED
STATION, CENTRE = 10, 1
RESTARTED, UNKNOWN_FUNCTION = 0x0080, 0x0100
CLASS_1, INTEGRITY = sent.classes(2), sent.classes(2, 3, 4, 1)
BINARY_EVENT = bytes.fromhex("0201170103 81")
UNSOLICITED_CLASSES = sent.classes(2, 3, 4)


class Line(Tap):
    """A tap between a master and its outstations."""

    def __init__(self) -> None:
        super().__init__(Dnp3Conversation, 20000)
        self.sequence = 0

    def request(self, function: int, objects: bytes = b"", *, to: int = STATION, master: int = CENTRE) -> None:
        self.sequence = (self.sequence + 1) % 16
        fragment = sent.request(function, objects, sequence=self.sequence)
        self.asks(sent.frames(fragment, to=to, from_=master, master=True))

    def response(
        self, objects: bytes = b"", *, iin: int = 0, station: int = STATION, sequence: int | None = None
    ) -> None:
        sequence = self.sequence if sequence is None else sequence
        fragment = sent.response(objects, sequence=sequence, iin=iin)
        self.answers(sent.frames(fragment, to=CENTRE, from_=station, master=False))

    def tells(self, objects: bytes = b"", *, sequence: int = 0, iin: int = 0) -> None:
        fragment = sent.unsolicited(objects, sequence=sequence, iin=iin)
        self.answers(sent.frames(fragment, to=CENTRE, from_=STATION, master=False))

    def polls(self, count: int = 1, *, iin: int = 0) -> None:
        for _ in range(count):
            self.request(1, CLASS_1)
            self.response(BINARY_EVENT, iin=iin)
            self.waits(1)


@pytest.fixture
def line() -> Line:
    return Line()


ACTIONS = {
    1: "read",
    2: "write",
    3: "select",
    4: "control",
    5: "control",
    6: "control",
    **dict.fromkeys(range(7, 13), "freeze"),
    **dict.fromkeys((13, 14, 15, 16, 17, 18, 19, 21, 31), "critical"),
    20: "config",
    22: "config",
    23: "time",
    24: "time",
    **dict.fromkeys(range(25, 31), "file"),
    32: "session",
    33: "session",
}


@pytest.mark.parametrize("function", sorted(ACTIONS))
def test_each_function_is_told_with_its_action(line: Line, function: int):
    """Every function of IEEE 1815-2012 table 4-1 is told, with who, whom and what it does."""
    line.request(function, bytes.fromhex("1e0006"))
    (said,) = line.says()

    assert said.kind is (QUERY if function == 1 else COMMAND)
    assert (said.source, said.target, said.port, said.protocol) == (MASTER, OUTSTATION, 20000, "dnp3")
    assert said.function == str(function)
    assert said.facts["action"] == ACTIONS[function]
    assert (said.facts["outstation"], said.facts["master"]) == (STATION, CENTRE)
    assert set(FUNCTIONS) == {0, *ACTIONS}


WRITES = {
    "500100070700": ("config", "g80v1", (7, 7)),
    "32010701aabbccddee00": ("time", "g50v1", None),
    "320307010000000000" + "00": ("time", "g50v3", None),
    "2201000203" + "01000200": ("write", "g34v1", (2, 3)),
    "0a0100020200": ("write", "g10v1", (2, 2)),
    "290117010405000000" + "00": ("write", "g41v1", (4, 4)),
    "6e0500010168656c6c6f": ("write", "g110v5", (1, 1)),
    "700317010a616263": ("write", "g112v3", (10, 10)),
    "46055b010900010000000000000041": ("file", "g70v5", None),
    "00f000000002" + "0141": ("config", "g0v240", (0, 0)),
    "500100070700" + "0a0100020200": ("write", "g80v1 g10v1", (2, 7)),
}


@pytest.mark.parametrize(("objects", "expected"), WRITES.items())
def test_what_is_written_decides_what_a_write_is(line: Line, objects: str, expected: tuple[object, ...]):
    """Clearing the restart bit configures, time sets the clock, all else writes; the worst of several counts."""
    line.request(2, bytes.fromhex(objects))
    (said,) = line.says()

    assert (said.facts["action"], said.facts["what"], said.facts.get("items")) == expected


def test_a_control_tells_what_it_does(line: Line):
    """Indexes, operation, trip or close of every block, and set points with their values, are told."""
    line.request(5, sent.crob(3, sent.PULSE_ON | sent.TRIP) + sent.crob(7, sent.LATCH_ON))
    line.request(4, bytes.fromhex("29032801000900" + "0000c84200"))
    line.request(3, bytes.fromhex("0c011701050300") + b"\x01" + bytes(8))
    told = [(said.facts["items"], said.facts["values"]) for said in line.says()]

    assert told == [((3, 7), ("pulse_on trip", "latch_on")), ((9, 9), (100.0,)), ((5, 5), ("latch_on",))]


AGGRESSIVE = bytes.fromhex(
    "05643ac4040003004017d3cc05780307010900000001000c01281e6d01000100030164000000640000000078454b095b011000ba8db44d5e72"
    "cd0ad418e5a302e415256867bed2"
)
FILE_DELETE = bytes.fromhex(
    "056438c404000300f731f0c11b46035b012a001a001000000000300400000000000000000000000000000000ffff0012002e2f68656c6c6f77"
    "6f726c642ea42d7478745eda"
)
"""operate_aggressive_mode.pcap and file_delete.pcap, ITI/ICS-Security-Tools (CC-BY-4.0)."""


def test_an_authenticated_control_is_still_a_control(line: Line):
    """Objects of secure authentication before and behind a control do not hide it."""
    line.asks(AGGRESSIVE)
    (said,) = line.says()

    assert said.facts == {
        "action": "control",
        "what": "g120v3 g12v1 g120v9",
        "items": (1, 1),
        "values": ("latch_on",),
        "auth": True,
        "outstation": 4,
        "master": 3,
    }


def test_a_file_has_a_name(line: Line):
    """The file that is deleted is named."""
    line.asks(FILE_DELETE)
    (said,) = line.says()

    assert said.function == "27"
    assert said.facts["values"] == ("./helloworld.txt",)
    assert "./helloworld.txt" in said.detail


def test_polling_says_nothing(line: Line):
    """What is read is told when it is new, then no more, also on the next connection."""
    line.polls(1)
    assert line.told() == [(QUERY, "1")]
    line.polls(40)
    line.connects()
    line.polls(20)

    assert line.told() == []


def test_attributes_are_discovered(line: Line):
    """Who reads device attributes, or asks whoever hears it, wants to know what is there."""
    line.request(1, bytes.fromhex("00fe000000"))
    line.response(sequence=line.sequence)
    line.request(1, CLASS_1, to=0xFFFC)

    assert [said.facts["action"] for said in line.says()] == ["discover", "discover"]


def test_broadcasts_are_marked(line: Line):
    """A command to all outstations says so, and nobody answers it."""
    line.request(5, sent.crob(1), to=0xFFFF)
    (said,) = line.says()

    assert said.facts["broadcast"] is True
    assert "all outstations" in said.detail


def test_another_master_address(line: Line):
    """From one host, a second master address is marked; the first was always there."""
    line.polls(2)
    line.request(5, sent.crob(1))
    line.request(5, sent.crob(1), master=99)

    assert [said.facts.get("master_new") for said in line.says()] == [None, None, True]


def test_answers_belong_to_questions(line: Line):
    """A response that nobody waits for is told: to nothing, out of sequence, of another station, too late."""
    line.polls(3)
    line.says()
    line.response()
    assert [said.facts["why"] for said in line.says()] == ["request"]
    line.request(1, CLASS_1)
    line.response(sequence=line.sequence + 5)
    assert [said.facts["why"] for said in line.says()] == ["sequence"]
    line.response(station=77)
    assert [said.facts["why"] for said in line.says()] == ["unit"]
    line.request(1, CLASS_1)
    line.response()
    line.response(sequence=line.sequence - 1)

    assert [(said.facts["why"], said.facts["outstation"]) for said in line.says()] == [("late", STATION)]


def test_answers_in_several_fragments(line: Line):
    """Each fragment of an answer has the next number, up to the one that ends it."""
    line.request(1, INTEGRITY)
    line.says()
    for number in range(3):
        control = (sent.FIR if number == 0 else 0) | (sent.FIN if number == 2 else sent.CON)
        fragment = sent.response(BINARY_EVENT, sequence=line.sequence + number, control=control)
        line.answers(sent.frames(fragment, to=CENTRE, from_=STATION, master=False))
    assert line.told() == []
    line.response(BINARY_EVENT, sequence=line.sequence + 3)

    assert line.told() == [(ORPHAN, "129")]


def test_a_start_in_the_middle_and_a_loss_are_forgiven(line: Line):
    """What answers a question that was not captured is nothing notable, for a while."""
    line.connects(sure=False)
    line.response()
    line.waits(DOUBT_NS / NS - 1)
    line.response()
    assert line.told() == []
    line.waits(1)
    line.response()
    assert line.told() == [(ORPHAN, "129")]
    line.conversation.lost(from_client=True)
    line.response()

    assert line.told() == []


def test_refusals(line: Line):
    """What an outstation refuses is told with the function, by its indications and by the status of a control."""
    line.request(13)
    line.response(iin=UNKNOWN_FUNCTION)
    line.request(5, sent.crob(1))
    line.response(sent.crob(1, status=7))
    line.request(5, sent.crob(2))
    line.response(sent.crob(2))
    told = [(said.function, said.facts["code"], said.source) for said in line.says() if said.kind is EXCEPTION]

    assert told == [("13", "IIN2.0", OUTSTATION), ("5", "status 7", OUTSTATION)]


def test_only_the_edge_is_a_restart(line: Line):
    """A device that always says that it has restarted says nothing; one that did not and now does, has."""
    line.polls(5, iin=RESTARTED)
    assert RESTART not in line.kinds()
    line.polls(2)
    line.polls(3, iin=RESTARTED)
    (said,) = line.says()

    assert (said.kind, said.source, said.facts["bit"], said.count) == (RESTART, OUTSTATION, "IIN1.7", 1)


def test_a_restart_ends_the_connection_and_is_seen_on_the_next(line: Line):
    """The restart bit is remembered from one connection to the next."""
    line.polls(2)
    line.says()
    line.connects()
    line.polls(1, iin=RESTARTED)

    assert line.told() == [(RESTART, "")]


def test_unsolicited_before_it_was_enabled(line: Line):
    """After a disabling, data that nobody asked for is told; when it is enabled, no more."""
    line.request(21, UNSOLICITED_CLASSES)
    line.response()
    line.tells(BINARY_EVENT)
    (disabled, told) = line.says()
    assert (disabled.function, told.kind, told.facts["enabled"]) == ("21", UNSOLICITED, False)
    line.request(20, UNSOLICITED_CLASSES)
    line.response()
    line.tells(BINARY_EVENT, sequence=1)
    line.tells(BINARY_EVENT, sequence=1)
    line.tells(BINARY_EVENT, sequence=2)

    assert line.told() == [(COMMAND, "20")]


def test_unsolicited_without_objects_only_says_that_it_is_there(line: Line):
    """The first word of an outstation after its start, without data, is as it should be."""
    line.tells(iin=RESTARTED)

    assert line.told() == []


def test_unsolicited_where_nobody_saw_whether_it_is_enabled(line: Line):
    """It is told once, and that it is not known."""
    for number in range(5):
        line.tells(BINARY_EVENT, sequence=number)
        line.waits(1)
    (said,) = line.says()

    assert (said.kind, said.facts["enabled"], said.count) == (UNSOLICITED, None, 1)


def test_unsolicited_out_of_sequence(line: Line):
    """An unsolicited response whose number does not go on from the one before is told."""
    line.request(20, UNSOLICITED_CLASSES)
    line.response()
    line.tells(BINARY_EVENT, sequence=4)
    line.says()
    line.tells(BINARY_EVENT, sequence=9)

    assert [said.facts["why"] for said in line.says()] == ["sequence"]


def test_authentication_leaves_the_question_open(line: Line):
    """Challenge and reply come between a control and its answer, with the same number."""
    line.request(5, sent.crob(1))
    challenge = bytes((0xC0 | line.sequence, 131)) + bytes(2) + bytes.fromhex("7801 5b01 0100 00")
    line.answers(sent.frames(challenge, to=CENTRE, from_=STATION, master=False))
    line.sequence -= 1
    line.request(32, bytes.fromhex("78025b010100") + b"\0")
    line.response(sent.crob(1, status=4))

    assert line.told() == [(COMMAND, "5"), (COMMAND, "32"), (EXCEPTION, "5")]


BROKEN = {
    "0c0117": "range cut",
    "0c01": "object header cut",
    "0c01170201" + "03" * 11: "objects cut",
    "1e01ff": "qualifier",
    "1e01000905": "range backwards",
    "1e0006" * (MOST_HEADERS + 1): f"over {MOST_HEADERS} object headers",
}


@pytest.mark.parametrize(("objects", "why"), BROKEN.items(), ids=BROKEN.values())
def test_broken_requests_are_told_as_such_and_as_what_they_are(line: Line, objects: str, why: str):
    """A command whose objects are broken is malformed, and is still a command."""
    line.request(5, bytes.fromhex(objects))
    told = line.says()

    assert [said.kind for said in told] == [MALFORMED, COMMAND]
    assert told[0].facts["why"] == why


def test_functions_that_do_not_exist(line: Line):
    """A function code that the standard does not have is malformed, in requests and in responses."""
    line.request(112)
    line.answers(sent.frames(b"\xc0\x90\0\0", to=CENTRE, from_=STATION, master=False))
    line.asks(sent.frames(b"\xc0", to=STATION, from_=CENTRE, master=True))

    assert line.kinds() == [MALFORMED] * 3


LINK = {
    0xC0: (COMMAND, "link 0", "session"),
    0xC1: (COMMAND, "link 1", "critical"),
    0xC2: (QUERY, "link 2", "read"),
    0xC9: (QUERY, "link 9", "read"),
    0x8E: (EXCEPTION, "link 14", None),
    0xC7: (MALFORMED, "link 7", None),
}


@pytest.mark.parametrize(("control", "expected"), LINK.items())
def test_link_functions(line: Line, control: int, expected: tuple[EventKind, str, str | None]):
    """What stations do below the application is told too."""
    header = bytes((0x05, 0x64, 5, control, STATION, 0, CENTRE, 0))
    line.asks(header + crc(header).to_bytes(2, "little"))
    (said,) = line.says()

    assert (said.kind, said.function, said.facts.get("action")) == expected


def test_one_who_asks_many_stations(line: Line):
    """Eight outstations asked for the first time within ten seconds are a sweep; those that are polled are not."""
    for station in range(100, 107):
        line.request(1, CLASS_1, to=station)
    assert EventKind.SWEEP not in line.kinds()
    for _ in range(20):
        for station in range(100, 107):
            line.request(1, CLASS_1, to=station)
        line.waits(1)
    assert EventKind.SWEEP not in line.kinds()
    for station in range(200, 208):
        line.request(1, CLASS_1, to=station)

    assert EventKind.SWEEP in line.kinds()


def test_a_flood_of_stations_and_requests_is_bounded(line: Line):
    """However many stations and different requests there are, a conversation keeps a fixed number of them."""
    for number in range(3 * REQUESTS_KNOWN):
        line.request(1, bytes((30, 1, 0x01)) + number.to_bytes(2, "little") * 2, to=number)

    assert len(line.conversation._dialogues._dialogues) == DIALOGUES
    assert len(line.conversation._asking._known) == REQUESTS_KNOWN


def test_repeated_commands_are_counted(line: Line):
    """The same command again within a second is one sighting with a number."""
    for _ in range(10):
        line.request(5, sent.crob(1))

    assert [said.count for said in line.says()] == [1, 9]


def test_the_last_command_is_told(line: Line):
    """Of commands about the same output within a second the last is told, with all of them counted."""
    for code in (sent.LATCH_ON, sent.LATCH_OFF, sent.LATCH_ON, sent.LATCH_OFF, sent.LATCH_ON):
        line.request(5, sent.crob(1, code))

    assert [(said.count, said.facts["values"]) for said in line.says()] == [(1, ("latch_on",)), (4, ("latch_on",))]


fragments = st.one_of(
    st.binary(max_size=300),
    st.builds(sent.request, st.integers(0, 255), st.binary(max_size=80), sequence=st.integers(0, 15)),
    st.builds(sent.response, st.binary(max_size=80), sequence=st.integers(0, 15), iin=st.integers(0, 0xFFFF)),
    st.builds(sent.unsolicited, st.binary(max_size=80), sequence=st.integers(0, 15), iin=st.integers(0, 0xFFFF)),
)


@given(st.lists(st.tuples(st.booleans(), fragments, st.integers(0, 3)), max_size=12), st.integers(1, 60))
def test_any_fragments_cut_anywhere(said: list[tuple[bool, bytes, int]], size: int):
    """No fragment raises, and what is told of it is the same however it is cut."""
    whole, pieces = Line(), Line()
    for from_client, fragment, station in said:
        octets = sent.frames(fragment, to=station, from_=station + 1, master=from_client)
        (whole.asks if from_client else whole.answers)(octets)
        for at in range(0, len(octets), size):
            (pieces.asks if from_client else pieces.answers)(octets[at : at + size])

    assert [(each.detail, each.count, each.facts, each.raw) for each in whole.says()] == [
        (each.detail, each.count, each.facts, each.raw) for each in pieces.says()
    ]
    assert whole.traced == pieces.traced
