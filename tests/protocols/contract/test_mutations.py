"""Mutated frames of every codec: whatever comes is read, or is the codec's own error; nothing grows, nothing hangs.

What is mutated was said by real devices: heard between a driver and its server, or by other implementations and kept in
files. `pytest -m slow -k million` feeds 1,000,000 of them and prints what became of each codec's share.
"""

import gc
import json
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from dnp3.datalink.frame import DataLinkFrame
from dnp3.datalink.parser import FrameParser
from dnp3.transport.segmenter import Segmenter
from open61850.mms.association import AssociationError, decode_association_response
from open61850.mms.types import PrimitiveType

from protocols.dnp3.decode import Header, decode
from protocols.dnp3.decode import Violation as Dnp3Violation
from protocols.dnp3.station import Station
from protocols.iec61850 import requests
from protocols.iec61850.codec import WRONG, Answer, Report, incoming, results
from protocols.iec61850.layout import Image, Tree, Wanted, leaves, members
from protocols.iec61850.report import taken
from protocols.iec61850.transport import Disconnected, Stream
from protocols.iec61850.transport import Violation as MmsViolation
from protocols.modbus import identity
from protocols.modbus.codec import Request
from protocols.modbus.codec import Violation as ModbusViolation
from protocols.modbus.mbap import Mbap
from protocols.modbus.rtu import Rtu, checksum
from protocols.opcua import browse, codec, handshake
from protocols.opcua.binary import Reader
from protocols.opcua.binary import Violation as OpcuaViolation
from protocols.opcua.channel import _size
from protocols.opcua.chunks import Chunks, Open, plain

HERE = Path(__file__).parents[1]
SAMPLE = 300
"""Frames of each codec in the fast test."""
SHARES = {
    "modbus_tcp": 100_000, "modbus_rtu": 100_000, "dnp3_link": 80_000, "dnp3_transport": 80_000,
    "dnp3_application": 150_000, "iec61850_transport": 80_000, "iec61850_association": 40_000,
    "iec61850_answers": 80_000, "iec61850_reports": 90_000, "opcua_chunks": 80_000, "opcua_messages": 120_000,
}  # fmt: skip
SLOWEST_S = 0.25
"""Processor time that no frame takes: those that are read take a thousandth of it."""
GROWTH_BYTES = 4 * 1024 * 1024
SPECIAL = (0, 1, 0x7F, 0x80, 0x81, 0x84, 0xFE, 0xFF)
"""Octets at which lengths, counts and tags change their meaning."""

Seed = tuple[bytes, Any]


class Codec(NamedTuple):
    """`feed` takes a mutated frame, and what its seed carries beside it; it returns whether there was anything to read.

    It may raise `own`, and nothing else.
    """

    seeds: Sequence[Seed]
    feed: Callable[[bytes, Any], bool]
    own: tuple[type[Exception], ...]


def mutated(dice, seeds):
    """Return a seed with bits flipped, octets replaced, cut, doubled, taken out, lengths edited, or two spliced."""
    seed, carried = dice.choice(seeds)
    data = bytearray(seed)
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(8):
            case 0 | 1:
                data[at : at + 1] = bytes([(data[at] if at < len(data) else 0) ^ 1 << dice.randrange(8)])
            case 2:
                data[at : at + 1] = bytes([dice.choice(SPECIAL)])
            case 3:
                data[at : at + 2] = dice.choice((b"\xff\xff", b"\0\0", b"\x7f\xff", dice.randbytes(2)))
            case 4:
                del data[at:]
            case 5:
                del data[at : at + dice.randrange(1, 9)]
            case 6:
                data[at:at] = data[at : at + dice.randrange(1, 65)] or dice.randbytes(3)
            case _:
                other = dice.choice(seeds)[0]
                data[at:] = other[dice.randrange(len(other)) :]
    return bytes(data), carried


def hammer(one, count, seed):
    """Feed `count` mutated frames; return how many were read, and the processor time of the slowest in seconds."""
    dice, read, slowest = random.Random(seed), 0, 0
    gc.collect()
    gc.freeze()  # else a collection of all that other tests have left is counted as the time of a frame
    for _ in range(count):
        frame, carried = mutated(dice, one.seeds)
        began = time.process_time_ns()
        try:
            read += one.feed(frame, carried)
        except one.own:
            pass
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} of {frame.hex()}") from error
        slowest = max(slowest, time.process_time_ns() - began)
    gc.unfreeze()
    return read, slowest / 1e9


# Modbus: answers, each with the unit and the question


def modbus_seeds(heard, way):
    start, end = (7, 0) if way == "tcp" else (1, 2)
    golden = json.loads((HERE / "modbus_vectors.json").read_text())[way]
    pairs = [*heard, *((bytes.fromhex(asked), bytes.fromhex(said)) for asked, said in golden)]
    for asked, said in pairs:
        answer = said[start : len(said) - end]
        size = answer[1] if answer[0] < 0x80 else 2
        yield _again(said, way), (said[start - 1], Request(asked[start : len(asked) - end], size))
    who = bytes.fromhex("2b0e01810000020003414243010158")
    frame = b"\0\0\0\0" + (len(who) + 1).to_bytes(2, "big") + b"\1" + who if way == "tcp" else b"\1" + who
    frame = frame if way == "tcp" else frame + checksum(frame)
    yield _again(frame, way), (1, Request.identify(1, 0))


