"""Frames of Modbus RTU, on a serial line or through a converter: no number says which request an answer belongs to.

    unit:1  function:1  data  checksum:2 (CRC-16, low byte first)

The specification ends a frame by silence (Serial Line V1.02, clause 2.5.1.1: t3.5; t1.5 within it). A program above a
UART's FIFO, a USB adapter or a network cannot see such silences, so a frame ends where its function and count say, and
its checksum decides. What does not begin with an answer that is expected is noise and is skipped byte by byte:
spikes before a frame when a sender is switched on, an echo of our own request, frames between others on the line.

The rule for late answers. Expected are the answer to the present request and those to requests that were given up in
the last `FORGET_S`, told apart by unit, function and number of bytes. While an answer that was given up could be taken
for the next one (same unit, function and number of bytes), the unit is first asked for something shorter or longer, in
the same place. A unit answers in the order it was asked: once that is answered with data, nothing older can come.
"""

from collections import Counter, OrderedDict
from typing import ClassVar, Final, NamedTuple

from protocols.modbus.codec import EXCEPTION, IDENTIFY, LARGEST_PDU, Answer, Request

CHECKSUM_BYTES: Final = 2
OVERHEAD: Final = 1 + CHECKSUM_BYTES
LARGEST_FRAME: Final = LARGEST_PDU + OVERHEAD
"""256 bytes: Serial Line V1.02, clause 2.5.1."""
EXCEPTION_FRAME: Final = 2 + OVERHEAD
FORGET_S: Final = 30.0
"""No unit answers later: radio modems and converters that store and forward take some seconds."""
MOST_ABANDONED: Final = 64
"""Late answers that are waited for, of all units: one is given up at most every half second, and half are forgotten."""
NOISE_SHOWN: Final = 16
"""Bytes of noise that are kept for whoever looks for its cause."""

_OBJECTS: Final = 8
"""Where the objects begin in the frame of an identification."""


class _Expected(NamedTuple):
    """What an answer is told by; any unit where `unit` is None, any size where `size` is None."""

    unit: int | None
    function: int
    size: int | None


class Rtu:
    """Whose answer is whose on one line; see `framing.Framing`. Lives as long as the line, over all conversations."""

    numbered: ClassVar[bool] = False

    def __init__(self) -> None:
        self.late: Counter[int] = Counter()
        self.noise = bytearray()
        self._unit = 0
        self._request: Request | None = None
        self._expected: _Expected | None = None
        self._echo = b""
        self._abandoned: OrderedDict[_Expected, tuple[int, float]] = OrderedDict()

    def in_step(self, unit: int, request: Request, now: float) -> Request | None:
        """Return what must be answered first, because a late answer could be taken for that to `request`."""
        for old in [old for old, (_, until) in self._abandoned.items() if until <= now]:
            del self._abandoned[old]
        sizes = {
            expected.size
            for expected, (of, _) in self._abandoned.items()
            if of == unit and expected.function == request.function and expected.size is not None
        }
        return request.unlike(sizes) if request.size is not None and request.size in sizes else None

    def ask(self, unit: int, request: Request, *, lenient: bool) -> bytes:
        """Return the bytes to send."""
        self._unit, self._request = unit, request
        self._expected = _Expected(None if lenient else unit, request.function, request.size)
        self.noise.clear()
        message = bytes((unit,)) + request.pdu
        self._echo = message + checksum(message)
        return self._echo

    def give_up(self, now: float) -> None:
        """Remember for a while what was not answered."""
        if self._expected is not None:
            self._abandoned[self._expected] = self._unit, now + FORGET_S
            self._abandoned.move_to_end(self._expected)
            self._request = self._expected = None
            if len(self._abandoned) > MOST_ABANDONED:
                self._abandoned.popitem(last=False)

    def take(self, data: memoryview) -> tuple[int, Answer | None]:
        """Return how many bytes are done with: noise, an echo, a late answer, or the answer.

        Raises nothing: on a line, whatever is wrong is noise.
        """
        for at in range(len(data)):
            rest = data[at:]
            here = self._begins(rest)
            if here is None:
                continue
            self._skip(data[:at])
            return (at + here[0], here[1]) if here[0] else (at, None)
        self._skip(data)
        return len(data), None

    def room(self, request: Request) -> int:
        """Return how many bytes the answer to `request` takes at most."""
        return LARGEST_FRAME if request.size is None else request.size + 2 + OVERHEAD

    def _begins(self, data: memoryview) -> tuple[int, Answer | None] | None:
        """Return None if nothing expected begins here, 0 bytes if it is not complete yet, else what was taken."""
        pending = False
        for expected in self._all_expected():
            size = _length(data, expected)
            if size > len(data):
                pending = True
            elif size and checksum(data[: size - CHECKSUM_BYTES]) == data[size - CHECKSUM_BYTES : size]:
                return size, self._answered(expected, bytes(data[1 : size - CHECKSUM_BYTES]))
        if self._echo and data[: len(self._echo)] == self._echo[: len(data)]:
            if pending or len(data) < len(self._echo):
                return 0, None
            size, self._echo = len(self._echo), b""
            return size, None
        return (0, None) if pending else None

    def _all_expected(self) -> list[_Expected]:
        present = [] if self._expected is None else [self._expected]
        return present + [expected for expected in self._abandoned if expected != self._expected]

    def _answered(self, expected: _Expected, pdu: bytes) -> Answer | None:
        if expected != self._expected or self._request is None:
            unit, _ = self._abandoned.pop(expected)
            self.late[unit] += 1
            return None
        answer = self._request.parse(pdu)
        self._request = self._expected = None
        self._echo = b""
        if isinstance(answer, bytes):
            self._forget(self._unit)
        return answer

    def _forget(self, unit: int) -> None:
        """Expect nothing older of a unit that has answered with data."""
        if self._abandoned:
            for old in [old for old, (of, _) in self._abandoned.items() if of == unit]:
                del self._abandoned[old]

    def _skip(self, noise: memoryview) -> None:
        self.noise += noise[: max(0, NOISE_SHOWN - len(self.noise))]


def checksum(data: bytes | memoryview) -> bytes:
    """Return the CRC-16 of `data` as it is sent, low byte first: Serial Line V1.02, clause 6.2.2."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return bytes((crc & 0xFF, crc >> 8))


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


_TABLE: Final = tuple(map(_entry, range(256)))


def _length(data: memoryview, expected: _Expected) -> int:
    """Return how long the frame is that begins here, if it answers what is expected; 0 if it does not.

    While that is not known yet, it is more than the bytes that are there.
    """
    if expected.unit is not None and data[0] != expected.unit:
        return 0
    if len(data) < 2 or data[1] == expected.function | EXCEPTION:
        return EXCEPTION_FRAME
    if data[1] != expected.function:
        return 0
    if len(data) < 3:
        return EXCEPTION_FRAME
    if expected.size is None:
        return _identification_length(data)
    return expected.size + 2 + OVERHEAD if data[2] == expected.size else 0


def _identification_length(data: memoryview) -> int:
    """Return how long an identification is: unit, 43, 14, category, conformity, more, next, count, objects."""
    if data[2] != IDENTIFY[1]:
        return 0
    if len(data) < _OBJECTS:
        return LARGEST_FRAME
    at = _OBJECTS
    for _ in range(data[_OBJECTS - 1]):
        if len(data) < at + 2:
            return LARGEST_FRAME if at <= LARGEST_FRAME else 0
        at += 2 + data[at + 1]
    return at + CHECKSUM_BYTES if at + CHECKSUM_BYTES <= LARGEST_FRAME else 0
