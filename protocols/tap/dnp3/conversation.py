"""DNP3 on the wire: frames (`dnp3_link`) of both sides become fragments (`dnp3_transport`), and go where they are read.

A fragment whose function code is below 128 is a request, whoever opened the connection: `dnp3_asking` reads it. What an
outstation says goes to `dnp3_answering`. What is told here is what happens below the application.
"""

from typing import Any, Final

from protocols.model import EventKind
from protocols.tap.dissector import Flow
from protocols.tap.dnp3.answering import Answering
from protocols.tap.dnp3.asking import Asking
from protocols.tap.dnp3.dialogue import Dialogues
from protocols.tap.dnp3.link import Framer
from protocols.tap.dnp3.transport import Assembly, Broken
from protocols.tap.moment import Moment

LINKS: Final = 64
"""Link addresses of a conversation whose first question is told."""
FRAGMENT_HEADER: Final = 2
_RESPONSES: Final = 0x80
_CONFIRM: Final = 0

_USER_DATA: Final = frozenset({0x43, 0x44})
"""Confirmed and unconfirmed user data of a primary station."""
_COMMANDS: Final = {0x40: ("reset link states", "session"), 0x41: ("reset user process", "critical")}
_QUESTIONS: Final = {0x42: "test link states", 0x49: "request link status"}
_FAILURES: Final = {0x0E: "link service not functioning", 0x0F: "link service not supported"}
_PRIMARY: Final = 0x40
_FUNCTION: Final = 0x0F


class Dnp3Conversation:
    """One connection, or one pair that sends datagrams, with any number of stations at both ends."""

    def __init__(self, flow: Flow) -> None:
        self._moment = Moment(flow, "dnp3")
        self._trace, self._datagrams = flow.trace, flow.datagrams
        self._framers = Framer(sure=flow.sure), Framer(sure=flow.sure)
        self._assemblies = Assembly(), Assembly()
        self._dialogues = Dialogues(self._moment)
        self._asking = Asking(self._moment, self._dialogues)
        self._answering = Answering(self._moment, self._dialogues)
        self._links: set[int] = set()

    def data(self, *, from_client: bool, data: memoryview, time_ns: int) -> None:
        """Look at what one side sent."""
        self._moment.set(from_client=from_client, time_ns=time_ns)
        framer = self._framers[from_client]
        framer.feed(data, self._frame, self._no_frame)
        if self._datagrams:
            framer.end(self._no_frame)

    def lost(self, *, from_client: bool) -> None:
        """Bytes of that side were not captured."""
        self._moment.lost()
        self._framers[from_client].restart()
        self._assemblies[from_client].restart()
        self._dialogues.lost()

    def _no_frame(self, why: str, octets: bytes) -> None:
        self._moment.malformed(why, octets, "no DNP3 frame")

    def _frame(self, control: int, destination: int, source: int, user: bytes) -> None:
        moment = self._moment
        if self._trace is not None:
            self._trace("dnp3.link", str(control & _FUNCTION), moment.from_client)
        if control & 0x4F not in _USER_DATA:
            self._link(control & 0x4F, destination, source)
            return
        if not user:
            moment.malformed("no user data", b"", "frame")
            return
        try:
            fragment = self._assemblies[moment.from_client].add(source << 16 | destination, user)
        except Broken as broken:
            if moment.certain:
                moment.malformed(str(broken), user, "segment")
            return
        if fragment is not None:
            self._fragment(destination, source, fragment)

    def _fragment(self, destination: int, source: int, fragment: bytes) -> None:
        moment = self._moment
        if len(fragment) < FRAGMENT_HEADER:
            moment.malformed("fragment cut", fragment, "fragment")
            return
        function = fragment[1]
        if self._trace is not None:
            self._trace("dnp3", str(function), moment.from_client)
        if function >= _RESPONSES:
            self._answering.response(destination, source, fragment)
        elif function != _CONFIRM:
            self._asking.request(source, destination, fragment)

    def _link(self, function: int, destination: int, source: int) -> None:
        """A frame of the link layer alone: over serial lines, link states are asked for and reset all the time."""
        moment, number = self._moment, function & _FUNCTION
        name = f"link {number}"
        ends: dict[str, Any] = {"to": destination, "from": source}
        if function in _COMMANDS:
            text, action = _COMMANDS[function]
            text = f"{text} of {destination}"
            moment.note(EventKind.COMMAND, text, name, about=destination, action=action, what="link", **ends)
        elif function in _QUESTIONS:
            if destination not in self._links and len(self._links) < LINKS:
                self._links.add(destination)
                self._dialogues.asks(destination)
                text = f"{_QUESTIONS[function]} of {destination}"
                moment.note(EventKind.QUERY, text, name, about=destination, action="read", what="link", **ends)
        elif function in _FAILURES:
            text = f"{_FAILURES[function]} in {source}"
            moment.note(EventKind.EXCEPTION, text, name, about=source, code=_FAILURES[function], what="link", **ends)
        elif function & _PRIMARY:
            moment.malformed("unknown link function", b"", "frame", name, **ends)
