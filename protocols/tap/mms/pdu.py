"""An MMS message as COTP carries it (ISO 8327, 8823, 8650, 9506-2): where its PDU is, and what names stand in it. Pure.

data:      01 00 01 00  61 L 30 L 02 01 context A0 L PDU            some stacks leave all of that out: PDU
request:   A0 L  02 L invoke-id  service...     response:  A1       error: A2     unconfirmed: A3     reject: A4
variable:  30 L A0 L A1 L  1A L domain  1A L item
"""

import re
from contextlib import suppress
from typing import Final

from protocols.tap.ber import Malformed, tlv
from protocols.tap.mms.data import text

REQUEST, RESPONSE, ERROR, UNCONFIRMED, REJECT = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4
OTHERS: Final = {
    UNCONFIRMED: "unconfirmed",
    0x85: "cancel",
    0x86: "cancelled",
    0xA7: "cancel-error",
    0xA8: "initiate",
    0xA9: "initiated",
    0xAA: "initiate-error",
    0x8B: "conclude",
    0x8C: "concluded",
    0xAD: "conclude-error",
}
"""PDUs without a service, by tag."""
INITIATE, INITIATED, INITIATE_ERROR, CONCLUDE, CONCLUDE_ERROR, CANCEL_ERROR = 0xA8, 0xA9, 0xAA, 0x8B, 0xAD, 0xA7
PDUS: Final = frozenset({REQUEST, RESPONSE, ERROR, REJECT, *OTHERS})
INITIATES: Final = frozenset({INITIATE, INITIATED, INITIATE_ERROR})
DATA: Final = b"\x01\x00\x01\x00"
"""Session: give tokens, then data transfer, both without parameters."""
OPENINGS: Final = frozenset({0x0D, 0x0E, 0x0C})
"""Session: connect, accept, refuse."""
ENDINGS: Final = frozenset({0x09, 0x0A, 0x19, 0x1A})
"""Session: finish, disconnect, abort, abort accept."""
S7: Final = frozenset({0x32, 0x72})
"""What Siemens controllers speak on the same port begins with one of these."""
ITEMS_MAX: Final = 1024
"""Variables of one message: what is kept of one has room for fewer."""
WORDS_MAX: Final = 8
"""Texts of a request of another kind that are looked at: the name of a file has two parts."""
DEEPEST: Final = 16
"""Elements in one another: the opening of an association has thirteen."""

_LENGTH: Final = rb"(?:[\x00-\x7f]|\x81.|\x82..)"
_USUAL: Final = re.compile(
    rb"\x01\x00\x01\x00\x61%b\x30%b\x02\x01.\xa0%b([\xa0-\xa3])([\x00-\x7f]|\x81.|\x82..)" % ((_LENGTH,) * 3),
    re.DOTALL,
)
CONSTRUCTED: Final = 0x20
_USER_DATA: Final = 0xC1
_DOMAIN: Final = 0xA1
_TEXTS: Final = frozenset({0x19, 0x1A, *range(0x80, 0x90)})


def content(data: bytes, *, cut: bool) -> tuple[int, int, int]:
    """Return the tag, begin and end of the PDU in a message of the session; a tag of 0 when there is none.

    Raises:
        Malformed: there should be one.
    """
    end = len(data)
    usual = _USUAL.match(data)
    if usual is not None:
        tag, length = usual.groups()
        size = length[0] if len(length) == 1 else int.from_bytes(length[1:], "big")
        if usual.end() + size == end:
            return tag[0], usual.end(), end
    first = data[0] if data else 0
    if first in PDUS:
        return tlv(data, 0, end, cut=cut)
    if data.startswith(DATA):
        _, at, stop = tlv(data, 4, end, cut=cut)
        _, at, stop = tlv(data, at, stop, cut=cut)
        tag, start, at = tlv(data, at, stop, cut=cut)
        while at < stop and tag != 0xA0:
            tag, start, at = tlv(data, at, stop, cut=cut)
        return tlv(data, start, at, cut=cut)
    if first in OPENINGS:
        return _initiate(data)
    if first in ENDINGS or data == DATA[:2]:
        return 0, 0, 0
    raise Malformed("S7, not MMS" if first in S7 else "unknown message of the session")


def _initiate(data: bytes) -> tuple[int, int, int]:
    """Find the initiate PDU in the opening of a session: it is the last element of the last element of ..."""
    at, end = _user_data(data)
    with suppress(Malformed):
        for _ in range(DEEPEST):
            tag, start, stop = tlv(data, at, end)
            while stop < end:
                tag, start, stop = tlv(data, stop, end)
            if tag in INITIATES:
                return tag, start, stop
            at, end = start, stop
    return 0, 0, 0


def _user_data(data: bytes) -> tuple[int, int]:
    """Return where the user data of a session SPDU stand: code, a length of one or three bytes, contents."""
    at = 2 if data[1:2] != b"\xff" else 4
    while at + 4 <= len(data):
        code, length, at = data[at], data[at + 1], at + 2
        if length == 0xFF:
            length, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        if code == _USER_DATA:
            return at, min(at + length, len(data))
        at += length
    return 0, 0


def variables(data: bytes, at: int, end: int) -> tuple[list[str], int]:
    """Return the names that an access specification asks for, and where it ends.

    Raises:
        Malformed: it cannot be read.
    """
    tag, start, stop = tlv(data, at, end)
    if tag == 0xA1:
        return [name(data, start, stop)], stop
    found: list[str] = []
    while start < stop and len(found) < ITEMS_MAX:
        _, inner, start = tlv(data, start, stop)
        kind, inner, last = tlv(data, inner, start)
        found.append(name(data, inner, last) if kind == 0xA0 else f"kind {kind & 0x1F}")
    return found, stop


def name(data: bytes, at: int, end: int) -> str:
    """Return an object name: `domain/item`, or an item alone where it belongs to no domain.

    Raises:
        Malformed: it cannot be read.
    """
    tag, start, stop = tlv(data, at, end)
    if tag != _DOMAIN:
        return text(data[start:stop])
    _, first, middle = tlv(data, start, stop)
    _, second, last = tlv(data, middle, stop)
    return f"{text(data[first:middle])}/{text(data[second:last])}"


def words(data: bytes, at: int, end: int) -> str:
    """Return the texts of a request of any kind, joined with /: the name of a domain, a file, a program."""
    found: list[str] = []
    with suppress(Malformed):
        _words(data, at, end, found, 0)
    return "/".join(found)


def _words(data: bytes, at: int, end: int, found: list[str], depth: int) -> None:
    while at < end and len(found) < WORDS_MAX:
        tag, start, at = tlv(data, at, end)
        if tag < 0x100 and tag & CONSTRUCTED and depth < DEEPEST:
            _words(data, start, at, found, depth + 1)
        elif tag in _TEXTS and (one := word(data[start:at])):
            found.append(one)


def word(data: bytes) -> str:
    """Return a text of two characters at least, as names have; else nothing: it is a number."""
    return text(data) if len(data) > 1 and all(32 <= byte < 127 for byte in data) else ""


def failures(data: bytes, at: int, end: int) -> list[int]:
    """Return the codes of the results, side by side, that are errors (DataAccessError, tag 80)."""
    found: list[int] = []
    with suppress(Malformed):
        while at < end:
            tag, start, at = tlv(data, at, end)
            if tag == 0x80:
                found.append(int.from_bytes(data[start : min(at, start + 4)], "big"))
    return found