def _again(said, way):
    """Return an answer as one to the first question of a conversation."""
    return b"\0\1" + said[2:] if way == "tcp" else said


def modbus_feed(framing):
    def feed(frame, carried):
        unit, request = carried
        one, view, found = framing(), memoryview(frame), False
        one.ask(unit, request, lenient=False)
        while view and (used := one.take(view))[0]:
            if isinstance(used[1], bytes) and request.size is None:
                identity.parse(used[1])
            view, found = view[used[0] :], found or used[1] is not None
        return found

    return feed


# DNP3: frames, segments in frames with good checks, fragments


class Listener:
    """Takes what a station hands on as a session does."""

    def segment(self, function):
        pass

    def fragment(self, fragment):
        Header.parse(fragment)
        decode(fragment)

    def link_status(self):
        pass

    def down(self, reason):
        pass


def dnp3_frames(heard):
    parser = FrameParser()
    return [frame for _, said in heard for frame in parser.feed(said)]


def dnp3_golden():
    lines = (HERE / "dnp3/vectors.txt").read_text().splitlines()
    return [bytes.fromhex(line) for line in lines if line and line[0] not in " #"]


def dnp3_link(frame, _):
    station, frames = Station(10, 1, Listener(), lambda _: None), list(FrameParser().feed(frame))
    for each in frames:
        station.take(each)
    return bool(frames)


def dnp3_segments(heard):
    for frame in dnp3_frames(heard):
        header = frame.header
        yield frame.user_data, header
    for fragment in dnp3_golden():
        for segment in Segmenter().segment(fragment):
            yield segment.to_bytes(), header


def dnp3_transport(data, header):
    station = Station(10, 1, Listener(), lambda _: None)
    for part in (data[:250], data[250:500]) if len(data) > 250 else (data,):
        station.take(DataLinkFrame.build(header.destination, header.source, header.control, part))
    return True


def dnp3_application(fragment, _):
    Listener().fragment(fragment)
    return True


# IEC 61850: packets, the association, answers, reports

CONFIRM = bytes.fromhex("0300000e09d00001000100c0010d")
HZ = ("LD", "MMXU1", "MX", "Hz")
LEAVES = [(("mag", "f"), "float", 32), (("q",), "bit-string", -13), (("t",), "utc-time", None)]
TREE = Tree(HZ, [(path, PrimitiveType(kind, size)) for path, kind, size in LEAVES])
[POINT] = members([TREE], [Wanted((*HZ, "mag", "f"), 0)])


def mms(heard):
    """Return the messages of all conversations: their associations, their answers, and their reports."""
    associations, answers, reports = [], [], []
    stream = None
    for _, said in heard:
        if said[5:6] == b"\xd0":
            stream, first = Stream(), True
        for message in stream.take(said):
            if message is None:
                continue
            if first:
                associations.append(message)
            else:
                (reports if isinstance(incoming(message), Report) else answers).append(message)
            first = False
    return associations, answers, reports


def mms_transport(packets, _):
    confirmed = packets[5:6] == b"\xd0"
    return bool(list(Stream().take(packets if confirmed else CONFIRM + packets)))


def mms_answer(message, _):
    found = incoming(message)
    if not isinstance(found, tuple) or not isinstance(found[1], Answer):
        return False
    for use in (requests.directory_of, requests.type_of, requests.written, requests.identity_of):
        with suppress(MmsViolation):
            told = use(found[1])
            if use is requests.type_of:
                leaves(told)
    with suppress(MmsViolation):
        for span in results(found[1].content):
            POINT.take(found[1].content, span, Image(1))
    return True


def mms_report(message, _):
    found = incoming(message)
    if not isinstance(found, Report):
        return False
    seen = taken(found)
    for span in seen.values:
        with suppress(MmsViolation):
            POINT.take(seen.data, span, Image(1))
    return True


# OPC UA: chunks, bodies of messages

BODIES = {
    codec.Service.GET_ENDPOINTS: handshake.endpoints, codec.Service.CREATE_SESSION: handshake.created,
    codec.Service.OPEN_SECURE_CHANNEL: handshake.keys, codec.Service.CREATE_SUBSCRIPTION: handshake.subscribed,
    codec.Service.CREATE_MONITORED_ITEMS: codec.items, codec.Service.PUBLISH: codec.notified,
    codec.Service.READ: codec.readings, codec.Service.BROWSE: browse.browsed,
}  # fmt: skip


