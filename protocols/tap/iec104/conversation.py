"""IEC 60870-5-104 on the wire: who commands which station, and whether numbers and confirmations fit together.

Frames (`iec104_apci`), what they carry (`iec104_asdu`), and here what is notable. Measured values and keep-alives cost
nothing; an interrogation is told when it is new, a command always.

Bounded: `COMMANDS_KNOWN` and `QUERIES_KNOWN` of a connection.
"""

from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.dissector import Flow
from protocols.tap.iec104.apci import APCI, STARTDT_ACT, STOPDT_ACT, TESTFR_ACT, TESTFR_CON, Framer
from protocols.tap.iec104.asdu import (
    ALL_STATIONS,
    ANSWERS,
    CAUSE,
    DEACTIVATION,
    KINDS,
    NEGATIVE,
    TEST,
    UNKNOWN_OBJECT,
    UNKNOWN_TYPE,
    command,
    wrong,
)
from protocols.tap.moment import Moment
from protocols.tap.network.sweeps import Sweeps

COMMANDS_KNOWN: Final = 128
"""Commands of a connection whose confirmation may come; of more, the oldest is forgotten."""
QUERIES_KNOWN: Final = 128
"""Different interrogations of a connection that are not told again."""
STATIONS_KNOWN: Final = 256
"""Common addresses of a connection that are counted once."""
UNKNOWN: Final = -1
SETTLED_NS: Final = 2_000_000_000
"""So long it may take until it shows that what was received was sent, and not captured: a hole in a stream is given up
after one second."""
MODULO: Final = 1 << 15

_SESSION: Final = {STARTDT_ACT: "STARTDT", STOPDT_ACT: "STOPDT"}
_SILENT: Final = frozenset({TESTFR_ACT, TESTFR_CON})
_FAILURES: Final = {44: "unknown type", 45: "unknown cause", 46: "unknown common address", 47: "unknown object"}
_FILE: Final = range(120, 128)


