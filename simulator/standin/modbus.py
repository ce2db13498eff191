"""Stand-ins for Modbus units behind one port: TCP with its header, or the frames of a serial line.

The octets are made here from the value outwards, without the gateway's decoder: what that gets wrong, this must not
get wrong in the same way.
"""

import asyncio
import math
import struct
from collections.abc import Collection, Iterator, Sequence

from simulator.modbus_reply import reply
from simulator.modbus_rtu import LONGEST, checksum
from simulator.registers import BITS
from simulator.standin.words import Board, Device, Shown, Signal

FORMATS = {
    "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q",
    "float32": ">f", "float64": ">d",
}  # fmt: skip
HEADER = struct.Struct(">HHHB")
"""Transaction, protocol (0), octets that follow with the unit, unit: Modbus Messaging 1.0b clause 3.1.3."""


def octets(kind: str, order: str, raw: float) -> bytes:
    """Return the registers of a number as they are sent; integers end at the ends of their range."""
    form = FORMATS[kind]
    if form[1] in "fd":
        sent = struct.pack(form, raw)
    else:
        bits, signed = 8 * struct.calcsize(form), form[1].islower()
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        sent = struct.pack(form, min(max(round(raw), low), high))
    registers = [sent[at : at + 2] for at in range(0, len(sent), 2)]
    if order in ("big_swapped", "little"):
        registers.reverse()
    if order in ("little_swapped", "little"):
        registers = [register[::-1] for register in registers]
    return b"".join(registers)


class Unit:
    """The tables of one unit. Between the first and the last address of a table everything answers, beyond nothing."""

    def __init__(self, signals: Sequence[Signal], board: Board) -> None:
        self.silent = False
        self._board = board
        self._signals: dict[str, Signal] = {}
        self._words: dict[str, dict[int, int]] = {}
        self._spans: dict[str, range] = {}
        for signal in sorted(signals, key=_is_bit):  # a bit of a register is set after the whole of it
            self._signals[signal.name] = signal
            self._put(signal)
        for table, words in self._words.items():
            self._spans[table] = range(min(words), max(words) + 1)

    def show(self, names: Collection[str]) -> None:
        """Take what the board says."""
        for name in sorted(names & self._signals.keys(), key=lambda name: _is_bit(self._signals[name])):
            self._put(self._signals[name])

    def has(self, table: str, asked: range) -> bool:
        """Whether all these addresses answer."""
        span = self._spans.get(table, range(0))
        return span.start <= asked.start and asked.stop <= span.stop

    def words(self, table: str, asked: range) -> list[int]:
        """Return what they hold."""
        words = self._words[table]
        return [words.get(address, 0) for address in asked]

    def _put(self, signal: Signal) -> None:
        table, offset, bit = place(signal.address)
        words, shown = self._words.setdefault(table, {}), self._board[signal.name]
        if table in BITS:
            words[offset] = int(shown.value)
        elif bit is not None:
            words[offset] = words.get(offset, 0) & ~(1 << bit) | int(shown.value) << bit
        else:
            words.update(enumerate(_registers(signal, shown), offset))


def place(address: str) -> tuple[str, int, int | None]:
    """Return table, address and bit of `holding:7.3`."""
    table, _, rest = address.partition(":")
    offset, _, bit = rest.partition(".")
    return table, int(offset), int(bit) if bit else None


def _is_bit(signal: Signal) -> bool:
    return place(signal.address)[2] is not None


def _registers(signal: Signal, shown: Shown) -> Iterator[int]:
    raw = signal.raw(shown.value) if shown.good or not signal.kind.startswith("float") else math.nan
    return (word for (word,) in struct.iter_unpack(">H", octets(signal.kind, signal.order, raw)))


class ModbusStandin:
    """Some units behind one port. `rtu` is whether they speak in the frames of a serial line."""

    def __init__(self, devices: Sequence[Device], board: Board, *, host: str, port: int, rtu: bool) -> None:
        self.port, self.rtu = port, rtu
        of_unit: dict[int, list[Signal]] = {}
        for device in devices:
            of_unit.setdefault(device.station, []).extend(device.signals)
        self.units = {number: Unit(signals, board) for number, signals in of_unit.items()}
        self._names = {device.name: self.units[device.station] for device in devices}
        self._host = host
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Transport] = set()

    async def start(self) -> None:
        """Serve.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Hang up on everyone and free the port; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for connection in self.connections:
                connection.abort()
            await server.wait_closed()

    async def show(self, names: Collection[str]) -> None:
        """Take what the board says."""
        for unit in self.units.values():
            unit.show(names)

    async def hush(self, device: str, *, silent: bool) -> None:
        """Let a unit be silent, or answer again."""
        self._names[device].silent = silent


class _Connection(asyncio.Protocol):
    """One master; a message that is not complete waits for its rest."""

    def __init__(self, server: ModbusStandin) -> None:
        self._server, self._heard = server, b""
        self._take = self._rtu if server.rtu else self._tcp

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the interface of asyncio
        """Forget."""
        self._server.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._heard = (self._heard + data)[-LONGEST * 8 :]
        while self._take():
            pass

    def _tcp(self) -> bool:
        """Take one message with its header; return whether there was one."""
        if len(self._heard) < HEADER.size + 1:
            return False
        transaction, protocol, length, unit = HEADER.unpack_from(self._heard)
        if protocol or not 2 <= length <= LONGEST:
            self._transport.abort()
            return False
        if len(self._heard) < HEADER.size - 1 + length:
            return False
        pdu = self._heard[HEADER.size : HEADER.size - 1 + length]
        self._heard = self._heard[HEADER.size - 1 + length :]
        if answer := self._answer(unit, pdu):
            self._transport.write(HEADER.pack(transaction, 0, len(answer) + 1, unit) + answer)
        return True

    def _rtu(self) -> bool:
        """Take all that was heard when its checksum is right: a master sends one request and waits."""
        heard = self._heard
        if len(heard) < 4 or checksum(heard[:-2]) != heard[-2:]:
            return False
        self._heard = b""
        if answer := self._answer(heard[0], heard[1:-2]):
            message = heard[:1] + answer
            self._transport.write(message + checksum(message))
        return True

    def _answer(self, number: int, pdu: bytes) -> bytes:
        unit = self._server.units.get(number)
        return b"" if unit is None or unit.silent else reply(pdu, unit)
