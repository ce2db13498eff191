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
from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.ber import Malformed
from protocols.tap.dissector import Flow
from protocols.tap.messages import Messages, Shape
from protocols.tap.opcua.data import BAD, blob, extension, node, past_header, text, thumbprint, u32, variant
from protocols.tap.opcua.service import ACTIVATE, ANSWERS, CALL, DISCOVERY, FAULT, OPEN, READ, SERVICES, WRITE
from protocols.tap.sightings import NS

CHUNK: Final = Shape(
    re.compile(rb"(?:HEL|ACK|ERR|RHE)F|(?:OPN|MSG|CLO)[FCA]"), size=8, length=Struct("<I"), at=4, most=1 << 24
)
PENDING_MAX: Final = 256
"""Requests that wait for an answer: clients keep some ten Publish waiting; of more the oldest is forgotten."""
KNOWN_MAX: Final = 1024
"""Different questions that are known in a conversation."""
BLIND_NS: Final = 10 * NS
"""For so long after a gap an answer may belong to a request that was not seen."""
MODES: Final = {1: "None", 2: "Sign", 3: "SignAndEncrypt"}
TOKENS: Final = {321: "anonymous", 324: "user", 327: "certificate", 940: "issued token"}

_IDS: Final = Struct("<III")
_TYPE: Final = Struct("<BBH")
_BODY: Final = 24
_CLEAR: Final = "None"


@dataclass(slots=True, eq=False)
class Side:
    """One direction. `more` is the request of which the rest is still to come in further chunks."""

    from_client: bool
    source: str
    target: str
    stream: Messages
    more: int | None = None


class OpcuaConversation:
    """Looks at both directions of a connection."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._client = Side(True, flow.client, flow.server, Messages(CHUNK, lost=not flow.sure))
        self._server = Side(False, flow.server, flow.client, Messages(CHUNK, lost=not flow.sure))
        self._waits: dict[int, tuple[int, str]] = {}
        self._known: set[int] = set()
        self._policy: str | None = None
        self._mode = ""
        self._unsaid = False
        self._time_ns = 0
        self._blind_ns: int | None = None if flow.sure else 0

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent: the next bytes of its stream, cut anywhere."""
        self._time_ns = time_ns
        if self._blind_ns == 0:
            self._blind_ns = time_ns + BLIND_NS
        side = self._client if from_client else self._server
        for chunk in side.stream.take(bytes(data)):
            try:
                if chunk is None:
                    raise Malformed("no OPC UA")  # noqa: TRY301 - one place notes what is malformed
                self._chunk(side, chunk)
            except Malformed as error:
                self._note(
                    side,
                    EventKind.MALFORMED,
                    "",
                    f"OPC UA: {error}",
                    str(error),
                    chunk or data,
                    why=str(error),
                    fatal=False,
                )

    def lost(self, *, from_client: bool) -> None:
        """Bytes of that side were not captured."""
        side = self._client if from_client else self._server
        side.stream.gap()
        side.more = None
        self._blind_ns = self._time_ns + BLIND_NS

    def _chunk(self, side: Side, chunk: bytes) -> None:
        kind = chunk[:3]
        if kind in (b"MSG", b"CLO"):
            self._message(side, chunk)
        elif kind == b"OPN":
            self._open(side, chunk)
        else:
            self._trace(kind.decode("ascii"), side, "opcua.chunk")
            if kind == b"ERR":
                code, at = u32(chunk, 8)
                reason = text(blob(chunk, at)[0])
                detail = f"connection refused, 0x{code:08X} {reason}"
                self._note(side, EventKind.EXCEPTION, "ERR", detail, code, chunk, code=f"0x{code:08X}", what=reason)

    def _message(self, side: Side, chunk: bytes) -> None:
        if len(chunk) < _BODY:
            raise Malformed("chunk cut off")
        request = _IDS.unpack_from(chunk, 12)[2]
        begun, side.more = side.more, request if chunk[3:4] == b"C" else None
        if begun == request:
            return
        number = _number(chunk, _BODY)
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

    def _closed(self, side: Side, chunk: bytes) -> None:
        """Take what cannot be read: without a security policy that is wrong, with one it is encrypted."""
        if self._policy == _CLEAR:
            raise Malformed("unknown service")
        self._trace("encrypted", side, "opcua.chunk")
        if self._policy is not None and not self._mode:
            self._mode = "SignAndEncrypt"
            self._security(side, "mode", self._mode, chunk)

    def _open(self, side: Side, chunk: bytes) -> None:
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
        number = _number(chunk, at + 8)
        self._trace(str(number), side)
        if number == OPEN:
            at = past_header(chunk, at + 12)
            mode, _ = u32(chunk, at + 8)
            self._mode = MODES.get(mode, str(mode))

    def _request(self, side: Side, number: int, request: int, chunk: bytes, at: int) -> None:
        at = past_header(chunk, at)
        if self._unsaid and number not in DISCOVERY:
            self._unsaid = False
            self._security(side, "policy", _CLEAR, chunk)
            self._security(side, "mode", self._mode, chunk)
        name, _, action = SERVICES[number]
        key = hash((number, chunk[at:]))
        if key in self._known:
            self._wait(request, number, "")
            return
        what, facts = _meaning(number, chunk, at)
        self._wait(request, number, what if action != "read" else "")
        if action in ("read", "discover"):
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known.add(key)
            kind, about = EventKind.QUERY, ""
        else:
            kind, about = EventKind.COMMAND, what
        detail = f"{name} {what}".rstrip()
        self._note(side, kind, str(number), detail, about, chunk, action=action, what=what, name=name, **facts)
        if number == ACTIVATE and what:
            self._security(side, "user", what, chunk)

    def _wait(self, request: int, number: int, what: str) -> None:
        if len(self._waits) >= PENDING_MAX:
            del self._waits[next(iter(self._waits))]
        self._waits[request] = (number, what)

    def _response(self, side: Side, number: int, request: int, chunk: bytes, at: int) -> None:
        asked, what = self._waits.pop(request, (0, ""))
        if asked == 0 or (number != FAULT and ANSWERS[number] != asked):
            if self._blind_ns is None or self._time_ns > self._blind_ns:
                why = "function" if asked else "request"
                self._note(side, EventKind.ORPHAN, str(number), f"answer to no {why}", why, chunk, why=why)
            return
        code, at = u32(chunk, at + 12)
        if code < BAD and asked == WRITE:
            code = _worst(chunk, at)
        if code < BAD:
            return
        shown = f"0x{code:08X}"
        detail = f"{SERVICES[asked].name} refused, {shown}"
        self._note(side, EventKind.EXCEPTION, str(asked), detail, (shown, what), chunk, code=shown, what=what)
        if asked == ACTIVATE:
            asker = self._server if side.from_client else self._client
            self._security(asker, "login", "failed", chunk, user=what, code=shown)

    def _security(self, side: Side, what: str, value: str, raw: bytes, **facts: Any) -> None:
        self._note(side, EventKind.SECURITY, what, f"{what} {value}", value, raw, value=value, **facts)

    def _note(
        self,
        side: Side,
        kind: EventKind,
        function: str,
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
            protocol="opcua",
            function=function,
            about=about,
            raw=raw,
            **facts,
        )

    def _trace(self, function: str, side: Side, protocol: str = "opcua") -> None:
        if self._flow.trace is not None:
            self._flow.trace(protocol, function, side.from_client)


