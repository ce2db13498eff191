"""Modbus bytes: frames of Modbus/TCP, the four requests that read, and what may answer them.

    transaction:2  protocol:2 (0)  length:2  unit:1  function:1  data      numbers are big-endian

`length` counts from `unit`. Nothing here can write: a request with a function other than 1 to 4 cannot be made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from pymodbus.constants import ExcCodes
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.pdu import ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from protocols.modbus.planner import Block

HEADER: Final = Struct(">HHHB")
PREFIX: Final = HEADER.size - 1
"""Bytes that `length` does not count."""
LEAST_LENGTH: Final = 2
"""Unit and function: nothing shorter is a message."""
MOST_LENGTH: Final = 254
"""Unit and a PDU of 253 bytes: Modbus Application Protocol V1.1b3, clause 4.1."""
LARGEST_FRAME: Final = PREFIX + MOST_LENGTH
"""260 bytes: Modbus Messaging on TCP/IP Implementation Guide V1.0b, clause 4.1."""
EXCEPTION: Final = 0x80
"""Added to the function by an exception response: V1.1b3, clause 7."""

_READS: Final[dict[str, Callable[..., ModbusPDU]]] = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}
_READ_FUNCTIONS: Final = frozenset({1, 2, 3, 4})


class Violation(Exception):
    """The peer broke the protocol: its conversation must end. Says which byte was wrong and what is allowed."""


class Frame(NamedTuple):
    """One message of Modbus/TCP; `pdu` begins with the function."""

    transaction: int
    unit: int
    pdu: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exception response: the device understood, and says no. Codes: V1.1b3, clause 7."""

    code: int

    @property
    def of_address(self) -> bool:
        """Whether it is about what was asked (function, address, count), so asking differently may help."""
        return self.code in (ExcCodes.ILLEGAL_FUNCTION, ExcCodes.ILLEGAL_ADDRESS, ExcCodes.ILLEGAL_VALUE)

    @property
    def of_gateway(self) -> bool:
        """Whether a gateway says it for a device that is silent."""
        return self.code in (ExcCodes.GATEWAY_PATH_UNAVIABLE, ExcCodes.GATEWAY_NO_RESPONSE)

    def __str__(self) -> str:
        return f"exception {self.code}, {_NAMES.get(self.code, 'not in the specification')}"


_NAMES: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    7: "negative acknowledge",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request, encoded once: `pdu` from the function on, and how many bytes of data must answer it."""

    pdu: bytes
    size: int

    def __post_init__(self) -> None:
        if self.function not in _READ_FUNCTIONS:
            raise ValueError(f"function {self.function} is none of 1, 2, 3, 4: nothing else is ever sent")

    @classmethod
    def read(cls, block: Block) -> "Request":
        """Return the request that reads `block`."""
        message = _READS[block.table](address=block.start, count=block.count)
        size = (block.count + 7) // 8 if block.bits else 2 * block.count
        return cls(bytes((message.function_code,)) + message.encode(), size)

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]

    def framed(self, transaction: int, unit: int) -> bytes:
        """Return the bytes to send."""
        return HEADER.pack(transaction, 0, 1 + len(self.pdu), unit) + self.pdu

    def parse(self, pdu: bytes) -> bytes | Refusal:
        """Return the data of the response `pdu`: registers as sent, or bits packed, lowest first.

        Raises:
            Violation: it does not answer this request.
        """
        function, size, data = pdu[0], len(pdu) - 2, pdu[2:]
        if function == self.function | EXCEPTION:
            if size != 0:
                raise Violation(f"exception response of {len(pdu)} bytes, not 2")
            return Refusal(pdu[1])
        if function != self.function:
            raise Violation(f"function {function} answers function {self.function}")
        if size != self.size or pdu[1] != self.size:
            said = pdu[1] if size >= 0 else "no count"
            raise Violation(f"{max(size, 0)} bytes of data, said to be {said}, where {self.size} were asked")
        return data


def frame(data: memoryview) -> Frame | None:
    """Return the frame at the start of `data`, or None while more is needed; it takes `frame_size` bytes.

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


def frame_size(found: Frame) -> int:
    """Return how many bytes `found` took."""
    return HEADER.size + len(found.pdu)