def opcua_chunks(heard):
    """Return what the server has sent, chunk by chunk, each with the channel and the token that it names."""
    left = b"".join(said for _, said in heard)
    while left:
        size = int.from_bytes(left[4:8], "little")
        yield left[:size], (int.from_bytes(left[8:12], "little"), int.from_bytes(left[12:16], "little"))
        left = left[size:]


def opcua_chunk(data, carried):
    channel, token = carried
    chunks = Chunks(plain(), max_message_bytes=65_536, max_chunks=64)
    chunks.agreed(channel=channel, token=token, lock=Open(), key=Open())
    view, whole = memoryview(data), False
    while size := _size(view):
        whole = True
        if bytes(view[:3]) in (b"MSG", b"OPN"):
            chunks.take(bytes(view[:size]))
        view = view[size:]
    return whole


def opcua_bodies(heard):
    for chunk, _ in opcua_chunks(heard):
        if chunk[:3] == b"MSG":
            yield chunk[24:], None
    node = ua.ReferenceDescription(NodeId=ua.ExpandedNodeId("x", 2), BrowseName=ua.QualifiedName("x", 2))
    for made in (
        ua.BrowseResponse(Results=[ua.BrowseResult(References=[node])]),
        ua.ReadResponse(Results=[ua.DataValue(ua.Variant(value)) for value in ("a", [1.5, 2.5], b"x", 5, None)]),
    ):
        yield struct_to_binary(made), None


def opcua_body(body, _):
    reader = Reader(body)
    head = codec.header(reader)
    for service, use in BODIES.items():
        if head.kind == service + 3:
            start = reader.at
            use(reader)
            if use is codec.readings:
                reader.at = start
                for _ in range(reader.count()):
                    reader.fact()
    return head.kind - 3 in BODIES


@pytest.fixture
async def codecs(heard):
    """Return every codec by its name, with what was heard of it."""
    dnp3_heard, ied, server = await heard("dnp3"), await heard("iec61850"), await heard("opcua")
    associations, answers, reports = mms(ied)
    return {
        "modbus_tcp": Codec([*modbus_seeds(await heard("modbus"), "tcp")], modbus_feed(Mbap), (ModbusViolation,)),
        "modbus_rtu": Codec([*modbus_seeds(await heard("modbus_rtu"), "rtu")], modbus_feed(Rtu), (ModbusViolation,)),
        "dnp3_link": Codec(
            [(frame.to_bytes(), None) for frame in dnp3_frames(dnp3_heard)], dnp3_link, (Dnp3Violation,)
        ),
        "dnp3_transport": Codec([*dnp3_segments(dnp3_heard)], dnp3_transport, (Dnp3Violation,)),
        "dnp3_application": Codec([(each, None) for each in dnp3_golden()], dnp3_application, (Dnp3Violation,)),
        "iec61850_transport": Codec(
            [(said, None) for _, said in ied], mms_transport, (MmsViolation, Disconnected)
        ),
        "iec61850_association": Codec(
            [(each, None) for each in associations], lambda each, _: bool(decode_association_response(each)),
            (AssociationError, *WRONG),
        ),
        "iec61850_answers": Codec([(each, None) for each in answers], mms_answer, (MmsViolation, Disconnected)),
        "iec61850_reports": Codec([(each, None) for each in reports], mms_report, (MmsViolation, Disconnected)),
        "opcua_chunks": Codec([*opcua_chunks(server)], opcua_chunk, (OpcuaViolation,)),
        "opcua_messages": Codec([*opcua_bodies(server)], opcua_body, (OpcuaViolation,)),
    }  # fmt: skip


async def test_what_is_mutated_is_read(codecs):
    """Most seeds mean something to their codec before, so that what is fed is not noise."""
    assert codecs.keys() == SHARES.keys()
    for name, one in codecs.items():
        assert len(one.seeds) >= 2, name
        read = 0
        for frame, carried in one.seeds:
            with suppress(*one.own):
                read += one.feed(frame, carried)

        assert read > len(one.seeds) / 2, name


async def test_mutated_frames(codecs):
    """Some of each codec: some are read, and some are not."""
    for name, one in codecs.items():
        read, _ = hammer(one, SAMPLE, time.time_ns())

        assert 0 < read < SAMPLE, name


@pytest.mark.slow
async def test_a_million_mutated_frames(codecs, capsys):
    """No exception but the codec's own; no frame takes long, and memory stays."""
    total = 0
    for name, one in codecs.items():
        hammer(one, SAMPLE, 0)
        before = _rss()
        read, slowest_s = hammer(one, SHARES[name], 1)
        grown = _rss() - before
        total += SHARES[name]
        with capsys.disabled():
            told = f"{SHARES[name]:9,} mutated, {read:9,} read, slowest {1000 * slowest_s:.1f} ms, {grown:+,} bytes"
            print(f"\n{name:22}{told}", end="", flush=True)  # noqa: T201  who runs it wants to know

        assert grown < GROWTH_BYTES
        assert slowest_s < SLOWEST_S
    assert total == 1_000_000


def _rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
