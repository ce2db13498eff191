"""One conversation of MMS on port 102 (TPKT, COTP, session, presentation): who asks what of a device, and gets what.

Plain reading that was seen once in a conversation costs a hash from then on, whatever it is about. A service that does
something is told as `command` each time, one that finds out as `query` the first time.
"""

import re
from dataclasses import dataclass, field
from struct import Struct
from typing import ClassVar, Final

from protocols.model import EventKind
from protocols.tap.ber import Malformed, tlv, unsigned
from protocols.tap.dissector import Flow
from protocols.tap.messages import KEPT_MAX, Shape
from protocols.tap.mms import pdu as mmspdu
from protocols.tap.mms.meaning import error_code, meaning, results, service_number
from protocols.tap.mms.service import READ, SERVICES, WRITE, service
from protocols.tap.talk import Side, Talk, Waits

TPKT: Final = Shape(
    re.compile(rb"\x03\x00..[\x02-\xfe][\xf0\xf1\xe0\xd0\x80\xc0\x70]", re.DOTALL),
    size=7,
    length=Struct(">H"),
    at=2,
    most=0xFFFF,
)
"""RFC 1006: 03 00 length:2, then COTP (ISO 8073 class 0): its length, its type."""
PENDING_MAX: Final = 64
"""Requests of one side that wait for an answer: servers grant some five, of more the oldest is no longer waited for."""
_DATA: Final = 0xF0
_LAST: Final = 0x80
_WAITS: Final = tuple((number, "") for number in range(len(SERVICES)))
_FUNCTIONS: Final = tuple(map(str, range(256)))
_FAILED: Final = b"\x80\x01"


@dataclass(slots=True, eq=False)
class MmsSide(Side):
    """One direction: the pieces of a message so far, and which of its requests wait for an answer.

    `asked` is whether it wants an association and waits for it, `ended` whether it has concluded it.
    """

    pieces: bytearray = field(default_factory=bytearray)
    cut: bool = False
    waits: Waits = field(default_factory=dict)
    asked: bool = False
    ended: bool = False

    def gap(self) -> None:
        """Forget what was begun."""
        Side.gap(self)
        self.begin()

    def begin(self) -> None:
        """Wait for the first piece of a message."""
        self.pieces.clear()
        self.cut = False


