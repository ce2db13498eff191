"""Mutated messages: the codec raises nothing but its own error."""

import random
import time
from datetime import UTC, datetime

import pytest
from open61850.data import (
    BitStringData,
    BoolData,
    FloatData,
    OctetStringData,
    RawData,
    StructureData,
    TimestampData,
    UIntData,
    VisibleStringData,
    encode_binary_time,
    encode_data,
)
from open61850.mms import pdu
from open61850.mms.association import AssociationParameters, association_request
from open61850.mms.report import OptFlds, ReasonCode, bitstring_of
from open61850.mms.types import PrimitiveType, StructureType
from open61850.server import protocol

from protocols.iec61850 import requests
from protocols.iec61850.codec import Answer, Report, incoming, results
from protocols.iec61850.layout import Image, Tree, Wanted, leaves, members
from protocols.iec61850.report import taken
from protocols.iec61850.transport import Disconnected, Stream, Violation

MV = StructureType(
    [
        ("mag", StructureType([("f", PrimitiveType("float", 32))])),
        ("q", PrimitiveType("bit-string", -13)),
        ("t", PrimitiveType("utc-time")),
    ]
)
ROOT = ("LD", "MMXU1", "MX", "Hz")
MEMBERS = members([Tree(ROOT, leaves(MV))], [Wanted((*ROOT, "mag", "f"), 0)]) * 4
VALUE = StructureData(
    [StructureData([FloatData(50.0)]), BitStringData(b"\0\0", 3), TimestampData(datetime(2026, 11, 20, tzinfo=UTC))]
)
NAMES = [requests.variable((*ROOT, "q"))] * 3


def seeds():
    accept, _ = protocol.association_accept(
        protocol.decode_association_request(association_request(AssociationParameters())),
        max_pdu_size=65000, max_outstanding=5, nesting_level=10,
    )  # fmt: skip
    messages = [
        protocol.confirmed_response(7, 4, protocol.read_response([VALUE] * 4)),
        protocol.confirmed_response(7, 12, protocol.get_named_variable_list_attributes_response(NAMES)),
        protocol.confirmed_response(7, 6, protocol.get_variable_access_attributes_response(MV)),
        protocol.confirmed_response(7, 5, protocol.write_response([None])),
        protocol.confirmed_response(7, 2, protocol.identify_response("a", "b", "c")),
        protocol.confirmed_error(7, 3, 1),
        protocol.reject(7, 1, 1),
        protocol.information_report(report_fields(), list_name="RPT"),
    ]
    return [*(pdu.wrap(each) for each in messages), accept]


def report_fields():
    options = OptFlds(*[True] * 4, False, *[True] * 4)
    reason = ReasonCode(data_change=True).to_bitstring()
    return [
        VisibleStringData("brcb"), options.to_bitstring(), UIntData(1),
        RawData(0x8C, encode_binary_time(datetime(2026, 11, 20, tzinfo=UTC))), VisibleStringData("LD/LLN0$ds"),
        BoolData(value=False), OctetStringData(bytes(8)), UIntData(1), UIntData(0), BoolData(value=False),
        bitstring_of([True] * 4), *[VALUE] * 4, *[reason] * 4,
    ]  # fmt: skip


def mutated(seed, rng):
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at:at] = rng.randbytes(rng.randrange(1, 5))
            case 3:
                del data[at : at + rng.randrange(1, 5)]
            case _:
                data[at] = rng.choice((0, 0x7F, 0x80, 0x81, 0x84, 0xFF, 0xA1, 0xA2))
        if not data:
            return b""
    return bytes(data)


def swallow(message):
    """Do with a message what the driver could do."""
    image = Image(1)
    found = incoming(message)
    if isinstance(found, Report):
        seen = taken(found)
        for index, span in zip(seen.members, seen.values, strict=True):
            if index < len(MEMBERS):
                MEMBERS[index].take(seen.data, span, image)
    elif found is not None and isinstance(found[1], Answer):
        digest(found[1], image)


def digest(answer, image):
    for use in (requests.directory_of, requests.type_of, requests.written, requests.identity_of, results):
        try:
            told = use(answer.content if use is results else answer)
            if use is requests.type_of:
                leaves(told)
        except Violation:
            continue
        if use is results:
            for member, span in zip(MEMBERS, told, strict=False):
                member.take(answer.content, span, image)


def fuzz(count, seed):
    rng, good = random.Random(seed), seeds()
    outcomes = {"well": 0, "violation": 0}
    for _ in range(count):
        message = mutated(rng.choice(good), rng)
        stream = Stream()
        try:
            swallow(message)
            list(stream.take(bytes.fromhex("0300000e09d00001000100c0010a")))
            list(stream.take(mutated(stream.frames(message or b"x"), rng)))
        except (Violation, Disconnected):
            outcomes["violation"] += 1
        else:
            outcomes["well"] += 1
    return outcomes


def test_seeds_are_well():
    """What is mutated means something before."""
    for seed in seeds()[:-1]:
        found = incoming(seed)
        if isinstance(found, Report):
            assert len(taken(found).values) == 4
        else:
            assert found[0] == 7


def test_mutated_messages():
    """20,000 of them: a meaning, or a violation."""
    outcomes = fuzz(20_000, time.time_ns())

    assert min(outcomes.values()) > 1000


@pytest.mark.slow
def test_many_mutated_messages():
    """250,000 of them."""
    assert sum(fuzz(250_000, 61850).values()) == 250_000


def cost_s(count):
    """Return the least CPU time that a message of `count` values took in five turns."""
    data = encode_data(FloatData(1.0)) * count
    message = pdu.wrap(protocol.confirmed_response(1, 4, b"\xa1\x83" + len(data).to_bytes(3, "big") + data))
    turns = []
    for _ in range(5):
        began = time.process_time()
        _, answer = incoming(message)
        found = len(results(answer.content))
        turns.append(time.process_time() - began)
        assert found == count
    return min(turns)


def test_values_take_time_in_proportion():
    """Eight times the values take about eight times as long, up to the largest message: far from the 64 of a square."""
    assert cost_s(16_000) < 24 * cost_s(2_000)
