"""OPC UA as the tap sees it: how secure a channel is, who logs in, what is written or called; polling costs nothing."""

from itertools import pairwise
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tapped import Tapped

from protocols.model import EventKind
from protocols.tap.opcua.conversation import PENDING_MAX, OpcuaConversation
from protocols.tap.sightings import NS
from simulator.attacks.opcuaframe import HEADER, answers, asks, chunk, message, opens, text, token

VECTORS = [
    (side == "C", bytes.fromhex(data))
    for side, data in (
        line.split()
        for line in (Path(__file__).parent / "opcua_vectors.txt").read_text().splitlines()
        if line[0] != "#"
    )
]
"""Messages of a client and a server of open62541, in their order."""
BASIC = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"
CERTIFICATE = b"\x30\x82\x00\x04\x01\x02\x03\x04"
REFUSED = 0x80210000
"""BadIdentityTokenRejected."""


@pytest.fixture
def tapped() -> Tapped:
    return Tapped(OpcuaConversation, 4840)


def test_a_real_client_and_server_are_read(tapped):
    """What open62541's client does is told as tshark shows it."""
    for from_client, data in VECTORS:
        tapped.says(from_client, data)
    told = tapped.told()

    assert tapped.read == [
        *("HEL", "ACK", "446", "449", "461", "467", "470", "631", "634"),
        *("673", "676", "712", "715", "488"),
    ]
    assert [(one.function, one.value) for one in told if one.kind is EventKind.SECURITY] == [
        ("policy", "None"),
        ("mode", "None"),
        ("user", "user user1"),
    ]
    assert [(one.name, one.action) for one in told if one.kind is EventKind.COMMAND] == [
        ("CreateSession", "session"),
        ("ActivateSession", "session"),
        ("Write", "write"),
        ("Call", "control"),
        ("AddNodes", "config"),
    ]


def test_a_write_is_told_with_its_value(tapped):
    """The first node that is written, how many there are, and the value."""
    written = b"\x03\x02\x00" + text("Breaker") + pack("<I", 13) + text(b"") + b"\x01\x01\x01"
    tapped.client(opens(), asks(673, pack("<I", 2) + written + written))
    [write] = [one for one in tapped.told() if one.kind is EventKind.COMMAND]

    assert (write.action, write.what, write.nodes, write.values) == ("write", "ns=2;s=Breaker", 2, (True,))


def test_a_call_is_told_with_object_and_method(tapped):
    """Which method of which object is called."""
    tapped.client(
        opens(), asks(712, pack("<I", 1) + b"\x01\x02" + pack("<H", 7) + b"\x02\x02\x00" + pack("<I", 70_000))
    )
    [call] = [one for one in tapped.told() if one.kind is EventKind.COMMAND]

    assert (call.action, call.what) == ("control", "ns=2;i=7/ns=2;i=70000")


def test_discovery_without_security_is_no_drop_of_security(tapped):
    """Every client asks without security what a server offers; its policy is that of the channel it works in."""
    tapped.client(opens(), asks(428, text("opc.tcp://relay")), message(452, HEADER, kind=b"CLO"))
    assert tapped.security() == []

    tapped.client(opens(), asks(461))
    assert tapped.security() == [("policy", "None"), ("mode", "None")]


def test_policy_certificate_and_mode_are_told(tapped):
    """A secure channel is told with the thumbprints of both sides, and whether it is encrypted."""
    tapped.client(opens(BASIC, certificate=CERTIFICATE + b"next of the chain"))
    tapped.server(opens(BASIC, certificate=CERTIFICATE))
    tapped.client(chunk(b"MSG", pack("<II", 1, 1) + bytes(range(80, 160))))
    told = tapped.told()

    assert [(one.function, one.value, one.event.source) for one in told] == [
        ("policy", "Basic256Sha256", "10.0.0.5"),
        ("certificate", "fed5b374101ca90a3e6abc56d6dd33a812f2ad46", "10.0.0.5"),
        ("certificate", "fed5b374101ca90a3e6abc56d6dd33a812f2ad46", "10.0.0.11"),
        ("mode", "SignAndEncrypt", "10.0.0.5"),
    ]


def test_a_channel_that_only_signs_is_read(tapped):
    """Signed requests are in clear: what they do is told, and that they are only signed."""
    tapped.client(opens(BASIC), asks(461))
    told = tapped.told()

    assert [(one.function, one.value) for one in told if one.kind is EventKind.SECURITY] == [
        ("policy", "Basic256Sha256"),
        ("mode", "Sign"),
    ]
    assert told[-1].name == "CreateSession"