class MmsConversation(Talk[MmsSide]):
    """Looks at both directions of a connection."""

    SHAPE: ClassVar[Shape] = TPKT
    GARBAGE: ClassVar[str] = "no TPKT"
    PROTOCOL: ClassVar[str] = "mms"
    NAME: ClassVar[str] = "MMS"

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow, MmsSide)

    def _take(self, side: MmsSide, message: bytes) -> None:
        if message[5] & 0xF0 != _DATA:
            side.begin()
            return
        start = 5 + message[4]
        if start > len(message):
            raise Malformed("length of COTP")
        cut = len(message) == KEPT_MAX
        last = message[start - 1] & _LAST
        if last and not side.pieces:
            self._message(side, message[start:], cut)
            return
        side.cut = side.cut or cut or len(side.pieces) + len(message) - start > KEPT_MAX
        side.pieces += message[start : start + KEPT_MAX - len(side.pieces)]
        if last:
            whole, cut = bytes(side.pieces), side.cut
            side.begin()
            self._message(side, whole, cut)

    def _message(self, side: MmsSide, message: bytes, cut: bool) -> None:  # noqa: FBT001 - once a message
        tag, at, end = mmspdu.content(message, cut=cut)
        if tag == mmspdu.REQUEST:
            self._request(side, message, at, end)
            if cut:
                raise Malformed(f"request over {KEPT_MAX} bytes")
        elif tag == mmspdu.RESPONSE:
            self._response(side, message, at, end, cut)
        elif tag == mmspdu.ERROR:
            self._error(side, message, at, end)
        elif tag == mmspdu.REJECT:
            self._reject(side, message, at, end)
        elif tag in mmspdu.OTHERS:
            self._trace(mmspdu.OTHERS[tag], side, "mms.pdu")
            self._session(side, tag, message)

    def _session(self, side: MmsSide, tag: int, message: bytes) -> None:
        """Look at how an association begins and ends: whoever forges one of its messages contradicts what goes on."""
        other = self._other(side)
        if tag == mmspdu.INITIATE:
            side.asked, side.ended = True, False
        elif tag in (mmspdu.INITIATED, mmspdu.INITIATE_ERROR):
            if not other.asked:
                self._contradicts(side, f"{mmspdu.OTHERS[tag]}, and nobody asked", message)
            other.asked = False
        elif tag == mmspdu.CONCLUDE:
            side.ended = True
        elif tag == mmspdu.CONCLUDE_ERROR:
            other.ended = False
        elif tag == mmspdu.CANCEL_ERROR:
            self._refused(side, -1, "cancel", "", message, 1)

    def _contradicts(self, side: MmsSide, what: str, message: bytes) -> None:
        if not self._blind:
            self._note(side, EventKind.ORPHAN, "", what, what, message, why="session")

    def _request(self, side: MmsSide, message: bytes, at: int, end: int) -> None:
        if side.ended:
            side.ended = False
            self._contradicts(side, "an association goes on that was concluded", message)
        tag, start, at = tlv(message, at, end)
        invoke = unsigned(message[start:at])
        tag, start, at = tlv(message, at, end, cut=True)
        if tag == 0x30:  # modifiers
            tag, start, at = tlv(message, at, end, cut=True)
        number = service_number(tag)
        self._trace(_FUNCTIONS[number], side)
        key = hash((number, message[start:at]))
        if key in self._known:
            self._wait(side.waits, invoke, _WAITS[number], PENDING_MAX)
            return
        action, what, facts = meaning(tag, number, message, start, at)
        if action in ("read", "discover"):
            self._know(key)
            kind, about = EventKind.QUERY, what.partition("/")[0]
            self._wait(side.waits, invoke, _WAITS[number], PENDING_MAX)
        else:
            kind, about = EventKind.COMMAND, what
            self._wait(side.waits, invoke, (number, what), PENDING_MAX)
        name = service(number).name
        detail = f"{name} {what}".rstrip()
        self._note(side, kind, _FUNCTIONS[number], detail, about, message, action=action, what=what, name=name, **facts)

    def _response(self, side: MmsSide, message: bytes, at: int, end: int, cut: bool) -> None:  # noqa: FBT001 - once a message
        tag, start, at = tlv(message, at, end)
        invoke = unsigned(message[start:at])
        tag, start, at = tlv(message, at, end, cut=cut)
        number = service_number(tag)
        self._trace(_FUNCTIONS[number], side)
        waits = self._answered(side, invoke, number, message)
        if number in (READ, WRITE) and message.find(_FAILED, start, at) >= 0 and not cut:
            codes = results(number, message, start, at)
            if codes:
                self._refused(side, number, str(codes[0]), waits[1], message, len(codes))

    def _error(self, side: MmsSide, message: bytes, at: int, end: int) -> None:
        _, start, at = tlv(message, at, end)
        number, what = self._answered(side, unsigned(message[start:at]), -1, message)
        self._trace("error", side, "mms.pdu")
        self._refused(side, number, error_code(message, at, end), what, message, 1)

    def _reject(self, side: MmsSide, message: bytes, at: int, end: int) -> None:
        number, what, code = -1, "", "reject"
        self._trace("reject", side, "mms.pdu")
        while at < end:
            tag, start, at = tlv(message, at, end)
            if tag == 0x80:
                number, what = self._answered(side, unsigned(message[start:at]), -1, message)
            else:
                code = f"reject {tag & 0x1F}/{int.from_bytes(message[start : min(at, start + 4)], 'big')}"
        self._refused(side, number, code, what, message, 1)

    def _answered(self, side: MmsSide, invoke: int, number: int, message: bytes) -> tuple[int, str]:
        """Return which request is answered, and what it was about; an answer to none is an orphan."""
        waits = self._other(side).waits.pop(invoke, None)
        if waits is not None and number in (waits[0], -1):
            return waits
        if not self._blind:
            why = "request" if waits is None else "function"
            text = f"answer to no {why}"
            self._note(side, EventKind.ORPHAN, _function(number), text, why, message, why=why, invoke=invoke)
        return number, ""

    def _refused(self, side: MmsSide, number: int, code: str, what: str, message: bytes, count: int) -> None:
        detail = f"{service(number).name} refused, {code}" if number >= 0 else f"refused, {code}"
        function, about = _function(number), (code, what)
        self._note(side, EventKind.EXCEPTION, function, detail, about, message, count=count, code=code, what=what)


def _function(number: int) -> str:
    return _FUNCTIONS[number] if number >= 0 else ""
