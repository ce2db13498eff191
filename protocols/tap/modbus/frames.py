"""Modbus/TCP messages in one direction of a stream that may be cut, broken or begun anywhere.

    MBAP   transaction(2) protocol(2) = 0  length(2)  unit(1)   then the message (PDU): function(1) data

Length and function have to fit together. Where they do not, or no header can be, the next place where one can is
searched, so a broken message costs itself, and at most the one that it swallowed.
"""

from struct import Struct
from typing import Final, Protocol

from protocols.tap.modbus import functions

LARGEST: Final = 260
"""Bytes of a message with its header: MODBUS Messaging on TCP/IP V1.0b, clause 3.1.2."""
LARGEST_PROGRAM: Final = 1100
"""Likewise of programming (UMAS), whose parties agree on messages of up to 1024 bytes."""
MOST_SEARCHED: Final = 512
"""Places where a header may begin that are looked at in one piece; then the rest of it is left."""

_HEAD: Final = Struct(">HHHBB")
_HEAD_BYTES: Final = 8
_BEFORE_UNIT: Final = 6
_MOST_LENGTH: Final = LARGEST - _BEFORE_UNIT
_MOST_LENGTHS: Final = {functions.PROGRAM: LARGEST_PROGRAM, functions.PROGRAM | functions.EXCEPTION: LARGEST_PROGRAM}
_USUAL_LENGTH: Final = 6
_USUAL_FUNCTION: Final = 6
"""Requests of functions 1 to 6 are all of the same length: most of what is asked."""
_OTHERS: Final = {b"\x16\x03": "TLS", b"GE": "HTTP", b"PO": "HTTP", b"HE": "HTTP", b"SS": "SSH"}


class Reader(Protocol):
    """Takes messages. `key` is transaction and unit in one number (transaction << 8 | unit)."""

    def request(self, key: int, function: int, data: memoryview) -> None:
        """Take what the client asks."""

    def response(self, key: int, function: int, data: memoryview) -> None:
        """Take what the server answers."""

    def bad(self, why: str, raw: memoryview, *, from_client: bool, unit: int = 0, function: int | None = None) -> None:
        """Take what is wrong, the bytes of it, and which function of which unit that is, if it is one."""


class Framer:
    """One direction: `requests` or responses."""

    __slots__ = ("_held", "_requests", "_searching")

    def __init__(self, *, requests: bool) -> None:
        self._requests = requests
        self._held = b""
        self._searching = False

    def lost(self) -> None:
        """Forget the beginning of a message whose end was not captured."""
        self._held = b""

    def feed(self, data: memoryview, reader: Reader) -> None:
        """Take the next bytes of the stream, and show `reader` what is whole."""
        if self._held:
            data = memoryview(self._held + data)
            self._held = b""
        at, size = 0, len(data)
        while size - at >= _HEAD_BYTES:
            number, protocol, length, unit, function = _HEAD.unpack_from(data, at)
            end = at + _BEFORE_UNIT + length
            possible = 2 <= length <= _MOST_LENGTHS.get(function, _MOST_LENGTH)
            if not possible or (protocol and not self._otherwise_whole(data, at, length, function)):
                at = self._search(data, at, "protocol id" if protocol else "length", reader)
                continue
            due = 0
            if length != _USUAL_LENGTH or not 0 < function <= _USUAL_FUNCTION or not self._requests:
                due = functions.length(function, data, at + 7, request=self._requests)
                if due and due != length - 1 and not self._framed(data, end):
                    at = self._search(data, at, "length", reader)
                    continue
            if end > size:
                break
            self._searching = False
            if protocol or (due and due != length - 1):
                why = "protocol id" if protocol else "length"
                reader.bad(why, data[at:end], from_client=self._requests, unit=unit, function=function)
            if self._requests:
                reader.request(number << 8 | unit, function, data[at + 7 : end])
            else:
                reader.response(number << 8 | unit, function, data[at + 7 : end])
            at = end
        if at < size:
            self._held = bytes(data[at:])

    def _otherwise_whole(self, data: memoryview, at: int, length: int, function: int) -> bool:
        """Return whether all but the protocol id is as it should be: there are devices that do not look at that."""
        if not self._requests or function not in functions.NAMES:
            return False
        due = functions.length(function, data, at + 7, request=True)
        return due in (0, length - 1)

    def _framed(self, data: memoryview, end: int) -> bool:
        """Return whether a message ends at `end` although its own fields say otherwise."""
        return end == len(data) or (end < len(data) and self._plausible(data, end))

    def _plausible(self, data: memoryview, at: int) -> bool:
        """Return whether a message begins at `at`."""
        if len(data) - at < _HEAD_BYTES:
            return False
        _, protocol, length, _, function = _HEAD.unpack_from(data, at)
        if protocol or not 2 <= length <= _MOST_LENGTHS.get(function, _MOST_LENGTH):
            return False
        due = functions.length(function, data, at + 7, request=self._requests)
        if due:
            return bool(due == length - 1)
        known = (function if self._requests else function & 0x7F) in functions.NAMES
        return known or at + _BEFORE_UNIT + length == len(data)

    def _search(self, data: memoryview, at: int, why: str, reader: Reader) -> int:
        """Return where the next header can be; the last bytes are kept, as one may begin there."""
        if not self._searching:
            self._searching = True
            other = _OTHERS.get(bytes(data[at : at + 2]))
            reader.bad(f"other protocol: {other}" if other else why, data[at:], from_client=self._requests)
        octets, place = bytes(data), at
        for _ in range(MOST_SEARCHED):
            place = octets.find(b"\0\0", place + 3) - 2
            if place < 0:
                break
            if self._plausible(data, place):
                return place
        return max(len(data) - _HEAD_BYTES + 1, at + 1)
