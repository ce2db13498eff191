"""Frames of Modbus/TCP, in the clear or in TLS: every answer carries the number of its request.

    transaction:2  protocol:2 (0)  length:2  unit:1  function:1  data

`length` counts from `unit`. A request that timed out or was cancelled leaves its transaction behind; when its answer
comes after all, it is counted and dropped. Every other surprise is a violation.
"""

from collections import Counter, OrderedDict
from struct import Struct
from typing import ClassVar, Final, NamedTuple

from protocols.modbus.codec import LARGEST_PDU, Answer, Request, Violation

HEADER: Final = Struct(">HHHB")
PREFIX: Final = HEADER.size - 1
"""Bytes that `length` does not count."""
LEAST_LENGTH: Final = 2
"""Unit and function: nothing shorter is a message."""
MOST_LENGTH: Final = 1 + LARGEST_PDU
LARGEST_FRAME: Final = PREFIX + MOST_LENGTH
"""260 bytes: Modbus Messaging on TCP/IP Implementation Guide V1.0b, clause 4.1."""
MOST_ABANDONED: Final = 1024
"""Transactions whose late answer is still known: a quarter of an hour of time-outs at one a second."""


class Frame(NamedTuple):
    """One message of Modbus/TCP; `pdu` begins with the function."""

    transaction: int
    unit: int
    pdu: bytes


class Mbap:
    """Whose answer is whose on one connection: told by the transaction; see `framing.Framing`."""

    numbered: ClassVar[bool] = True

    def __init__(self) -> None:
        self.late: Counter[int] = Counter()
        self.noise = bytearray()
        self._transaction = 0
        self._unit = 0
        self._lenient = False
        self._request: Request | None = None
        self._abandoned: OrderedDict[int, int] = OrderedDict()

    def in_step(self, unit: int, request: Request, now: float) -> None:
        """Nothing must be answered first: the transaction tells late answers apart."""

    def ask(self, unit: int, request: Request, *, lenient: bool) -> bytes:
        """Return the bytes to send."""
        self._transaction = self._transaction % 0xFFFF + 1
        self._abandoned.pop(self._transaction, None)
        self._unit, self._request, self._lenient = unit, request, lenient
        return HEADER.pack(self._transaction, 0, 1 + len(request.pdu), unit) + request.pdu

    def give_up(self, now: float) -> None:  # noqa: ARG002  the interface of a framing
        """Remember a transaction that was not answered."""
        if self._request is not None:
            self._request = None
            self._abandoned[self._transaction] = self._unit
            if len(self._abandoned) > MOST_ABANDONED:
                self._abandoned.popitem(last=False)

    def take(self, data: memoryview) -> tuple[int, Answer | None]:
        """Return how many bytes the frame at the start of `data` took, and the answer if it is one.

        Raises:
            Violation: this is no frame, or it answers nothing that was asked.
        """
        found = frame(data)
        if found is None:
            return 0, None
        taken = HEADER.size + len(found.pdu)
        if self._request is None or found.transaction != self._transaction:
            self._late(found.transaction)
            return taken, None
        return taken, self._answer(self._request, found)

    def room(self, request: Request) -> int:
        """Return how many bytes the answer to `request` takes at most."""
        return LARGEST_FRAME if request.size is None else HEADER.size + 2 + request.size

    def _answer(self, request: Request, found: Frame) -> Answer:
        if found.unit != self._unit and not self._lenient:
            raise Violation(f"unit {found.unit} answers unit {self._unit}", why="unit")
        answer = request.parse(found.pdu)
        self._request = None
        return answer

    def _late(self, transaction: int) -> None:
        unit = self._abandoned.pop(transaction, None)
        if unit is None:
            raise Violation(f"transaction {transaction} was not asked", why="request")
        self.late[unit] += 1


def frame(data: memoryview) -> Frame | None:
    """Return the frame at the start of `data`, or None while more is needed.

    Raises:
        Violation: `data` does not begin with a frame, whatever follows.
    """
    if len(data) >= 4 and (data[2] or data[3]):
        raise Violation(f"protocol identifier {data[2] << 8 | data[3]}, not 0")
    if len(data) < PREFIX:
        return None
    length = data[4] << 8 | data[5]
    if not LEAST_LENGTH <= length <= MOST_LENGTH:
        raise Violation(f"length {length} is not from {LEAST_LENGTH} to {MOST_LENGTH}")
    if len(data) < PREFIX + length:
        return None
    transaction, _, _, unit = HEADER.unpack_from(data)
    return Frame(transaction, unit, bytes(data[HEADER.size : PREFIX + length]))
