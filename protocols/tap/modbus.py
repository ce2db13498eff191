"""Modbus/TCP as a listener reads it: requests, what answers them, and what answers nobody.

    MBAP   transaction(2) protocol(2) = 0  length(2)  unit(1)   then the message (PDU): function(1) data

A stream may be cut anywhere. Where no header can be, the next place where one can is searched, so a broken message
costs itself, and at most the one that it swallowed.
"""

from struct import Struct
from typing import Any, Final, TypeAlias

from protocols.model import EventKind
from protocols.tap import modbus_functions as functions
from protocols.tap.dissector import Flow
from protocols.tap.sweeps import Sweeps

LARGEST: Final = 260
"""Bytes of a message with its header: MODBUS Messaging on TCP/IP V1.0b, clause 3.1.2."""
LARGEST_PROGRAM: Final = 1100
"""Likewise of programming (UMAS), whose parties agree on messages of up to 1024 bytes."""
MOST_OUTSTANDING: Final = 64
"""Requests that wait for their response; a client has 16 at most (clause 4.2), of more the oldest is forgotten."""
MOST_BLOCKS: Final = 2048
"""Blocks of 128 addresses that were read; when there are more, they are told anew."""
MOST_SEARCHED: Final = 512
"""Places where a header may begin that are looked at in one piece; then the rest of it is left."""

_HEAD: Final = Struct(">HHHBB")
_PAIR: Final = Struct(">HH")
_HEAD_BYTES: Final = 8
_BEFORE_UNIT: Final = 6
_MOST_LENGTH: Final = LARGEST - _BEFORE_UNIT
_MOST_LENGTHS: Final = {functions.PROGRAM: LARGEST_PROGRAM, functions.PROGRAM | functions.EXCEPTION: LARGEST_PROGRAM}
_OTHERS: Final = {b"\x16\x03": "TLS", b"GET ": "HTTP", b"POST": "HTTP", b"HEAD": "HTTP", b"SSH-": "SSH"}

Asked: TypeAlias = tuple[int, int, int, "Asked | None"]
"""A request: its function, first item, how many; and an older one with the same number that still waits."""


