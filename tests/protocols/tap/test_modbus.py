"""The Modbus dissector of the tap: what each function does, who answers whom, and what cannot be."""

import struct

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st
from packets import CLIENT, NS, SERVER, START, Seen, Talk, mbap, read_request, read_response

from protocols.model import EventKind
from protocols.tap.dissector import Flow
from protocols.tap.modbus.conversation import MOST_OUTSTANDING, ModbusConversation
from protocols.tap.sightings import Sightings

REGISTERS = struct.pack(">BHHBHH", 16, 100, 2, 4, 7, 8)
COMMANDS = {
    "5": (b"\x05\x00\x07\xff\x00", "control", (7, 7), (1,), None),
    "6": (b"\x06\x00\x07\x12\x34", "write", (7, 7), (0x1234,), None),
    "15": (b"\x0f\x00\x07\x00\x0a\x02\x05\x02", "control", (7, 16), (1, 0, 1, 0, 0, 0, 0, 0, 0, 1), None),
    "16": (REGISTERS, "write", (100, 101), (7, 8), None),
    "21": (b"\x15\x07\x06\x00\x04\x00\x07\x00\x00", "file", None, (), None),
    "20": (b"\x14\x07\x06\x00\x04\x00\x01\x00\x02", "file", None, (), None),
    "22": (b"\x16\x00\x04\x00\xf2\x00\x25", "write", (4, 4), (0xF2, 0x25), None),
    "23": (struct.pack(">BHHHHBHH", 23, 3, 6, 14, 2, 4, 1, 2), "write", (14, 15), (1, 2), None),
    "8/1": (b"\x08\x00\x01\x00\x00", "critical", None, (), 1),
    "8/4": (b"\x08\x00\x04\x00\x00", "critical", None, (), 4),
    "8/10": (b"\x08\x00\x0a\x00\x00", "critical", None, (), 10),
    "90": (b"\x5a\x01\x41\xff\x00", "program", None, (), 0x41),
    "43/13": (b"\x2b\x0d\x00", "write", None, (), 13),
    "100": (b"\x64\x01\x02", "write", None, (), None),
}
QUERIES = {
    "1": (read_request(5, 10, 1), "read", (5, 14)),
    "2": (read_request(5, 10, 2), "read", (5, 14)),
    "3": (read_request(5, 10, 3), "read", (5, 14)),
    "4": (read_request(5, 10, 4), "read", (5, 14)),
    "7": (b"\x07", "read", None),
    "8": (b"\x08\x00\x00\xa5\x37", "read", None),
    "11": (b"\x0b", "read", None),
    "12": (b"\x0c", "read", None),
    "17": (b"\x11", "discover", None),
    "24": (b"\x18\x04\xde", "read", None),
    "43": (b"\x2b\x0e\x01\x00", "discover", None),
}


class Line:
    """A conversation without TCP around it."""

    def __init__(self, *, sure: bool = True) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self.notes = Sightings("tap")
        flow = Flow(CLIENT, SERVER, 502, self.notes, sure=sure, trace=lambda *message: self.messages.append(message))
        self.conversation = ModbusConversation(flow)
        self.now_ns = START

    def asks(self, *data: bytes) -> "Line":
        return self._says(data, from_client=True)

    def answers(self, *data: bytes) -> "Line":
        return self._says(data, from_client=False)

    def _says(self, said, *, from_client) -> "Line":
        for data in said:
            self.conversation.data(from_client=from_client, data=memoryview(data), time_ns=self.now_ns)
        return self

    def said(self, kind=None):
        self.now_ns += NS
        events = [*self.notes.take(self.now_ns), *self.notes.take(self.now_ns + NS)]
        return [event for event in events if kind in (None, event.kind)]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_told_with_what_it_does(name):
    """Action, items and values of every function that changes something."""
    pdu, action, items, values, sub = COMMANDS[name]
    (told,) = Line().asks(mbap(1, pdu, unit=3)).said()

    assert (told.kind, told.function) == (EventKind.COMMAND, name.partition("/")[0])
    assert (told.source, told.target, told.port, told.protocol) == (CLIENT, SERVER, 502, "modbus")
    assert (told.facts["action"], told.facts["unit"], told.raw) == (action, 3, pdu)
    assert (told.facts.get("items"), told.facts.get("values", ()), told.facts.get("sub")) == (items, values, sub)


@pytest.mark.parametrize("name", QUERIES)
def test_reading_is_told_once_a_block(name):
    """The first of its kind only: polling is silent, in this connection and in the next."""
    pdu, action, items = QUERIES[name]
    line = Line().asks(mbap(1, pdu), mbap(2, pdu))
    (told,) = line.said()

    assert (told.kind, told.function, told.count) == (EventKind.QUERY, name.partition("/")[0], 1)
    assert (told.facts["action"], told.facts.get("items")) == (action, items)
    ModbusConversation(Flow(CLIENT, SERVER, 502, line.notes)).data(
        from_client=True, data=memoryview(mbap(3, pdu)), time_ns=line.now_ns
    )
    assert line.said() == []