def _number(chunk: bytes, at: int) -> int:
    """Return the number of the service at `at`, 0 when there is none."""
    if at + 4 > len(chunk):
        return 0
    kind, space, number = _TYPE.unpack_from(chunk, at)
    return int(number) if kind == 1 and space == 0 else 0


def _meaning(number: int, chunk: bytes, at: int) -> tuple[str, dict[str, Any]]:
    """Return what a request is about, and more facts of it.

    Raises:
        Malformed: it cannot be read.
    """
    if number in (READ, WRITE, CALL):
        count, at = u32(chunk, at + (12 if number == READ else 0))
        if not 0 < count < BAD:
            return "", {"nodes": 0}
        what, at = node(chunk, at)
        if number == CALL:
            method, _ = node(chunk, at)
            return f"{what}/{method}", {"nodes": count}
        return what, {"nodes": count, **({"values": _written(chunk, at)} if number == WRITE else {})}
    if number == ACTIVATE:
        return _user(chunk, at), {}
    return "", {}


def _written(chunk: bytes, at: int) -> tuple[Any, ...]:
    """Return the value that is written: after attribute and range a data value, of which the mask says what it has."""
    _, at = blob(chunk, at + 4)
    value = variant(chunk, at + 1) if at < len(chunk) and chunk[at] & 1 else None
    return () if value is None else (value,)


def _user(chunk: bytes, at: int) -> str:
    """Return who logs in: after two signatures' worth of client, certificates and languages stands the token."""
    _, at = blob(chunk, at)
    _, at = blob(chunk, at)
    for parts in (2, 1):
        count, at = u32(chunk, at)
        for _ in range(parts * count if count < BAD else 0):
            _, at = blob(chunk, at)
    kind, body, _ = extension(chunk, at)
    who = TOKENS.get(kind, "anonymous" if not body else "unknown token")
    if kind == 324:
        _, at = blob(body, 0)
        return f"user {text(blob(body, at)[0])}"
    if kind == 327:
        _, at = blob(body, 0)
        return f"certificate {thumbprint(blob(body, at)[0])}"
    return who


def _worst(chunk: bytes, at: int) -> int:
    """Return the first error among the results of writing; 0 when there is none.

    Raises:
        Malformed: they cannot be read.
    """
    diagnostics = chunk[at] if at < len(chunk) else 0xFF
    if diagnostics:
        return 0
    strings, at = u32(chunk, at + 1)
    for _ in range(strings if strings < BAD else 0):
        _, at = blob(chunk, at)
    at = extension(chunk, at)[2]
    count, at = u32(chunk, at)
    if count < BAD and at + 4 * count <= len(chunk):
        return next((code for (code,) in Struct("<I").iter_unpack(chunk[at : at + 4 * count]) if code >= BAD), 0)
    return 0