@pytest.mark.parametrize(
    ("body", "who"),
    [
        (token(321, text("anonymous")), "anonymous"),
        (token(324, text("policy") + text("operator") + text("secret") + text("")), "user operator"),
        (token(327, text("policy") + text(CERTIFICATE)), "certificate fed5b374101ca90a3e6abc56d6dd33a812f2ad46"),
        (token(940, text("policy")), "issued token"),
    ],
)
def test_who_logs_in_and_fails_is_told(tapped, body, who):
    """Each kind of user is told, and a login that is refused as well."""
    tapped.client(opens(), asks(467, body))
    tapped.server(answers(470, REFUSED))
    told = tapped.told()

    assert [(one.function, one.value) for one in told if one.kind is EventKind.SECURITY][2:] == [
        ("user", who),
        ("login", "failed"),
    ]
    assert [one.code for one in told if one.kind is EventKind.EXCEPTION] == ["0x80210000"]
    assert told[-1].user == who
    assert "secret" not in repr([one.event.facts for one in told])


def test_refused_writes_are_told(tapped):
    """A fault, and one bad result among good ones, are exceptions."""
    results = pack("<I", 2) + pack("<II", 0, 0x803B0000) + pack("<I", 0)
    tapped.client(opens(), asks(673, pack("<I", 0), 2), asks(673, pack("<I", 0), 3))
    tapped.server(answers(676, 0, results, 2), answers(397, 0x80100000, request=3))

    assert [one.code for one in tapped.told() if one.kind is EventKind.EXCEPTION] == ["0x803B0000", "0x80100000"]


def test_polling_is_told_once(tapped):
    """The same question again, in a request with another time and number, is not told again."""
    question = bytes(8) + pack("<I", 0) + pack("<I", 1) + b"\x01\x02" + pack("<H", 7) + pack("<I", 13)
    tapped.client(opens())
    for request in range(2, 300):
        tapped.client(asks(631, question, request))
        tapped.server(answers(634, request=request))
    tapped.now_ns += 2 * NS
    told = [one for one in tapped.told() if one.kind is not EventKind.SECURITY]

    assert [(one.what, one.event.count) for one in told] == [("ns=2;i=7", 1)]


def test_answers_nobody_asked_for_are_told(tapped):
    """An answer to no request, or to another one, is an orphan."""
    tapped.client(opens(), asks(631, bytes(12) + pack("<I", 0)))
    tapped.server(answers(676), answers(634, request=9))

    assert [one.why for one in tapped.told() if one.kind is EventKind.ORPHAN] == ["function", "request"]


def test_a_message_in_chunks_is_read_once(tapped):
    """Of a message in several chunks the first says what it is about; the others are no messages."""
    first = message(631, HEADER + bytes(12) + pack("<I", 0), 5, last=b"C")
    rest = chunk(b"MSG", pack("<IIII", 1, 1, 3, 5) + bytes(30), b"F")
    tapped.client(opens(), first, rest, asks(461, request=6))

    assert tapped.read == ["446", "631", "461"]
    assert EventKind.MALFORMED not in {one.kind for one in tapped.told()}


@pytest.mark.parametrize(
    "broken",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        chunk(b"MSG", b"short"),
        asks(673, pack("<I", 7)),
        message(9999),
        chunk(b"OPN", b"\xff" * 9),
    ],
)
def test_what_is_broken_is_told_and_what_follows_is_read(tapped, broken):
    """A broken message costs at most itself."""
    tapped.client(opens(), broken + asks(461))
    told = tapped.told()

    assert [one.kind for one in told if one.kind is EventKind.MALFORMED] == [EventKind.MALFORMED]
    assert told[-1].name == "CreateSession"


TALK = b"".join(data for from_client, data in VECTORS if from_client)


def test_requests_that_wait_are_bounded(tapped):
    """A client that asks without end is not remembered without end; what goes is counted."""
    for request in range(3 * PENDING_MAX):
        tapped.client(asks(826, request=request))

    assert len(tapped.conversation._waits) == PENDING_MAX
    assert tapped.notes.remembered.forgotten == 2 * PENDING_MAX


@given(st.lists(st.integers(0, len(TALK)), max_size=12))
def test_cuts_change_nothing(cuts):
    """However TCP cuts the stream, the same is told."""
    whole, cut = Tapped(OpcuaConversation, 4840), Tapped(OpcuaConversation, 4840)
    whole.client(TALK)
    for a, b in pairwise([0, *sorted(cuts), len(TALK)]):
        cut.conversation.data(from_client=True, data=memoryview(TALK[a:b]), time_ns=whole.now_ns)

    assert list(map(repr, cut.notes.take(whole.now_ns))) == list(map(repr, whole.notes.take(whole.now_ns)))


@given(st.integers(0, len(TALK)), st.binary(max_size=40), st.integers(0, 20), st.booleans())
def test_no_bytes_raise_and_the_next_but_one_is_read(at, noise, hole, from_client):
    """Whatever is overwritten, inserted or missing in a talk, nothing is raised, and a later request is told."""
    tapped = Tapped(OpcuaConversation, 4840)
    tapped.says(from_client, TALK[:at] + noise + TALK[at + hole :])
    tapped.conversation.lost(from_client=from_client)
    tapped.says(from_client, asks(461))

    assert "461" in tapped.read
