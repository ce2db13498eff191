"""One conversation of OPC UA over TCP (OPC 10000-6 clauses 6.7, 7.1): how secure it is, who logs in, what is asked.

HEL ACK ERR RHE   type:3 F  size:4  ...
OPN               type:3 F  size:4  channel:4  policy  certificate  thumbprint  sequence:4  request:4  body
MSG CLO           type:3 F|C|A  size:4  channel:4  token:4  sequence:4  request:4  body          (body, or encrypted)

What is encrypted stays so; of a channel that is only signed, or has no security policy, every request is looked at.
That it has none is told when more is asked than where servers are and what they offer: every client asks that without.
"""

import re
from dataclasses import dataclass
from struct import Struct
from typing import ClassVar, Final

from protocols.model import EventKind
from protocols.tap.ber import Malformed
from protocols.tap.dissector import Flow
from protocols.tap.messages import Shape
from protocols.tap.opcua.data import BAD, blob, past_header, text, thumbprint, u32
from protocols.tap.opcua.meaning import meaning, service, worst
from protocols.tap.opcua.service import ACTIVATE, ANSWERS, DISCOVERY, FAULT, OPEN, SERVICES, WRITE
from protocols.tap.talk import Side, Talk, Waits

CHUNK: Final = Shape(
    re.compile(rb"(?:HEL|ACK|ERR|RHE)F|(?:OPN|MSG|CLO)[FCA]"), size=8, length=Struct("<I"), at=4, most=1 << 24
)
PENDING_MAX: Final = 256
"""Requests that wait for an answer: clients keep some ten Publish waiting; of more the oldest is forgotten."""
MODES: Final = {1: "None", 2: "Sign", 3: "SignAndEncrypt"}

_IDS: Final = Struct("<III")
_BODY: Final = 24
_CLEAR: Final = "None"


@dataclass(slots=True, eq=False)
class OpcuaSide(Side):
    """One direction. `more` is the request of which the rest is still to come in further chunks."""

    more: int | None = None

    def gap(self) -> None:
        """Forget what was begun."""
        Side.gap(self)
        self.more = None


class OpcuaConversation(Talk[OpcuaSide]):
    """Looks at both directions of a connection."""

    SHAPE: ClassVar[Shape] = CHUNK
    GARBAGE: ClassVar[str] = "no OPC UA"
    PROTOCOL: ClassVar[str] = "opcua"
    NAME: ClassVar[str] = "OPC UA"

    def __init__(self, flow: Flow) -> None:
        super().__init__(flow, OpcuaSide)
        self._waits: Waits = {}
        self._policy: str | None = None
        self._mode = ""
        self._unsaid = False

    def _take(self, side: OpcuaSide, message: bytes) -> None:
        kind = message[:3]
        if kind in (b"MSG", b"CLO"):
            self._message(side, message)
        elif kind == b"OPN":
            self._open(side, message)
        else:
            self._trace(kind.decode("ascii"), side, "opcua.chunk")
            if kind == b"ERR":
                code, at = u32(message, 8)
                reason = text(blob(message, at)[0])
                detail = f"connection refused, 0x{code:08X} {reason}"
                self._note(side, EventKind.EXCEPTION, "ERR", detail, code, message, code=f"0x{code:08X}", what=reason)

    def _message(self, side: OpcuaSide, chunk: bytes) -> None:
        if len(chunk) < _BODY:
            raise Malformed("chunk cut off")
        request = _IDS.unpack_from(chunk, 12)[2]
        begun, side.more = side.more, request if chunk[3:4] == b"C" else None
        if begun == request:
            return
        number = service(chunk, _BODY)
        if number not in SERVICES and number not in ANSWERS and number != FAULT:
            self._closed(side, chunk)
            return
        if self._mode != "Sign" and self._policy not in (None, _CLEAR):
            self._security(side, "mode", "Sign", chunk)
            self._mode = "Sign"
        self._trace(str(number), side)
        if number in SERVICES:
            self._request(side, number, request, chunk, _BODY + 4)
        else:
            self._response(side, number, request, chunk, _BODY + 4)

    def _closed(self, side: OpcuaSide, chunk: bytes) -> None:
        """Take what cannot be read: without a security policy that is wrong, with one it is encrypted."""
        if self._policy == _CLEAR:
            raise Malformed("unknown service")
        self._trace("encrypted", side, "opcua.chunk")
        if self._policy is not None and not self._mode:
            self._mode = "SignAndEncrypt"
            self._security(side, "mode", self._mode, chunk)

    def _open(self, side: OpcuaSide, chunk: bytes) -> None:
        uri, at = blob(chunk, 12)
        certificate, at = blob(chunk, at)
        _, at = blob(chunk, at)
        policy = text(uri.rpartition(b"#")[2])
        if not policy:
            raise Malformed("no security policy")
        if side.from_client and policy != self._policy:
            self._mode, self._unsaid = "", policy == _CLEAR
        self._policy = policy
        if side.from_client and policy != _CLEAR:
            self._security(side, "policy", policy, chunk)
        if certificate:
            self._security(side, "certificate", thumbprint(certificate), chunk)
        if policy != _CLEAR:
            self._trace("OPN", side, "opcua.chunk")
            return
        number = service(chunk, at + 8)
        self._trace(str(number), side)
        if number == OPEN:
            at = past_header(chunk, at + 12)
            mode, _ = u32(chunk, at + 8)
            self._mode = MODES.get(mode, str(mode))

    def _request(self, side: OpcuaSide, number: int, request: int, chunk: bytes, at: int) -> None:
        at = past_header(chunk, at)
        if self._unsaid and number not in DISCOVERY:
            self._unsaid = False
            self._security(side, "policy", _CLEAR, chunk)
            self._security(side, "mode", self._mode, chunk)
        name, _, action = SERVICES[number]
        key = hash((number, chunk[at:]))
        if key in self._known:
            self._wait(self._waits, request, (number, ""), PENDING_MAX)
            return
        what, facts = meaning(number, chunk, at)
        self._wait(self._waits, request, (number, what if action != "read" else ""), PENDING_MAX)
        if action in ("read", "discover"):
            self._know(key)
            kind, about = EventKind.QUERY, ""
        else:
            kind, about = EventKind.COMMAND, what
        detail = f"{name} {what}".rstrip()
        self._note(side, kind, str(number), detail, about, chunk, action=action, what=what, name=name, **facts)
        if number == ACTIVATE and what:
            self._security(side, "user", what, chunk)

    def _response(self, side: OpcuaSide, number: int, request: int, chunk: bytes, at: int) -> None:
        asked, what = self._waits.pop(request, (0, ""))
        if asked == 0 or (number != FAULT and ANSWERS[number] != asked):
            if not self._blind:
                why = "function" if asked else "request"
                self._note(side, EventKind.ORPHAN, str(number), f"answer to no {why}", why, chunk, why=why)
            return
        code, at = u32(chunk, at + 12)
        if code < BAD and asked == WRITE:
            code = worst(chunk, at)
        if code < BAD:
            return
        shown = f"0x{code:08X}"
        detail = f"{SERVICES[asked].name} refused, {shown}"
        self._note(side, EventKind.EXCEPTION, str(asked), detail, (shown, what), chunk, code=shown, what=what)
        if asked == ACTIVATE:
            self._security(self._other(side), "login", "failed", chunk, user=what, code=shown)
