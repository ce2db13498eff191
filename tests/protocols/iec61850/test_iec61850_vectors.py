"""What libiec61850 sends: every value as tshark reads it, and as libiec61850 was told."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
from open61850.mms.types import PrimitiveType, StructureType

from protocols.iec61850.codec import Report, error_code, incoming, results, spans
from protocols.iec61850.layout import Image, Tree, Wanted, members
from protocols.iec61850.layout import leaves as leaves_of
from protocols.iec61850.report import GI, taken
from protocols.iec61850.transport import Violation
from protocols.iec61850.values import bits, entry_time, number, time
from protocols.model import Quality

VECTORS = Path(__file__).parent / "vectors.txt"
STRUCTURES = (0xA1, 0xA2)
FLOAT, Q, T = PrimitiveType("float", 32), PrimitiveType("bit-string", -13), PrimitiveType("utc-time")
S, MS, BASE_MS = 1_000_000_000, 1_000_000, 1_700_000_000_000
PLACES = {0: 0, 1: 1, 2: 2, 3: 3, 10: 4}
"""Of dsMeas, which has ten measurands and the position."""
TOLD = {"m0": 0.0, "m1": 1.0, "m2": -12.625, "m3": 3.0}
STAMPS_MS = {"m0": 0, "m1": 1, "m2": 250, "m3": 3, "pos": 123}
"""After 22:13:20 on 14 November 2023."""
QUALITIES = {
    "m0": 0,
    "m1": Quality.QUESTIONABLE,
    "m2": 0,
    "m3": Quality.INVALID | Quality.INACCURATE | Quality.SUBSTITUTED | Quality.TEST | Quality.BLOCKED,
    "pos": 0,
}


def vectors():
    """Return each message with the values that tshark reads in it."""
    found = []
    for line in VECTORS.read_text().splitlines():
        if line.startswith("  "):
            found[-1][1].append(line.strip())
        elif line and not line.startswith("#"):
            found.append((bytes.fromhex(line), []))
    return found


def values(message):
    """Return the bytes of the values of a message, and the values side by side in it."""
    found = incoming(message)
    if isinstance(found, Report):
        return found.data, spans(*found)
    _, answer = found
    return answer.content, results(answer.content) if answer.service == 4 else spans(
        answer.content, 0, len(answer.content)
    )


def leaves(data, side_by_side):
    for span in side_by_side:
        yield from leaves(data, spans(data, span.body, span.end)) if span.tag in STRUCTURES else [span]


def as_tshark_says(data, span):
    """Return a value in the words of tshark."""
    where = (data, span.body, span.end)
    contents = data[span.body : span.end]
    if span.tag == 0x84:
        assert bits(*where) == int.from_bytes(contents[1:], "big") >> contents[0]
    if span.tag == 0x87:
        assert struct.pack(">f", number(data, span.tag, span.body, span.end)) == contents[1:]
    word, told = {
        0x80: ("failure", lambda: error_code(data, span)),
        0x83: ("boolean", lambda: bool(number(data, span.tag, span.body, span.end))),
        0x84: ("bit-string", lambda: f"{contents[0]} {contents[1:].hex()}"),
        0x85: ("integer", lambda: int(number(data, span.tag, span.body, span.end))),
        0x86: ("unsigned", lambda: int(number(data, span.tag, span.body, span.end))),
        0x87: ("floating-point", contents.hex),
        0x89: ("octet-string", contents.hex),
        0x8A: ("visible-string", contents.decode),
        0x8C: ("binary-time", lambda: _moment(entry_time(*where))),
        0x91: ("utc-time", lambda: _moment(time(data, span.tag, span.body, span.end)[0])),
    }[span.tag]
    return f"{word} {told()}"


def _moment(time_ns):
    moment = datetime.fromtimestamp(time_ns // S, UTC)
    return f"{moment:%b %d, %Y %H:%M:%S}.{time_ns % S:09} UTC"


def tshark_says(told):
    """Return what tshark said, an error by its number; it cuts off what we round to the next nanosecond."""
    if told.startswith("failure"):
        return [f"failure {told.rpartition('(')[2][:-1]}"]
    if not told.startswith("utc-time"):
        return [told]
    moment = datetime.strptime(told.partition(".")[0], "utc-time %b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
    ns = int(moment.timestamp()) * S + int(told.partition(".")[2].split()[0])
    return [f"utc-time {_moment(ns)}", f"utc-time {_moment(ns + 1)}"]


@pytest.mark.parametrize(("message", "told"), vectors(), ids=range(len(vectors())))
def test_what_libiec61850_writes_is_what_tshark_reads(message, told):
    """Kind, bytes, and the meaning of times to the nanosecond."""
    data, side_by_side = values(message)
    found = [as_tshark_says(data, span) for span in leaves(data, side_by_side)]

    assert len(found) == len(told)
    assert all(ours in tshark_says(theirs) for ours, theirs in zip(found, told, strict=True))


def trees():
    """Return the measurands and the position as libiec61850 has them, and what is wanted of each."""
    mv = StructureType([(name, StructureType([("f", FLOAT)])) for name in ("instMag", "mag")] + [("q", Q), ("t", T)])
    dpc = StructureType([("stVal", PrimitiveType("bit-string", 2)), ("q", Q), ("t", T)])
    roots = {f"m{index}": ("LD", "GGIO1", "MX", f"AnIn{index + 1:03}") for index in range(4)}
    wanted = [Wanted((*root, "mag", "f"), place) for place, root in enumerate(roots.values())]
    position = ("LD", "XCBR1", "ST", "Pos")
    return [*(Tree(root, leaves_of(mv)) for root in roots.values()), Tree(position, leaves_of(dpc))], [
        *wanted,
        Wanted((*position, "stVal"), 4),
    ]


def check(image):
    values, quality, times = image.taken(range(5))
    stamps = [(BASE_MS + each) * MS for each in STAMPS_MS.values()]

    assert values.tolist() == [*TOLD.values(), 2.0]
    assert quality.tolist() == list(QUALITIES.values())
    assert max(abs(ours - theirs) for ours, theirs in zip(times.tolist(), stamps, strict=True)) < 60


def test_a_read_says_what_the_server_was_told():
    """Values, the qualities in libiec61850's own words, stamps to the resolution of 24 bits, 60 ns."""
    image, (message, _) = Image(5), vectors()[0]
    data, side_by_side = values(message)
    for member, span in zip(members(*trees()), side_by_side, strict=True):
        member.take(data, span, image)

    check(image)


def test_a_report_says_what_the_server_was_told():
    """The same by a general interrogation; its header says where it comes from."""
    reports = [found for message, _ in vectors() if isinstance(found := incoming(message), Report)]
    seen = next(each for each in map(taken, reports) if each.reasons & GI)
    image, ours = Image(5), members(*trees())
    for index, span in zip(seen.members, seen.values, strict=True):
        if index in PLACES:
            ours[PLACES[index]].take(seen.data, span, image)

    check(image)
    assert (seen.name, seen.data_set, seen.revision, seen.size) == ("brcbMeas01", "IED3LD0/LLN0$dsMeas", 1, 11)
    assert len(seen.entry_id) == 8


def test_cut_anywhere():
    """Every message of theirs that ends too early is a violation."""
    for message, _ in vectors():
        for end in range(len(message)):
            with pytest.raises(Violation):
                values(message[:end])
