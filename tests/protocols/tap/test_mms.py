"""MMS as the tap sees it: every service that does something is told with what it is done to; polling costs nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open61850 import ber
from open61850.data import BoolData, FloatData, IntData, StructureData
from open61850.mms import pdu
from tapped import BEGIN_NS, Tapped

from protocols.model import EventKind
from protocols.tap.mms.conversation import PENDING_MAX, MmsConversation
from protocols.tap.mms.service import SERVICES
from protocols.tap.sightings import NS
from protocols.tap.talk import KNOWN_MAX

ITI_WRITE = bytes.fromhex("0300002a02f08001000100611d301b020103a016a014020100a50fa0083006a00480026d75a003850100")
"""iec61850_write.pcap, ITI/ICS-Security-Tools (CC-BY-4.0): writes 0 to the variable mu of the server itself."""
ITI_REFUSED = bytes.fromhex("0300001b02f08001000100610e300c020103a007a1050201003000")
ITI_KILL = bytes.fromhex("0300002802f080a01f020101bf2c198017523339353032343339374170706c69636174696f6e5f31")
"""mms-killRequest.pcap, of the same origin: no session and no presentation between COTP and MMS."""
POSITION = "IED1LD0/CSWI1$CO$Pos$Oper"


def packet(message: bytes, *, last: bool = True) -> bytes:
    return (
        b"\x03\x00" + (len(message) + 7).to_bytes(2, "big") + (b"\x02\xf0\x80" if last else b"\x02\xf0\x00") + message
    )


def asks(service: bytes, invoke: int = 1) -> bytes:
    return packet(pdu.wrap(pdu.confirmed_request(invoke, service)))


def answers(service: bytes, invoke: int = 1) -> bytes:
    return packet(pdu.wrap(ber.encode_tlv(0xA1, ber.encode_tlv(0x02, ber.encode_unsigned(invoke)) + service)))


def name(path: str) -> pdu.ObjectName:
    domain, _, item = path.partition("/")
    return pdu.ObjectName(item, domain)


def writes(path: str, value=None) -> bytes:
    return pdu.write_request([name(path)], [value or BoolData(True)])


def reads(*paths: str) -> bytes:
    return pdu.read_request([name(path) for path in paths])


def numbered(number: int, content: bytes) -> bytes:
    """Return a service whose content are elements."""
    tag = bytes((0xA0 | number,)) if number < 31 else bytes((0xBF, number))
    return tag + bytes((len(content),)) + content


@pytest.fixture
def tapped() -> Tapped:
    return Tapped(MmsConversation, 102)


def test_a_write_of_a_real_client_is_told(tapped):
    """Who wrote what and which value: a capture of ITI."""
    tapped.client(ITI_WRITE)
    [write] = tapped.told()

    assert (write.kind, write.function, write.action, write.what) == (EventKind.COMMAND, "5", "write", "mu")
    assert (write.variables, write.values) == (1, (0,))
    assert (write.event.source, write.event.target, write.event.port) == ("10.0.0.5", "10.0.0.11", 102)


def test_a_stack_without_a_session_is_read(tapped):
    """Some stacks put MMS right into COTP: a program is killed in a capture of ITI."""
    tapped.client(ITI_KILL)
    [kill] = tapped.told()

    assert (kill.function, kill.action, kill.what) == ("44", "critical", "R395024397Application_1")


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (POSITION, "control"),
        ("IED1LD0/CSWI1$CO$Pos$Cancel", "control"),
        ("IED1LD0/CSWI1$CO$Pos$SBOw", "select"),
        ("IED1LD0/PTOC1$SP$StrVal$setMag$f", "write"),
        ("IED1LD0/PTOC1$SE$StrVal$setMag$f", "write"),
        ("IED1LD0/LLN0$SP$SGCB$ActSG", "write"),
        ("IED1LD0/LLN0$GO$gcb01$GoEna", "config"),
        ("IED1LD0/LLN0$BR$brcb01$RptEna", "session"),
    ],
)
def test_what_is_written_says_what_is_done(tapped, path, action):
    """The functional constraint of the item tells a control from a setting, and both from agreeing on reports."""
    tapped.client(asks(writes(path)))
    [write] = tapped.told()

    assert (write.action, write.what) == (action, path)


def test_the_value_of_a_control_is_shown(tapped):
    """Of the structure that operates a switch the first values are shown, the new position foremost."""
    tapped.client(asks(writes(POSITION, StructureData([BoolData(True), IntData(3), FloatData(1.5)]))))

    assert tapped.told()[0].values == (True, 3, 1.5)


def test_a_control_among_settings_is_not_overlooked(tapped):
    """Of a request about many items the weightiest is told, wherever it stands."""
    paths = [f"IED1LD0/PTOC{n}$SP$StrVal$setMag$f" for n in range(20)]
    paths.insert(7, POSITION)
    tapped.client(asks(pdu.write_request([name(path) for path in paths], [BoolData(True)] * 21)))
    [write] = tapped.told()

    assert (write.action, write.what, write.variables) == ("control", POSITION, 21)


@pytest.mark.parametrize(
    ("number", "action"),
    [
        *((number, "critical") for number in (36, 39, 40, 41, 42, 43, 44)),
        *((number, "file") for number in (46, 72, 73, 74, 75, 76, 77)),
        *((number, "program") for number in (26, 27, 28, 29, 30, 31)),
        *((number, "config") for number in (7, 11, 13, 47)),
        *((number, "discover") for number in (0, 1, 2, 6, 12, 71)),
    ],
)
def test_services_are_told_by_their_nature(tapped, number, action):
    """What stops, loads, deletes, or finds out is told apart, and what it is about is shown."""
    tapped.client(asks(numbered(number, ber.encode_tlv(0x80, b"Feeder7"))))
    [told] = tapped.told()

    assert (told.function, told.action, told.what) == (str(number), action, "Feeder7")
    assert told.kind is (EventKind.QUERY if action == "discover" else EventKind.COMMAND)
    assert told.name == SERVICES[number].name


def test_selecting_by_reading_is_told_each_time(tapped):
    """With normal security a control is selected by reading its SBO, which is more than reading."""
    for invoke in range(2):
        tapped.client(asks(reads("IED1LD0/CSWI1$CO$Pos$SBO"), invoke))
    tapped.now_ns += 2 * NS
    told = tapped.told()

    assert {one.action for one in told} == {"select"}
    assert sum(one.event.count for one in told) == 2


def test_polling_is_told_once(tapped):
    """A client that reads the same again and again is told with its first question, and nothing else is said."""
    for invoke in range(300):
        tapped.client(asks(reads("IED1LD0/MMXU1$MX$TotW$mag$f", "IED1LD0/MMXU1$MX$TotVAr$mag$f"), invoke))
        tapped.server(answers(numbered(4, ber.encode_tlv(0xA1, bytes.fromhex("870508000000008705083f800000"))), invoke))
    tapped.now_ns += 2 * NS
    [query] = tapped.told()

    assert (query.kind, query.variables, query.event.count) == (EventKind.QUERY, 2, 1)
    assert tapped.traced == [("4", True), ("4", False)] * 300


def test_refusals_are_told(tapped):
    """A write that fails, a service error and a reject are exceptions, with what was asked."""
    tapped.client(asks(writes(POSITION), 1))
    tapped.server(answers(numbered(5, bytes.fromhex("800103")), 1))
    tapped.client(asks(writes(POSITION), 2))
    tapped.server(packet(pdu.wrap(bytes.fromhex("a20a800102a205a003870101"))))
    tapped.client(asks(writes(POSITION), 3))
    tapped.server(packet(pdu.wrap(bytes.fromhex("a406800103810101"))))
    refused = [one for one in tapped.told() if one.kind is EventKind.EXCEPTION]

    assert [(one.code, one.what) for one in refused] == [("3", POSITION), ("7/1", POSITION), ("reject 1/1", POSITION)]
    assert {(one.event.source, one.function) for one in refused} == {("10.0.0.11", "5")}


def test_a_value_that_looks_like_a_refusal_is_none(tapped):
    """Bytes of a measured value may be those of an error."""
    tapped.client(asks(reads("IED1LD0/MMXU1$MX$TotW$mag$f")))
    tapped.server(answers(numbered(4, ber.encode_tlv(0xA1, bytes.fromhex("87050880010300")))))

    assert [one.kind for one in tapped.told()] == [EventKind.QUERY]


def test_answers_nobody_asked_for_are_told(tapped):
    """An answer to no request, or of another service, is an orphan."""
    tapped.client(asks(reads(POSITION), 1))
    tapped.server(answers(numbered(5, b"\x81\x00"), 1), answers(numbered(4, b"\xa1\x00"), 9))

    assert [one.why for one in tapped.told() if one.kind is EventKind.ORPHAN] == ["function", "request"]


INITIATE, INITIATED, REFUSED = b"\xa8\x00", b"\xa9\x00", b"\xaa\x00"
CONCLUDE, CONCLUDED, GOES_ON = b"\x8b\x00", b"\x8c\x00", b"\xad\x00"


@pytest.mark.parametrize("forged", [INITIATED, REFUSED])
def test_an_answer_about_an_association_that_nobody_asked_for_is_told(tapped, forged):
    """In the middle of one; at its beginning it is right, once."""
    tapped.client(packet(INITIATE))
    tapped.server(packet(forged))
    assert tapped.told() == []

    tapped.server(packet(forged))
    assert [one.why for one in tapped.told()] == ["session"]


def test_an_association_that_goes_on_after_its_end_is_told(tapped):
    """Somebody else has concluded it; once for each time. Answers to what was asked before are right."""
    tapped.client(packet(INITIATE))
    tapped.server(packet(INITIATED))
    tapped.client(asks(reads(POSITION), 1), packet(CONCLUDE))
    tapped.server(answers(numbered(4, b"\xa1\x00"), 1))
    assert [one.kind for one in tapped.told()] == [EventKind.QUERY]

    tapped.client(asks(reads(POSITION), 2), asks(reads(POSITION), 3))
    assert [one.why for one in tapped.told()] == ["session"]


@pytest.mark.parametrize("then", [(GOES_ON, b""), (CONCLUDED, INITIATE)])
def test_an_end_that_is_refused_or_followed_by_a_beginning_is_none(tapped, then):
    """Then it may go on."""
    server, client = then
    tapped.client(packet(CONCLUDE))
    tapped.server(packet(server))
    tapped.client(*([packet(client)] if client else []), asks(reads(POSITION), 2))

    assert [one.kind for one in tapped.told()] == [EventKind.QUERY]


def test_a_cancel_that_is_refused_is_an_exception(tapped):
    """As a read that is refused."""
    tapped.client(packet(b"\x85\x01\x01"))
    tapped.server(packet(b"\xa7\x00"))

    assert [(one.kind, one.code) for one in tapped.told()] == [(EventKind.EXCEPTION, "cancel")]


def test_answers_after_a_gap_are_no_orphans():
    """Whoever begins to listen in the middle, or lost bytes, has not seen all the questions."""
    tapped = Tapped(MmsConversation, 102, sure=False)
    tapped.server(answers(numbered(4, b"\xa1\x00"), 9))
    tapped.now_ns += 60 * NS
    tapped.conversation.lost(from_client=True)
    assert tapped.told() == []

    tapped.server(answers(numbered(4, b"\xa1\x00"), 9))
    assert [one.kind for one in tapped.told()] == [EventKind.ORPHAN]


def test_requests_that_wait_are_bounded(tapped):
    """A client that asks without end is not remembered without end; what goes is counted."""
    for invoke in range(3 * PENDING_MAX):
        tapped.client(asks(reads(f"IED1LD0/MMXU{invoke}$MX$TotW$mag$f"), invoke))

    assert len(tapped.conversation._client.waits) == PENDING_MAX
    assert tapped.notes.remembered.forgotten == 2 * PENDING_MAX


def test_requests_with_a_number_that_waits_push_none_out(tapped):
    """A client that begins its numbers anew waits for as many answers as before."""
    for invoke in range(2 * PENDING_MAX):
        tapped.client(asks(reads(POSITION), invoke % PENDING_MAX))

    assert tapped.notes.remembered.forgotten == 0


def test_questions_that_are_known_are_bounded(tapped):
    """All of them go at once, are counted, and are told anew."""
    for item in range(KNOWN_MAX + 1):
        tapped.client(asks(reads(f"IED1LD0/MMXU{item}$MX$TotW$mag$f")))

    assert len(tapped.conversation._known) == 1
    assert tapped.notes.remembered.forgotten == KNOWN_MAX


@pytest.mark.parametrize("end", ["lost", "disconnect"])
def test_a_long_message_that_never_ends_says_nothing_of_the_next(tapped, end):
    """Pieces over the bound are given up with a gap or another connection; what follows is no longer than it is."""
    tapped.client(*[packet(bytes(4096), last=False)] * 5)
    if end == "lost":
        tapped.conversation.lost(from_client=True)
    else:
        tapped.client(bytes.fromhex("0300000b06800001000200"))
    message = pdu.wrap(pdu.confirmed_request(1, writes(POSITION)))
    tapped.client(packet(message[:9], last=False), packet(message[9:]))

    assert [one.kind for one in tapped.told()] == [EventKind.COMMAND]


def test_a_message_in_pieces_is_read(tapped):
    """COTP may cut a message where it likes."""
    message = pdu.wrap(pdu.confirmed_request(1, writes(POSITION)))
    tapped.client(*(packet(message[at : at + 9], last=at + 9 >= len(message)) for at in range(0, len(message), 9)))

    assert [one.what for one in tapped.told()] == [POSITION]


def test_a_request_that_is_too_long_is_not_passed_in_silence(tapped):
    """A control cannot hide behind so many bytes that nobody keeps them."""
    paths = [f"IED1LD0/PTOC{n}$SP$StrVal$setMag$f" for n in range(500)]
    message = pdu.write_request([name(path) for path in [*paths, POSITION]], [BoolData(True)] * 501)
    tapped.client(asks(message))

    assert [one.kind for one in tapped.told()][-1] is EventKind.MALFORMED


@pytest.mark.parametrize("message", [b"\x32\x01\x00\x00", b"\x01\x00\x01\x00\x61\x7f", b"\x77\x00", b""])
def test_what_is_no_mms_is_told_and_what_follows_is_read(tapped, message):
    """Another protocol on the port, or a broken message, costs at most itself."""
    tapped.client(packet(message), asks(writes(POSITION)))
    told = tapped.told()

    assert [one.kind for one in told] == [EventKind.MALFORMED, EventKind.COMMAND]


def test_garbage_between_packets_is_told_and_skipped(tapped):
    """Bytes that are no packet cost no packet."""
    tapped.client(ITI_WRITE, b"GET / HTTP/1.1\r\n" + asks(writes(POSITION)))
    told = tapped.told()

    assert [getattr(one, "what", "") for one in told] == ["mu", "", POSITION]


TALK = b"".join(
    (
        ITI_WRITE,
        asks(reads("IED1LD0/MMXU1$MX$TotW$mag$f"), 2),
        ITI_KILL,
        asks(numbered(77, ber.encode_tlv(0x80, b"COMTRADE")), 3),
        asks(writes(POSITION), 4),
    )
)


@given(st.lists(st.integers(0, len(TALK)), max_size=12))
def test_cuts_change_nothing(cuts):
    """However TCP cuts the stream, the same is told."""
    whole, cut = Tapped(MmsConversation, 102), Tapped(MmsConversation, 102)
    whole.client(TALK)
    edges = [0, *sorted(cuts), len(TALK)]
    for a, b in pairwise(edges):
        cut.conversation.data(from_client=True, data=memoryview(TALK[a:b]), time_ns=whole.now_ns)

    assert list(map(repr, cut.notes.take(whole.now_ns))) == list(map(repr, whole.notes.take(whole.now_ns)))


@given(st.integers(0, len(TALK)), st.binary(max_size=40), st.integers(0, 20), st.booleans())
def test_no_bytes_raise_and_the_next_but_one_is_read(at, noise, hole, from_client):
    """Whatever is overwritten, inserted or missing in a talk, nothing is raised, and a later request is told."""
    tapped = Tapped(MmsConversation, 102)
    broken = TALK[:at] + noise + TALK[at + hole :]
    tapped.conversation.data(from_client=from_client, data=memoryview(broken), time_ns=BEGIN_NS)
    tapped.conversation.lost(from_client=from_client)
    tapped.conversation.data(from_client=from_client, data=memoryview(asks(writes(POSITION), 99)), time_ns=BEGIN_NS)

    assert ("5", from_client) in tapped.traced
