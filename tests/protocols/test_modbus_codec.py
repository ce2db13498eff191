"""The codec frames and parses what a device may send, and can ask for nothing but reads."""

import ast
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

import protocols
from protocols.modbus.codec import Refusal, Request, Violation
from protocols.modbus.mbap import HEADER, LARGEST_FRAME, Frame, Mbap, frame
from protocols.modbus.planner import Block

HEADERS = st.tuples(st.integers(0, 0xFFFF), st.integers(0, 255), st.binary(min_size=1, max_size=253))


THEIRS = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}


def adu(transaction, unit, pdu):
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def feed(chunks):
    """Return the frames in `chunks` and the violation that ended them, if any."""
    data, found = b"", []
    for chunk in chunks:
        data += chunk
        try:
            while (one := frame(memoryview(data))) is not None:
                found.append(one)
                data = data[HEADER.size + len(one.pdu) :]
        except Violation as violation:
            return found, str(violation)
    return found, None


@given(st.lists(HEADERS, max_size=4), st.binary(max_size=20))
def test_whole_input_and_byte_by_byte_give_the_same(messages, noise):
    """However TCP cuts the stream, the same frames and the same violation come out."""
    stream = b"".join(adu(*message) for message in messages) + noise

    whole = feed([stream])

    assert [Frame(*message) for message in messages] == whole[0][: len(messages)]
    assert whole == feed(bytes([byte]) for byte in stream)


@given(st.binary(max_size=600))
def test_noise_raises_nothing_but_violations(noise):
    """Arbitrary bytes are frames, a need for more, or a violation."""
    feed([noise])


@pytest.mark.parametrize("length", [0, 1, 255, 65535])
def test_a_length_that_no_frame_has_is_a_violation(length):
    """The length field is from 2 to 254, and is judged before the rest has come."""
    with pytest.raises(Violation, match=f"length {length} is not from 2 to 254"):
        frame(memoryview(struct.pack(">HHH", 1, 0, length)))


def test_a_protocol_other_than_modbus_is_a_violation():
    """The protocol identifier is 0, and is judged as soon as it is there."""
    with pytest.raises(Violation, match="protocol identifier 3, not 0"):
        frame(memoryview(b"\0\1\0\3"))


def test_the_largest_frame_is_taken():
    """260 bytes are a frame."""
    largest = adu(1, 1, bytes(253))

    assert len(largest) == LARGEST_FRAME
    assert Frame(1, 1, bytes(253)) == frame(memoryview(largest))


@pytest.mark.parametrize(
    ("table", "count", "pdu", "size"),
    [
        ("coil", 9, "01 0064 0009", 2),
        ("discrete", 2000, "02 0064 07d0", 250),
        ("holding", 125, "03 0064 007d", 250),
        ("input", 1, "04 0064 0001", 2),
    ],
)
def test_requests_are_those_of_the_specification(table, count, pdu, size):
    """Modbus Application Protocol V1.1b3, clauses 6.1 to 6.4."""
    request = Request.read(Block(table, 100, count))

    assert (bytes.fromhex(pdu), size) == (request.pdu, request.size)
    assert adu(1, 7, bytes.fromhex(pdu)) == Mbap().ask(7, request, lenient=False)


@pytest.mark.parametrize(("table", "count"), [("holding", 126), ("input", 0), ("coil", 2001), ("discrete", 0)])
def test_more_or_less_than_the_specification_allows_cannot_be_asked(table, count):
    """1 to 125 registers, 1 to 2,000 bits."""
    with pytest.raises(ValueError, match="count"):
        Request.read(Block(table, 0, count))


REQUEST = Request.read(Block("holding", 0, 2))


def test_an_answer_gives_its_data():
    """Function and count are checked and taken off."""
    assert REQUEST.parse(b"\3\4\1\2\3\4") == b"\1\2\3\4"


@pytest.mark.parametrize("code", range(256))
def test_every_exception_code_is_a_refusal_in_words(code):
    """Any code makes a refusal; those of the specification are spelled out."""
    refusal = REQUEST.parse(bytes([0x83, code]))

    assert Refusal(code) == refusal
    assert str(refusal).startswith(f"exception {code}, ")
    assert (code in (1, 2, 3), code in (10, 11)) == (refusal.of_address, refusal.of_gateway)


@pytest.mark.parametrize(
    "pdu",
    [
        "03",
        "83",
        "830200",
        "03 04 010203",
        "03 04 0102030405",
        "03 03 010203",
        "03 06 010203040506",
        "04 04 01020304",
        "84 02",
        "03 05 01020304",
        "00",
        "06 04 01020304",
    ],
)
def test_what_does_not_answer_the_request_is_a_violation(pdu):
    """Another function, another count, or a count that lies."""
    with pytest.raises(Violation):
        REQUEST.parse(bytes.fromhex(pdu))


@pytest.mark.parametrize("function", sorted(set(range(256)) - {1, 2, 3, 4}))
def test_nothing_but_reads_can_be_sent(function):
    """No request exists with a function that writes, or any other than 1 to 4."""
    with pytest.raises(ValueError, match="nothing else is ever sent"):
        Request(bytes([function]) + bytes(4), 2)


def test_only_the_four_tables_can_be_read():
    """A request is built from a table, and there are four."""
    assert {1, 2, 3, 4} == {Request.read(Block(t, 0, 1)).function for t in ("coil", "discrete", "holding", "input")}
    with pytest.raises(KeyError):
        Request.read(Block("file", 0, 1))


def test_no_driver_names_a_function_that_writes():
    """The sources of all protocols import and name nothing that writes to a Modbus device."""
    files = sorted(Path(protocols.__file__).parent.rglob("*.py"))
    names = {
        name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (getattr(node, "id", None), getattr(node, "attr", None), *_imported(node))
        if name
    }

    assert "Request" in names
    assert not any(n.startswith("pymodbus") for n in names)
    assert (
        sorted(n for n in names if n.startswith(("Write", "MaskWrite", "ReadWrite", "write_coil", "write_reg"))) == []
    )


def _imported(node):
    return [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []


@pytest.mark.parametrize("table", THEIRS)
@given(start=st.integers(0, 0xFFFF - 125), count=st.integers(1, 125))
def test_requests_are_those_of_pymodbus(table, start, count):
    """Every request that reads is, byte by byte, the one that pymodbus builds."""
    theirs = THEIRS[table](address=start, count=count)

    assert Request.read(Block(table, start, count)).pdu == bytes((theirs.function_code,)) + theirs.encode()
