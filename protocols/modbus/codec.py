"""Modbus messages: the requests that read, the one that asks who a device is, and what may answer them.

A message (PDU) begins with its function; mbap.py and rtu.py put it into frames. Numbers are big-endian. Nothing here
can write: a request with another function than 1 to 4, and 43/14 (read device identification), cannot be made.
"""

import itertools
from collections.abc import Container
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias

from protocols.modbus.planner import Block

LARGEST_PDU: Final = 253
"""Modbus Application Protocol V1.1b3, clause 4.1."""
EXCEPTION: Final = 0x80
"""Added to the function by an exception response: V1.1b3, clause 7."""
IDENTIFY: Final = bytes((43, 14))
"""Function and MEI type of read device identification: V1.1b3, clause 6.21."""

_READS: Final = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
"""The function that reads a table: V1.1b3, clauses 6.1 to 6.4."""
_READ_FUNCTIONS: Final = frozenset(_READS.values())
_MOST_REGISTERS: Final = 125
_MOST_BITS: Final = 2000
"""V1.1b3, clauses 6.1 to 6.4."""
_BIT_FUNCTIONS: Final = frozenset({1, 2})
_ADDRESSES: Final = 65_536
_PDU: Final = Struct(">BHH")


class Violation(Exception):
    """The peer broke the protocol: its conversation must end. Says which byte was wrong and what is allowed.

    `why` is one word for an answer that is not to our question: unit, request or function; empty otherwise.
    """

    def __init__(self, text: str, *, why: str = "") -> None:
        super().__init__(text)
        self.why = why


@dataclass(frozen=True, slots=True)
class Refusal:
    """An exception response: the device understood, and says no. Codes: V1.1b3, clause 7."""

    code: int

    @property
    def of_address(self) -> bool:
        """Whether it is about what was asked (function, address, count), so asking differently may help."""
        return self.code in _OF_ADDRESS

    @property
    def of_gateway(self) -> bool:
        """Whether a gateway says it for a device that is silent."""
        return self.code in _OF_GATEWAY

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
_OF_ADDRESS: Final = frozenset({1, 2, 3})
_OF_GATEWAY: Final = frozenset({10, 11})


Answer: TypeAlias = bytes | Refusal
"""The data of a response, or that the device says no."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, encoded once: `pdu` from the function on, and how many bytes of data must answer it.

    `size` is None where the answer says its own length.
    """

    pdu: bytes
    size: int | None

    def __post_init__(self) -> None:
        if self.function not in _READ_FUNCTIONS and self.pdu[:2] != IDENTIFY:
            raise ValueError(f"function {self.function} is none of 1, 2, 3, 4, 43/14: nothing else is ever sent")

    @classmethod
    def read(cls, block: Block) -> "Request":
        """Return the request that reads `block`.

        Raises:
            ValueError: it asks for more at once than the specification allows, or for nothing.
        """
        most = _MOST_BITS if block.bits else _MOST_REGISTERS
        if not 1 <= block.count <= most:
            raise ValueError(f"count {block.count} is not from 1 to {most}")
        pdu = _PDU.pack(_READS[block.table], block.start, block.count)
        return cls(pdu, _size(block.count, bits=block.bits))

    @classmethod
    def identify(cls, category: int, first: int) -> "Request":
        """Return the request for identification objects from `first` on; `category` 1 is basic, 2 regular."""
        return cls(IDENTIFY + bytes((category, first)), None)

    @property
    def function(self) -> int:
        """The function code."""
        return self.pdu[0]

    def unlike(self, sizes: Container[int]) -> "Request":
        """Return the shortest request for the same place whose answer has none of `sizes`, which are less than 100."""
        bits = self.function in _BIT_FUNCTIONS
        count = next(count for count in itertools.count(1) if _size(count, bits=bits) not in sizes)
        start = min(self.pdu[1] << 8 | self.pdu[2], _ADDRESSES - count)
        return Request(_PDU.pack(self.function, start, count), _size(count, bits=bits))

    def parse(self, pdu: bytes) -> Answer:
        """Return the data of the response `pdu`: registers as sent, bits packed lowest first, or what follows 43/14.

        Raises:
            Violation: it does not answer this request.
        """
        function = pdu[0]
        if function == self.function | EXCEPTION:
            if len(pdu) != 2:
                raise Violation(f"exception response of {len(pdu)} bytes, not 2")
            return Refusal(pdu[1])
        if function != self.function:
            raise Violation(f"function {function} answers function {self.function}", why="function")
        if self.size is None:
            return _identification(pdu)
        size = len(pdu) - 2
        if size != self.size or pdu[1] != self.size:
            said = pdu[1] if size >= 0 else "no count"
            raise Violation(f"{max(size, 0)} bytes of data, said to be {said}, where {self.size} were asked")
        return pdu[2:]


def _identification(pdu: bytes) -> bytes:
    if pdu[:2] != IDENTIFY:
        raise Violation("an answer to 43/14 that is of another kind")
    return pdu[2:]


def _size(count: int, *, bits: bool) -> int:
    return (count + 7) // 8 if bits else 2 * count
