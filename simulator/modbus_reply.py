"""What a unit answers to a Modbus request that reads, whatever wires it comes by; it refuses everything else."""

import struct
from typing import Protocol

from simulator.registers import BITS

TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
"""Function codes that read, Modbus Application Protocol 1.1b3 clause 6."""
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MOST_BITS, MOST_REGISTERS = 2000, 125


class Memory(Protocol):
    """What a unit has in its tables."""

    def has(self, table: str, asked: range) -> bool:
        """Whether all these addresses answer."""

    def words(self, table: str, asked: range) -> list[int]:
        """Return what they hold: 16 bits each, or 0 and 1 of coils and discrete inputs."""


def reply(pdu: bytes, memory: Memory) -> bytes:
    """Return the answer to `pdu`, or the exception."""
    table = TABLES.get(pdu[0])
    if table is None or len(pdu) != 5:
        return bytes((pdu[0] | 0x80, ILLEGAL_FUNCTION))
    _, start, count = struct.unpack(">BHH", pdu)
    if not 1 <= count <= (MOST_BITS if table in BITS else MOST_REGISTERS):
        return bytes((pdu[0] | 0x80, ILLEGAL_VALUE))
    asked = range(start, start + count)
    if not memory.has(table, asked):
        return bytes((pdu[0] | 0x80, ILLEGAL_ADDRESS))
    words = memory.words(table, asked)
    data = packed(words) if table in BITS else struct.pack(f">{count}H", *words)
    return bytes((pdu[0], len(data))) + data


def packed(bits: list[int]) -> bytes:
    """Return coils as they are sent: eight to the octet, the first one lowest."""
    return sum(bit << place for place, bit in enumerate(bits)).to_bytes((len(bits) + 7) // 8, "little")
