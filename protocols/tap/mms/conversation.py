"""One conversation of MMS on port 102 (TPKT, COTP, session, presentation): who asks what of a device, and gets what.

Plain reading that was seen once in a conversation costs a hash from then on, whatever it is about. A service that does
something is told as `command` each time, one that finds out as `query` the first time.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.ber import Malformed, tlv, unsigned
from protocols.tap.dissector import Flow
from protocols.tap.messages import KEPT_MAX, Messages, Shape
from protocols.tap.mms import pdu as mmspdu
from protocols.tap.mms.data import values
from protocols.tap.mms.service import READ, SERVICES, WEIGHT, WRITE, asked, service, written
from protocols.tap.sightings import NS

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
KNOWN_MAX: Final = 1024
"""Different requests that are known in a conversation; a client that polls a whole station has some hundreds."""
VALUES_MAX: Final = 4
"""Written values that are shown."""
BLIND_NS: Final = 10 * NS
"""For so long after a gap an answer may belong to a request that was not seen."""

_DATA: Final = 0xF0
_LAST: Final = 0x80
_WAITS: Final = tuple((number, "") for number in range(len(SERVICES)))
_FUNCTIONS: Final = tuple(map(str, range(256)))
_FAILED: Final = b"\x80\x01"


@dataclass(slots=True, eq=False)
class Side:
    """One direction: its stream, the pieces of a message so far, and which of its requests wait for an answer.

    `asked` is whether it wants an association and waits for it, `ended` whether it has concluded it.
    """

    from_client: bool
    source: str
    target: str
    stream: Messages
    pieces: bytearray = field(default_factory=bytearray)
    cut: bool = False
    waits: dict[int, tuple[int, str]] = field(default_factory=dict)
    asked: bool = False
    ended: bool = False


class MmsConversation:
    """Looks at both directions of a connection."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._client = Side(True, flow.client, flow.server, Messages(TPKT, lost=not flow.sure))
        self._server = Side(False, flow.server, flow.client, Messages(TPKT, lost=not flow.sure))
        self._known: set[int] = set()
        self._time_ns = 0
        self._blind_ns: int | None = None if flow.sure else 0

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent: the next bytes of its stream, cut anywhere."""
        self._time_ns = time_ns
        if self._blind_ns == 0:
            self._blind_ns = time_ns + BLIND_NS
        side = self._client if from_client else self._server
        for packet in side.stream.take(bytes(data)):
            try:
                if packet is None:
                    raise Malformed("no TPKT")  # noqa: TRY301 - one place notes what is malformed
                self._packet(side, packet)
            except Malformed as error:
                self._malformed(side, str(error), packet or data)

    def lost(self, *, from_client: bool) -> None:
        """Bytes of that side were not captured."""
        side = self._client if from_client else self._server
        side.stream.gap()
        side.pieces.clear()
        self._blind_ns = self._time_ns + BLIND_NS

    def _packet(self, side: Side, packet: bytes) -> None:
        if packet[5] & 0xF0 != _DATA:
            side.pieces.clear()
            return
        start = 5 + packet[4]
        if start > len(packet):
            raise Malformed("length of COTP")
        cut = len(packet) == KEPT_MAX
        last = packet[start - 1] & _LAST
        if last and not side.pieces:
            self._message(side, packet[start:], cut)
            return
        side.cut = side.cut or cut or len(side.pieces) + len(packet) - start > KEPT_MAX
        side.pieces += packet[start : start + KEPT_MAX - len(side.pieces)]
        if last:
            message, cut = bytes(side.pieces), side.cut
            side.pieces.clear()
            side.cut = False
            self._message(side, message, cut)

    def _message(self, side: Side, message: bytes, cut: bool) -> None:  # noqa: FBT001 - once a message
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

    def _session(self, side: Side, tag: int, message: bytes) -> None:
        """Look at how an association begins and ends: whoever forges one of its messages contradicts what goes on."""
        other = self._server if side.from_client else self._client
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

    def _contradicts(self, side: Side, what: str, message: bytes) -> None:
        if self._blind_ns is None or self._time_ns > self._blind_ns:
            self._notes(side, EventKind.ORPHAN, -1, what, what, message, why="session")

    def _request(self, side: Side, message: bytes, at: int, end: int) -> None:
        if side.ended:
            side.ended = False
            self._contradicts(side, "an association goes on that was concluded", message)
        tag, start, at = tlv(message, at, end)
        invoke = unsigned(message[start:at])
        tag, start, at = tlv(message, at, end, cut=True)
        if tag == 0x30:  # modifiers
            tag, start, at = tlv(message, at, end, cut=True)
        number = _number(tag)
        self._trace(_FUNCTIONS[number], side)
        key = hash((number, message[start:at]))
        if key in self._known:
            self._wait(side, invoke, _WAITS[number])
            return
        action, what, facts = _meaning(tag, number, message, start, at)
        if action in ("read", "discover"):
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known.add(key)
            kind, about = EventKind.QUERY, what.partition("/")[0]
            self._wait(side, invoke, (number, ""))
        else:
            kind, about = EventKind.COMMAND, what
            self._wait(side, invoke, (number, what))
        self._note(side, kind, number, what, about, message, action=action, **facts)

    def _wait(self, side: Side, invoke: int, waits: tuple[int, str]) -> None:
        if len(side.waits) >= PENDING_MAX:
            del side.waits[next(iter(side.waits))]
        side.waits[invoke] = waits

    def _response(self, side: Side, message: bytes, at: int, end: int, cut: bool) -> None:  # noqa: FBT001 - once a message
        tag, start, at = tlv(message, at, end)
        invoke = unsigned(message[start:at])
        tag, start, at = tlv(message, at, end, cut=cut)
        number = _number(tag)
        self._trace(_FUNCTIONS[number], side)
        waits = self._answered(side, invoke, number, message)
        if number in (READ, WRITE) and message.find(_FAILED, start, at) >= 0 and not cut:
            codes = self._results(number, message, start, at)
            if codes:
                self._refused(side, number, str(codes[0]), waits[1], message, len(codes))

    @staticmethod
    def _results(number: int, message: bytes, start: int, at: int) -> Sequence[int]:
        """Return the errors in the results of reading or writing."""
        while number == READ and start < at:
            tag, inner, start = tlv(message, start, at)
            if tag == 0xA1:
                return mmspdu.failures(message, inner, start)
        return mmspdu.failures(message, start, at)

    def _error(self, side: Side, message: bytes, at: int, end: int) -> None:
        _, start, at = tlv(message, at, end)
        number, what = self._answered(side, unsigned(message[start:at]), -1, message)
        self._trace("error", side, "mms.pdu")
        code = "/".join(str(byte) for byte in message[end - 1 : end])
        while at < end:
            tag, start, at = tlv(message, at, end)
            if tag == 0xA2:  # serviceError: errorClass, in it one of the classes with its code
                _, inner, _ = tlv(message, start, at)
                kind, inner, last = tlv(message, inner, at)
                code = f"{kind & 0x1F}/{int.from_bytes(message[inner : min(last, inner + 4)], 'big')}"
        self._refused(side, number, code, what, message, 1)

    def _reject(self, side: Side, message: bytes, at: int, end: int) -> None:
        number, what, code = -1, "", "reject"
        self._trace("reject", side, "mms.pdu")
        while at < end:
            tag, start, at = tlv(message, at, end)
            if tag == 0x80:
                number, what = self._answered(side, unsigned(message[start:at]), -1, message)
            else:
                code = f"reject {tag & 0x1F}/{int.from_bytes(message[start : min(at, start + 4)], 'big')}"
        self._refused(side, number, code, what, message, 1)

    def _answered(self, side: Side, invoke: int, number: int, message: bytes) -> tuple[int, str]:
        """Return which request is answered, and what it was about; an answer to none is an orphan."""
        asker = self._server if side.from_client else self._client
        waits = asker.waits.pop(invoke, None)
        if waits is not None and number in (waits[0], -1):
            return waits
        if self._blind_ns is None or self._time_ns > self._blind_ns:
            why = "request" if waits is None else "function"
            self._notes(side, EventKind.ORPHAN, number, f"answer to no {why}", why, message, why=why, invoke=invoke)
        return number, ""

    def _refused(self, side: Side, number: int, code: str, what: str, message: bytes, count: int) -> None:
        detail = f"{service(number).name} refused, {code}" if number >= 0 else f"refused, {code}"
        self._notes(side, EventKind.EXCEPTION, number, detail, (code, what), message, count=count, code=code, what=what)

    def _malformed(self, side: Side, why: str, raw: bytes | memoryview) -> None:
        self._notes(side, EventKind.MALFORMED, -1, f"MMS: {why}", why, raw, why=why, fatal=False)

    def _note(self, side: Side, kind: EventKind, number: int, what: str, about: str, raw: bytes, **facts: Any) -> None:
        name = service(number).name
        self._notes(side, kind, number, f"{name} {what}".rstrip(), about, raw, what=what, name=name, **facts)

    def _notes(
        self,
        side: Side,
        kind: EventKind,
        number: int,
        detail: str,
        about: object,
        raw: bytes | memoryview,
        **facts: Any,
    ) -> None:
        self._flow.notes.note(
            kind,
            self._time_ns,
            detail,
            source=side.source,
            target=side.target,
            port=self._flow.port,
            protocol="mms",
            function=str(number) if number >= 0 else "",
            about=about,
            raw=raw,
            **facts,
        )

    def _trace(self, function: str, side: Side, protocol: str = "mms") -> None:
        if self._flow.trace is not None:
            self._flow.trace(protocol, function, side.from_client)


def _number(tag: int) -> int:
    """Return the number of the service that a tag stands for.

    Raises:
        Malformed: it stands for none.
    """
    first = tag if tag < 0x100 else tag >> 8
    number = tag & 0x1F if tag < 0x100 else tag & 0x7F
    if first & 0xC0 != 0x80 or number >= len(SERVICES):
        raise Malformed("service that is not in the standard")
    return number


def _meaning(tag: int, number: int, message: bytes, at: int, end: int) -> tuple[str, str, dict[str, Any]]:
    """Return action, what it is about, and more facts of a request."""
    if number == WRITE:
        items, stop = mmspdu.variables(message, at, end)
        _, start, stop = tlv(message, stop, end, cut=True)
        told = values(message, start, stop, VALUES_MAX)
        return *_weightiest(items, [written(item) for item in items]), {"variables": len(items), "values": tuple(told)}
    if number == READ:
        first, start, stop = tlv(message, at, end, cut=True)
        if first == 0x80:  # specificationWithResult
            _, start, stop = tlv(message, stop, end, cut=True)
        items, _ = mmspdu.variables(message, start, stop)
        return *_weightiest(items, [asked(item) for item in items]), {"variables": len(items)}
    inside = mmspdu.CONSTRUCTED & (tag if tag < 0x100 else tag >> 8)
    return service(number).action, mmspdu.words(message, at, end) if inside else mmspdu.word(message[at:end]), {}


def _weightiest(items: Sequence[str], actions: Sequence[str]) -> tuple[str, str]:
    if not items:
        raise Malformed("request about nothing")
    _, index = max((WEIGHT[action], -index) for index, action in enumerate(actions))
    return actions[-index], items[-index]