def test_the_same_command_is_counted():
    """A second later it is told how often it came; another value is the same thing, with the last value."""
    on, off = b"\x05\x00\x07\xff\x00", b"\x05\x00\x07\x00\x00"
    first, again = Line().asks(*(mbap(number, pdu) for number, pdu in enumerate((on, on, on, off)))).said()

    assert (first.count, first.facts["values"]) == (1, (1,))
    assert (again.count, again.facts["values"]) == (3, (0,))


def test_another_value_is_told_when_it_comes_back():
    """What is told of many in a second is the last, also when it was there before."""
    on, off = b"\x05\x00\x07\xff\x00", b"\x05\x00\x07\x00\x00"
    _, again = Line().asks(*(mbap(number, pdu) for number, pdu in enumerate((on, off, on)))).said()

    assert (again.count, again.facts["values"]) == (2, (1,))


def test_an_exception_is_told_with_its_code():
    """By the server that refuses, with the function that was asked."""
    (_, told) = Line().asks(mbap(1, read_request(1))).answers(mbap(1, b"\x83\x02")).said()

    assert (told.kind, told.source, told.target, told.function) == (EventKind.EXCEPTION, SERVER, CLIENT, "3")
    assert told.facts == {"code": 2, "what": "illegal data address", "unit": 1}


ORPHANS = {
    "request": mbap(9, read_response()),
    "unit": mbap(1, read_response(), unit=2),
    "function": mbap(1, read_response(function=4)),
    "items": mbap(1, read_response(3)),
}


@pytest.mark.parametrize("why", ORPHANS)
def test_a_response_to_nothing_that_was_asked_is_told(why):
    """No such transaction, another unit, another function, another number of items."""
    (told,) = Line().asks(mbap(1, read_request(1))).answers(ORPHANS[why]).said(EventKind.ORPHAN)

    assert (told.source, told.target, told.facts["why"]) == (SERVER, CLIENT, why)


def test_an_echo_of_another_address_is_an_orphan():
    """What confirms a write of something else was not asked."""
    write = b"\x06\x00\x07\x12\x34"
    line = Line().asks(mbap(1, write), mbap(2, write)).answers(mbap(1, write), mbap(2, b"\x06\x00\x08\x12\x34"))

    (told,) = line.said(EventKind.ORPHAN)
    assert told.facts["why"] == "items"


def test_an_answer_comes_once():
    """The second answer to one request is a forged one, or follows one."""
    answer = mbap(1, read_response())

    assert len(Line().asks(mbap(1, read_request(1))).answers(answer).said(EventKind.ORPHAN)) == 0
    assert len(Line().asks(mbap(1, read_request(1))).answers(answer, answer).said(EventKind.ORPHAN)) == 1


def test_clients_that_number_all_requests_the_same_are_normal():
    """Zero for all, one after another, or two at once; and several units behind a gateway at once."""
    line = Line()
    for function in (3, 4, 3):
        line.asks(mbap(0, read_request(1, function=function))).answers(mbap(0, read_response(function=function)))
    line.asks(mbap(0, read_request(1)), mbap(0, read_request(1, function=4)))
    line.answers(mbap(0, read_response()), mbap(0, read_response(function=4)))
    line.asks(mbap(0, read_request(1)), mbap(0, read_request(1), 2))
    line.answers(mbap(0, read_response(), 2), mbap(0, read_response()))

    assert not line.said(EventKind.ORPHAN)


def test_after_a_start_or_a_loss_answers_without_requests_are_normal():
    """Until one was matched again: the request may have been in what was not captured."""
    line = Line(sure=False).answers(mbap(8, read_response()))
    assert not line.said(EventKind.ORPHAN)
    line.asks(mbap(1, read_request(1))).answers(mbap(1, read_response()))
    line.conversation.lost(from_client=True)
    line.answers(mbap(2, read_response()))
    assert not line.said(EventKind.ORPHAN)
    line.asks(mbap(3, read_request(1))).answers(mbap(3, read_response()), mbap(4, read_response()))
    assert len(line.said(EventKind.ORPHAN)) == 1


def test_requests_without_answers_are_bounded():
    """Of more than may be outstanding the oldest is forgotten."""
    line = Line().asks(*(mbap(number, read_request(1)) for number in range(3 * MOST_OUTSTANDING)))

    assert len(line.conversation._asked) == MOST_OUTSTANDING


