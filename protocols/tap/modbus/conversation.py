"""Modbus/TCP as a listener reads it: requests, what answers them, and what answers nobody.

What writes is told each time, what reads only for blocks of 128 addresses that were not read before: polling costs no
object. A response is matched with its request by transaction number and unit.
"""

from struct import Struct
from typing import Any, Final, TypeAlias

from protocols.model import EventKind
from protocols.sighting import RAW_BYTES
from protocols.tap.dissector import Flow
from protocols.tap.modbus import functions
from protocols.tap.modbus.frames import Framer
from protocols.tap.network.sweeps import Sweeps
from protocols.tap.sightings import Seen

MOST_OUTSTANDING: Final = 64
"""Requests that wait for their response; a client has 16 at most (clause 4.2), of more the oldest is forgotten."""
MOST_BLOCKS: Final = 2048
"""Blocks of 128 addresses that were read; when there are more, they are told anew."""
MOST_REPEATED: Final = 64
"""Commands that are recognised when they come again as they were; of more, all are read anew."""
VALUES_SHOWN: Final = 4
"""Values of a write that its text names."""
_PAIR: Final = Struct(">HH")
_UNITS: Final = tuple(bytes((unit,)) for unit in range(256))
Asked: TypeAlias = tuple[int, int, int, "Asked | None"]
"""A request: its function, first item, how many; and an older one with the same number that still waits."""


class Known:
    """What a client did to a server: blocks that it read and when first, commands that come again, units."""

    __slots__ = ("blocks", "repeated", "units")

    def __init__(self) -> None:
        self.blocks: dict[int, int] = {}
        self.repeated: dict[bytes, Seen] = {}
        self.units: set[int] = set()


class ModbusConversation:
    """One connection of a client and a server, or a gateway with many units behind it."""

    def __init__(self, flow: Flow) -> None:
        self._flow, self._trace = flow, flow.trace
        self._framers = Framer(requests=False), Framer(requests=True)
        self._asked: dict[int, Asked] = {}
        # some clients open a connection for each poll; who was not seen to open one may be forged
        pair = "modbus", flow.client, flow.server, flow.port
        self._known = flow.notes.remembered.recall(pair, Known) if flow.sure else Known()
        self._blocks = self._known.blocks
        self._swept: Sweeps | None = None
        self._matched = flow.sure
        self._time_ns = 0

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent."""
        self._time_ns = time_ns
        self._framers[from_client].feed(data, self)
        if self._flow.datagrams:
            self._framers[from_client].lost()

    def lost(self, *, from_client: bool) -> None:
        """Begin anew with what that side says next; what it asked, or was asked, may have been answered unseen."""
        self._framers[from_client].lost()
        self._matched = False

    def request(self, key: int, function: int, data: memoryview) -> None:
        """Take what the client asks."""
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
        message = _UNITS[unit] + data
        known = self._known.repeated
        repeated = known.get(message)
        if (
            repeated is not None
            and repeated.raw == data[:RAW_BYTES]
            and self._flow.notes.again(repeated, self._time_ns)
        ):
            return
        faulty = self._faulty(unit, function, data)
        does = functions.command(function, data)
        if does.action not in ("read", "discover"):
            about: object = (unit, does.items, does.sub)
            seen = self._said(EventKind.COMMAND, function, data, about, does, unit)
            if seen is not None and not faulty:
                if len(known) >= MOST_REPEATED:
                    known.clear()
                known[message] = seen
            return
        if block in self._blocks:
            return
        if len(self._blocks) >= MOST_BLOCKS:
            self._blocks.clear()
        self._count(unit, block)
        flow, about = self._flow, (unit, block & 0xFFFF)
        if not flow.notes.known(
            EventKind.QUERY, self._time_ns, flow.client, flow.server, "modbus", str(function), about
        ):
            self._said(EventKind.QUERY, function, data, about, does, unit)

    def _said(
        self,
        kind: EventKind,
        function: int,
        data: memoryview,
        about: object,
        does: functions.Command,
        unit: int,
    ) -> Seen | None:
        facts: dict[str, Any] = {"action": does.action, "what": does.what, "unit": unit}
        text = f"unit {unit}, {does.what}"
        if does.items is not None:
            facts["items"] = does.items
            first, last = does.items
            text += f" {first}" if first == last else f" {first} to {last}"
        if does.values:
            facts["values"] = does.values
            more = ", …" if len(does.values) > VALUES_SHOWN else ""
            text += f" = {', '.join(map(str, does.values[:VALUES_SHOWN]))}{more}"
        if does.sub is not None:
            facts["sub"] = does.sub
        return self._note(kind, text, function, about=about, raw=data, from_client=True, **facts)

    def _faulty(self, unit: int, function: int, data: memoryview) -> bool:
        why = functions.fault(function, data)
        if why:
            self.bad(why, data, from_client=True, unit=unit, function=function)
        return bool(why)

    def _count(self, unit: int, block: int) -> None:
        """Count units and blocks of addresses that are asked for the first time: a scanner asks for many."""
        flow, now_ns, blocks = self._flow, self._time_ns, self._blocks
        blocks[block] = now_ns
        if unit not in self._known.units:
            self._known.units.add(unit)
            units = flow.notes.remembered.recall("modbus units", lambda: Sweeps("unit", "modbus", flow.notes))
            units.asked(flow.client, (flow.server, unit), now_ns, server=flow.server, port=flow.port)
        if self._swept is None:
            self._swept = Sweeps("address", "modbus", flow.notes)
        self._swept.asked(flow.client, block, now_ns, server=flow.server, port=flow.port)

    def response(self, key: int, function: int, data: memoryview) -> None:
        """Take what the server answers."""
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

    def bad(self, why: str, raw: memoryview, *, from_client: bool, unit: int = 0, function: int | None = None) -> None:
        """Say that something cannot be."""
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
    ) -> Seen | None:
        flow = self._flow
        source, target = flow.ends(from_client=from_client)
        return flow.notes.note(
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
