"""A GOOSE frame (IEC 61850-8-1 clause 18 and annex A): the bytes after the EtherType in, its parts out. Pure.

APPID:2  length:2 (from the APPID on)  reserved:2 (first bit: simulated)  reserved:2
61 L  80 gocbRef  81 timeAllowedToLive  82 datSet  83 goID  84 t  85 stNum  86 sqNum  87 simulation (edition 1: test)
      88 confRev  89 ndsCom  8A numDatSetEntries  AB allData
"""

from struct import Struct
from typing import Final, NamedTuple

from protocols.tap.ber import Malformed, tlv, unsigned

HEADER: Final = Struct(">HHHH")
MOST_PARTS: Final = 16
"""Elements of a PDU: twelve are defined, and one for security."""
MOST_ENTRIES: Final = 1024
"""Entries of a data set: two bytes each at least fill the largest frame with some 700."""
STATUS: Final = 0x61
SIMULATED: Final = 0x8000
LAST: Final = 0xFFFF_FFFF
"""stNum and sqNum are INT32U; after the last comes 1 (IEC 61850-8-1 clause 18.1.2.5)."""

REF, LIVE, DATASET, ID, TIME, ST, SQ, TEST, CONF_REV, NDS_COM, ENTRIES, DATA = (*range(0x80, 0x8B), 0xAB)
NAMES: Final = {
    REF: "gocbRef",
    LIVE: "timeAllowedtoLive",
    DATASET: "datSet",
    ID: "goID",
    TIME: "t",
    ST: "stNum",
    SQ: "sqNum",
    TEST: "simulation",
    CONF_REV: "confRev",
    NDS_COM: "ndsCom",
    ENTRIES: "numDatSetEntries",
    DATA: "allData",
}
NEEDED: Final = (REF, LIVE, DATASET, TIME, ST, SQ, CONF_REV, ENTRIES, DATA)
_SECURITY: Final = (0x8C, 0xAC)
_VALUES: Final = frozenset((*range(0x83, 0x92), 0xA1, 0xA2))
_NONE: Final = b""
_NO: Final = b"\0"


class Pdu(NamedTuple):
    """What a frame says. `head` is all before t, `tail` all behind sqNum: both stay while nothing but those changes.

    `wrong` says what the standard does not allow but the rest can be read without.
    """

    app_id: int
    simulated: bool
    ref: bytes
    live_ms: int
    dataset: bytes
    go_id: bytes
    t: bytes
    st: int
    sq: int
    test: bool
    conf_rev: int
    nds_com: bool
    data: bytes
    head: bytes
    tail: bytes
    size: int
    wrong: str


def parse(frame: bytes) -> Pdu | None:
    """Return what the frame says; None for a PDU that is not the state of a publisher.

    Raises:
        Malformed: the publisher and its counters cannot be read.
    """
    if len(frame) < HEADER.size + 2:
        raise Malformed("frame cut off")
    app_id, length, reserved, _ = HEADER.unpack_from(frame)
    if length < HEADER.size + 2 or length > len(frame):
        raise Malformed("length of the frame")
    tag, at, end = tlv(frame, HEADER.size, length)
    if tag != STATUS:
        return None
    parts, begin, wrong = _parts(frame, at, end)
    get = parts.get
    try:
        ref, t, st, sq = parts[REF], parts[TIME], unsigned(parts[ST]), unsigned(parts[SQ])
    except KeyError as missing:
        raise Malformed(f"{NAMES[missing.args[0]]} is missing") from None
    for tag in NEEDED:
        if tag not in parts:
            wrong = f"{NAMES[tag]} is missing"
    data = get(DATA, _NONE)
    if not wrong and _entries(data) != unsigned(parts[ENTRIES]):
        wrong = "numDatSetEntries is not what there is"
    if not wrong and (len(t) != 8 or max(st, sq) > LAST):
        wrong = "size of t, stNum or sqNum"
    return Pdu(
        app_id,
        reserved & SIMULATED != 0,
        ref,
        unsigned(get(LIVE) or _NO),
        get(DATASET, _NONE),
        get(ID, _NONE),
        t,
        st,
        sq,
        any(get(TEST, _NO)),
        unsigned(get(CONF_REV) or _NO),
        any(get(NDS_COM, _NO)),
        data,
        frame[: begin[TIME]],
        frame[begin[SQ] + 2 + len(parts[SQ]) : length],
        length,
        wrong,
    )


def _parts(frame: bytes, at: int, end: int) -> tuple[dict[int, bytes], dict[int, int], str]:
    """Return the contents of each element, where each begins, and what is wrong with them."""
    parts: dict[int, bytes] = {}
    begin: dict[int, int] = {}
    wrong = ""
    while at < end:
        first, tag = at, frame[at]
        start = at + 2
        at = start + frame[at + 1] if start <= end else end + 1
        if tag & 0x1F == 0x1F or at > end or at - start > 0x7F:  # not as short as nearly all are
            tag, start, at = tlv(frame, first, end)
        if tag in parts or len(parts) >= MOST_PARTS:
            raise Malformed("an element twice")
        if tag not in NAMES and tag not in _SECURITY:
            wrong = "element that is not defined"
        parts[tag], begin[tag] = frame[start:at], first
    return parts, begin, wrong


def _entries(data: bytes) -> int:
    """Return how many values stand side by side in allData, -1 when something else does.

    Raises:
        Malformed: they do not end where it ends.
    """
    at = found = 0
    end = len(data)
    while at < end:
        tag, start = data[at], at + 2
        stop = start + data[at + 1] if start <= end else end + 1
        if stop > end or stop - start > 0x7F:  # not as short as nearly all are
            tag, _, stop = tlv(data, at, end)
        at = stop
        found += 1
        if tag not in _VALUES or found > MOST_ENTRIES:
            return -1
    return found