class Iec104Conversation:
    """One connection between a controlling and a controlled station; the causes tell which is which."""

    def __init__(self, flow: Flow) -> None:
        self._moment = Moment(flow, "iec104")
        self._framers = Framer(wrong, sure=flow.sure), Framer(wrong, sure=flow.sure)
        self._sent = [0, 0] if flow.sure else [UNKNOWN, UNKNOWN]
        self._ahead: list[tuple[int, int, bytes] | None] = [None, None]
        """Of each side a receive number that is more than the other sent, as far as we know, its time and frame."""
        self._commands: dict[tuple[int, int], None] = {}
        self._queries: set[bytes] = set()
        self._stations: set[int] = set()
        self._sweeps = flow.notes.remembered.recall("iec104 units", lambda: Sweeps("unit", "iec104", flow.notes))

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent."""
        self._moment.set(from_client=from_client, time_ns=time_ns)
        self._framers[from_client].feed(data, self._frame, self._no_frame)

    def lost(self, *, from_client: bool) -> None:
        """Bytes of that side were not captured."""
        self._moment.lost()
        self._framers[from_client].restart()
        self._sent[from_client] = UNKNOWN
        self._ahead[not from_client] = None

    def _no_frame(self, why: str, octets: memoryview) -> None:
        self._moment.malformed(why, octets, "no IEC 104 frame")

    def _frame(self, frame: memoryview, why: str) -> None:
        first = frame[2]
        if first & 1:
            if first & 2:
                self._unnumbered(first)
            else:
                self._trace("iec104.frame", "S")
                self._received(frame)
            return
        self._trace("iec104.frame", "I")
        if why:
            self._moment.malformed(why, frame, "ASDU", str(frame[APCI]))
            return
        self._numbered(frame)
        self._asdu(frame)

    def _trace(self, protocol: str, function: str) -> None:
        trace = self._moment.flow.trace
        if trace is not None:
            trace(protocol, function, self._moment.from_client)

    def _unnumbered(self, first: int) -> None:
        self._trace("iec104.frame", "U")
        name = _SESSION.get(first)
        if name is not None:
            text = "starts data transfer" if first == STARTDT_ACT else "stops data transfer"
            self._moment.note(EventKind.COMMAND, text, name, action="session", what=name)

    def _numbered(self, frame: memoryview) -> None:
        """Compare the send number with the one before."""
        side = self._moment.from_client
        number = frame[2] >> 1 | frame[3] << 7
        expected, self._sent[side] = self._sent[side], (number + 1) % MODULO
        if expected not in (number, UNKNOWN):
            text = f"send number {number} where {expected} is expected"
            self._moment.note(
                EventKind.ORPHAN, text, "I", about="sent", raw=frame, why="sequence", expected=expected, got=number
            )
        self._received(frame)

    def _received(self, frame: memoryview) -> None:
        """Compare the receive number with what the other side has sent: nobody can have received more."""
        side = self._moment.from_client
        waits = self._ahead[side]
        if waits is not None and self._moment.time_ns - waits[1] >= SETTLED_NS:
            self._ahead[side] = None
            self._settle(waits[0], waits[2], self._sent[not side])
        sent, number = self._sent[not side], frame[4] >> 1 | frame[5] << 7
        if self._ahead[side] is None and _more(number, sent):
            self._ahead[side] = number, self._moment.time_ns, bytes(frame)

    def _settle(self, number: int, frame: bytes, sent: int) -> None:
        """Say that more was received than was sent, unless it was sent meanwhile, or the capture has lost it."""
        if _more(number, sent):
            text = f"receive number {number} where only {sent} were sent"
            self._moment.note(
                EventKind.ORPHAN, text, "S", about="received", raw=frame, why="sequence", expected=sent, got=number
            )

    def _asdu(self, frame: memoryview) -> None:
        number, cause = frame[APCI], frame[APCI + 2]
        self._trace("iec104", str(number))
        action = KINDS[number].action
        if cause & CAUSE >= UNKNOWN_TYPE and cause & CAUSE <= UNKNOWN_OBJECT:
            self._failed(frame, _FAILURES[cause & CAUSE])
        elif not action:
            return
        elif cause & CAUSE in ANSWERS:
            self._answer(frame)
        elif number in _FILE and not self._moment.from_client:
            return
        else:
            self._request(frame)

    def _request(self, frame: memoryview) -> None:
        asdu = frame[APCI:]
        number, station = asdu[0], asdu[4] | asdu[5] << 8
        if KINDS[number].action == "read" and bytes(asdu) in self._queries:
            return
        action, items, values = command(asdu)
        self._asks(station)
        self._await((number, station))
        query = action == "read"
        if query and len(self._queries) < QUERIES_KNOWN:
            self._queries.add(bytes(asdu))
        name = KINDS[number].name
        facts: dict[str, Any] = {
            "action": action,
            "what": name,
            "items": items,
            "station": station,
            "cause": asdu[2] & CAUSE,
        }
        if values and not query:
            facts["values"] = values
        if asdu[2] & TEST:
            facts["test"] = True
        if asdu[3]:
            facts["originator"] = asdu[3]
        if station == ALL_STATIONS:
            facts["broadcast"] = True
        if asdu[2] & CAUSE == DEACTIVATION:
            facts["deactivates"] = True
        self._moment.note(
            EventKind.QUERY if query else EventKind.COMMAND,
            _text(name, action, items, values, station),
            str(number),
            about=(station, action, items),
            raw=frame,
            **facts,
        )

    def _await(self, key: tuple[int, int]) -> None:
        commands = self._commands
        if key not in commands:
            if len(commands) >= COMMANDS_KNOWN:
                del commands[next(iter(commands))]
            commands[key] = None

    def _asks(self, station: int) -> None:
        if station in self._stations or len(self._stations) >= STATIONS_KNOWN:
            return
        self._stations.add(station)
        moment = self._moment
        source, target = moment.flow.ends(from_client=moment.from_client)
        self._sweeps.asked(source, (target, station), moment.time_ns, server=target, port=moment.flow.port)

    def _answer(self, frame: memoryview) -> None:
        """A confirmation or a termination: negative, or of what nobody has asked for."""
        asdu = frame[APCI:]
        number, station = asdu[0], asdu[4] | asdu[5] << 8
        if asdu[2] & NEGATIVE:
            self._failed(frame, "negative confirmation")
        known = (number, station) in self._commands or (number, ALL_STATIONS) in self._commands
        if not known and self._moment.certain:
            name = KINDS[number].name
            text = f"confirmation of {name} that nobody has asked for"
            self._moment.note(
                EventKind.ORPHAN, text, str(number), about=station, raw=frame, why="request", what=name, station=station
            )

    def _failed(self, frame: memoryview, code: str) -> None:
        asdu = frame[APCI:]
        number, station = asdu[0], asdu[4] | asdu[5] << 8
        name = KINDS[number].name
        facts: dict[str, Any] = {"code": code, "what": name, "station": station}
        self._moment.note(
            EventKind.EXCEPTION, f"{name}: {code}", str(number), about=(station, code), raw=frame, **facts
        )


def _more(number: int, sent: int) -> bool:
    """Return whether a receive number is more than what was sent."""
    return sent != UNKNOWN and 0 < (number - sent) % MODULO < MODULO // 2


def _text(name: str, action: str, items: tuple[int, int], values: tuple[float | str, ...], station: int) -> str:
    place = f"{items[0]}" if items[0] == items[1] else f"{items[0]} to {items[1]}"
    given = ": " + ", ".join(map(str, values)) if values and action != "read" else ""
    return f"{action} {name} {place}{given}, station {station}"