class ModbusConversation:
    """One connection of a client and a server, or a gateway with many units behind it."""

    def __init__(self, flow: Flow) -> None:
        self._flow, self._trace = flow, flow.trace
        self._held: list[bytes] = [b"", b""]
        self._searching = [False, False]
        self._asked: dict[int, Asked] = {}
        self._blocks: set[int] = set()
        self._units: set[int] = set()
        self._matched = flow.sure
        self._sweeps: tuple[Sweeps, Sweeps] | None = None
        self._time_ns = 0

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent."""
        self._time_ns = time_ns
        if self._held[from_client]:
            data = memoryview(self._held[from_client] + data)
            self._held[from_client] = b""
        at, size = 0, len(data)
        while size - at >= _HEAD_BYTES:
            number, protocol, length, unit, function = _HEAD.unpack_from(data, at)
            end = at + _BEFORE_UNIT + length
            if protocol or not 2 <= length <= _MOST_LENGTHS.get(function, _MOST_LENGTH):
                at = self._search(data, at, "length" if not protocol else "protocol id", from_client=from_client)
                continue
            due = functions.length(function, data, at + 7, request=from_client)
            if due and due != length - 1 and not self._framed(data, end, from_client=from_client):
                at = self._search(data, at, "length", from_client=from_client)
                continue
            if end > size:
                break
            self._searching[from_client] = False
            if due and due != length - 1:
                self._bad("length", data[at:end], from_client=from_client, unit=unit, function=function)
            if from_client:
                self._request(number << 8 | unit, function, data[at + 7 : end])
            else:
                self._response(number << 8 | unit, function, data[at + 7 : end])
            at = end
        if at < size:
            self._held[from_client] = bytes(data[at:])

    def lost(self, *, from_client: bool) -> None:
        """Begin anew with what that side says next; what it asked, or was asked, may have been answered unseen."""
        self._held[from_client] = b""
        self._matched = False

    # ---- framing

    def _framed(self, data: memoryview, end: int, *, from_client: bool) -> bool:
        """Return whether a message ends at `end` although its own fields say otherwise."""
        return end == len(data) or (end < len(data) and self._plausible(data, end, from_client=from_client))

    def _plausible(self, data: memoryview, at: int, *, from_client: bool) -> bool:
        if len(data) - at < _HEAD_BYTES:
            return False
        _, protocol, length, _, function = _HEAD.unpack_from(data, at)
        if protocol or not 2 <= length <= _MOST_LENGTHS.get(function, _MOST_LENGTH):
            return False
        due = functions.length(function, data, at + 7, request=from_client)
        known = (function if from_client else function & 0x7F) in functions.NAMES
        return due == length - 1 if due else known or at + _BEFORE_UNIT + length == len(data)

    def _search(self, data: memoryview, at: int, why: str, *, from_client: bool) -> int:
        """Return where the next header can be; the last bytes are kept, as one may begin there."""
        if not self._searching[from_client]:
            self._searching[from_client] = True
            found = _OTHERS.get(bytes(data[at : at + 4])) or _OTHERS.get(bytes(data[at : at + 2]))
            self._bad(f"other protocol: {found}" if found else why, data[at:], from_client=from_client)
        octets, size = bytes(data), len(data)
        place = at
        for _ in range(MOST_SEARCHED):
            place = octets.find(b"\0\0", place + 3) - 2
            if place < 0:
                break
            if self._plausible(data, place, from_client=from_client):
                return place
        return max(size - _HEAD_BYTES + 1, at + 1)

    # ---- what is asked

    def _request(self, key: int, function: int, data: memoryview) -> None:
        if self._trace is not None:
            self._trace("modbus", str(function & 0x7F), True)
        if 0 < function <= 4 and len(data) == 5:
            first, count = _PAIR.unpack_from(data, 1)
        else:
            first, count = functions.span(function, data)
        asked = self._asked
        older = asked.pop(key, None)
        if older is not None:
            older = (older[0], older[1], older[2], None)
        elif len(asked) >= MOST_OUTSTANDING:
            del asked[next(iter(asked))]
        asked[key] = (function, first, count, older)
        block = (key & 0xFF) << 24 | function << 16 | first >> 7
        if block in self._blocks and function <= 4:
            if not 0 < count <= 2000 or (function > 2 and count > 125) or first + count > 65_536:
                self._faulty(key & 0xFF, function, data)
            return
        self._notable(block, key & 0xFF, function, data)

    def _notable(self, block: int, unit: int, function: int, data: memoryview) -> None:
        """Look at a request that is no repeated reading."""
        self._faulty(unit, function, data)
        does = functions.command(function, data)
        if does.action not in ("read", "discover"):
            about: object = (unit, does.items, does.sub)
            self._said(EventKind.COMMAND, f"{does.what} of unit {unit}", function, data, about, does, unit)
            return
        if block in self._blocks:
            return
        if len(self._blocks) >= MOST_BLOCKS:
            self._blocks.clear()
        self._blocks.add(block)
        flow, about = self._flow, (unit, block & 0xFFFF)
        if not flow.notes.known(
            EventKind.QUERY, self._time_ns, flow.client, flow.server, "modbus", str(function), about
        ):
            self._said(EventKind.QUERY, f"{does.what} of unit {unit}", function, data, about, does, unit)
        self._sweep(unit, block)

    def _said(
        self,
        kind: EventKind,
        text: str,
        function: int,
        data: memoryview,
        about: object,
        does: functions.Command,
        unit: int,
    ) -> None:
        facts: dict[str, Any] = {"action": does.action, "what": does.what, "unit": unit}
        if does.items is not None:
            facts["items"] = does.items
            first, last = does.items
            text += f", {first}" if first == last else f", {first} to {last}"
        if does.values:
            facts["values"] = does.values
        if does.sub is not None:
            facts["sub"] = does.sub
        self._note(kind, text, function, about=about, raw=data, from_client=True, **facts)

    def _faulty(self, unit: int, function: int, data: memoryview) -> None:
        why = functions.fault(function, data)
        if why:
            self._bad(why, data, from_client=True, unit=unit, function=function)

    def _sweep(self, unit: int, block: int) -> None:
        """Count units, and blocks of addresses, that this client asks for the first time."""
        if self._sweeps is None:
            notes = self._flow.notes
            self._sweeps = (Sweeps("unit", "modbus", notes), Sweeps("address", "modbus", notes))
        flow, (units, blocks) = self._flow, self._sweeps
        if unit not in self._units:
            self._units.add(unit)
            units.asked(flow.client, unit, self._time_ns, server=flow.server, port=flow.port)
        blocks.asked(flow.client, block, self._time_ns, server=flow.server, port=flow.port)

    # ---- what is answered

    def _response(self, key: int, function: int, data: memoryview) -> None:
        if self._trace is not None:
            self._trace("modbus", str(function & 0x7F), False)
        asked = self._asked.pop(key, None)
        if asked is None:
            self._orphan(self._why_unasked(key), key, function, data)
            return
        if asked[3] is not None:
            asked = self._older(key, asked, function & 0x7F)
        asked_function, first, count, _ = asked
        if function != asked_function:
            if function != asked_function | functions.EXCEPTION:
                self._orphan("function", key, function, data)
                return
            self._refused(key & 0xFF, asked_function, data)
        elif function <= 4:
            if len(data) > 1 and data[1] != (2 * count if function > 2 else (count + 7) >> 3):
                self._orphan("items", key, function, data)
                return
        elif function in (5, 6, 15, 16) and len(data) == 5 and _PAIR.unpack_from(data, 1)[0] != first:
            self._orphan("items", key, function, data)
            return
        self._matched = True

    def _older(self, key: int, asked: Asked, function: int) -> Asked:
        """Of two requests with the same number, take the one that is answered; the other goes on waiting."""
        older = asked[3]
        assert older is not None
        if older[0] == function:
            self._asked[key] = (asked[0], asked[1], asked[2], None)
            return older
        self._asked[key] = older
        return asked

    def _why_unasked(self, key: int) -> str:
        """Return what is wrong with a response that nobody waits for."""
        number = key >> 8
        for waiting in self._asked:
            if waiting >> 8 == number:
                del self._asked[waiting]
                return "unit"
        return "request"

    def _orphan(self, why: str, key: int, function: int, data: memoryview) -> None:
        """Say that a response answers nobody; not while the requests before it may have been missed."""
        if why == "request" and not self._matched:
            return
        unit = key & 0xFF
        text = f"response to nothing that was asked: {why}, unit {unit}, transaction {key >> 8}"
        self._note(
            EventKind.ORPHAN, text, function & 0x7F, about=(why, unit), raw=data, from_client=False, why=why, unit=unit
        )

    def _refused(self, unit: int, function: int, data: memoryview) -> None:
        code = data[1] if len(data) > 1 else 0
        what = functions.EXCEPTIONS.get(code, f"code {code}")
        text = f"{functions.NAMES.get(function, f'function {function}')} of unit {unit} refused: {what}"
        self._note(
            EventKind.EXCEPTION,
            text,
            function,
            about=(code, unit),
            raw=data,
            from_client=False,
            code=code,
            what=what,
            unit=unit,
        )

    # ---- words

    def _bad(self, why: str, raw: memoryview, *, from_client: bool, unit: int = 0, function: int | None = None) -> None:
        text = f"no Modbus: {why}" if function is None else f"Modbus function {function} that cannot be: {why}"
        self._note(
            EventKind.MALFORMED, text, None, about=(why, function), raw=raw, from_client=from_client, why=why,
            unit=unit, fatal=function is None,
        )  # fmt: skip

    def _note(
        self,
        kind: EventKind,
        text: str,
        function: int | None,
        *,
        about: object,
        raw: memoryview,
        from_client: bool,
        **facts: Any,
    ) -> None:
        flow = self._flow
        source, target = flow.ends(from_client=from_client)
        flow.notes.note(
            kind,
            self._time_ns,
            text,
            source=source,
            target=target,
            port=flow.port,
            protocol="modbus",
            function="" if function is None else str(function),
            about=about,
            raw=raw,
            **facts,
        )