MALFORMED = {
    "protocol id": b"\0\1\0\7\0\6\1\3\0\0\0\1",
    "length": b"\0\1\0\0\0\1\1\3\0\0\0\1",
    "quantity": mbap(1, read_request(1, 126)),
    "byte count": mbap(1, REGISTERS[:4] + b"\3" + REGISTERS[5:]),
    "function": mbap(1, b"\x83\0"),
    "other protocol: TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03",
    "other protocol: HTTP": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("why", MALFORMED)
def test_what_cannot_be_is_told(why):
    """Each with its word; the request after it is read."""
    line = Line().asks(MALFORMED[why]).asks(mbap(2, read_request(1, 2, 4)))

    (told,) = line.said(EventKind.MALFORMED)
    assert told.facts["why"] == why
    assert line.messages[-1] == ("modbus", "4", True)


BOTH = struct.pack(">BHHHHB", 23, 0, 126, 0, 1, 2) + bytes(2)


@pytest.mark.parametrize("pdu", [read_request(1, 0), read_request(65_535, 2), read_request(0, 2001, 1), BOTH])
def test_more_than_a_message_can_hold_is_told(pdu):
    """Quantities beyond the limits of the standard, or addresses beyond the last: also in a block that is known."""
    line = Line()
    if pdu is not BOTH:
        line.asks(mbap(1, read_request(pdu[1] << 8 | pdu[2], 1, pdu[0])))
    line.asks(mbap(2, pdu))

    (told,) = line.said(EventKind.MALFORMED)
    assert told.facts["why"] == "quantity"


def test_units_asked_each_in_a_connection_of_its_own_make_a_sweep():
    """A scanner that opens anew for each unit is seen too."""
    notes = Sightings("tap")
    for unit in range(8):
        data = memoryview(mbap(unit, read_request(1), unit))
        ModbusConversation(Flow(CLIENT, SERVER, 502, notes)).data(from_client=True, data=data, time_ns=START)

    assert [event.function for event in notes.take(START) if event.kind is EventKind.SWEEP] == ["unit"]


def test_units_and_blocks_asked_for_the_first_time_make_a_sweep():
    """Eight units, or eight blocks, within ten seconds; the same eight again do not."""
    line = Line().asks(*(mbap(unit, read_request(1), unit) for unit in range(8)))
    told = line.said(EventKind.SWEEP)
    assert {(each.function, each.facts["targets"]) for each in told} == {("unit", 8), ("address", 8)}
    assert {(each.source, each.target, each.port) for each in told} == {(CLIENT, SERVER, 502)}

    line.asks(*(mbap(unit, read_request(1), unit) for unit in range(8)))
    assert not line.said(EventKind.SWEEP)


SESSION = [
    (True, mbap(1, read_request(1, 10))),
    (False, mbap(1, read_response(10))),
    (True, mbap(2, REGISTERS)),
    (False, mbap(2, REGISTERS[:5])),
    (True, mbap(3, b"\x2b\x0e\x01\x00")),
    (False, mbap(3, b"\x2b\x0e\x01\x81\x00\x00\x01\x00\x03abc")),
    (True, mbap(4, read_request(7, function=1))),
    (False, mbap(4, b"\x81\x02")),
]
WHOLE = [("modbus", function, client) for function in ("3", "16", "43", "1") for client in (True, False)]


@given(st.data())
@examples(60)
def test_cut_anywhere_the_messages_are_the_same(data):
    """Each message in as many pieces as it pleases, and what is told is the same."""
    line = Line()
    for from_client, message in SESSION:
        cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=4)))
        parts = [message[first:end] for first, end in zip([0, *cuts], [*cuts, len(message)], strict=True)]
        line._says(parts, from_client=from_client)

    assert line.messages == WHOLE
    assert not line.said(EventKind.MALFORMED)


@given(st.integers(0, 11), st.integers(0, 255), st.booleans())
@examples(100)
def test_a_broken_message_costs_at_most_the_one_after_it(at, value, together):
    """One byte of the second of five requests is another: the last three are read, in one segment or in five."""
    requests = [bytearray(mbap(number, read_request(number))) for number in range(1, 6)]
    requests[1][at] = value
    line = Line()
    line.asks(b"".join(requests)) if together else line.asks(*map(bytes, requests))

    assert [function for _, function, _ in line.messages[-3:]] == ["3", "3", "3"]
    assert len(line.messages) >= 4


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=80)), max_size=20))
@examples(50)
def test_no_bytes_raise(said):
    """Any bytes from either side; the request that follows in its own segment is found."""
    line = Line()
    for from_client, data in said:
        line._says([data], from_client=from_client)
    before = len(line.messages)
    line.asks(*(mbap(number, read_request(number, 1, 2)) for number in range(40)))

    assert line.messages[before:].count(("modbus", "2", True)) >= 15
    line.said()


def test_through_tcp_a_session_is_told_whole():
    """From frames to sightings: one pair, what was read, what was written, what was refused."""
    talk = Talk()
    seen = Seen().show(*talk.opened())
    for from_client, message in SESSION:
        seen.show(talk.said(message, client=from_client))

    kinds = [event.kind for event in seen.show(*talk.closed()).said()]
    assert kinds.count(EventKind.PAIR) == kinds.count(EventKind.COMMAND) == kinds.count(EventKind.EXCEPTION) == 1
    assert kinds.count(EventKind.QUERY) == 3
