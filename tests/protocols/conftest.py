"""Peers for the drivers: a raw Modbus/TCP server that can misbehave, and a real one of pymodbus."""

import asyncio
import itertools
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from protocols.driver import Outside
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.modbus.driver import ModbusDriver
from protocols.points import Points

Reply = Sequence[bytes] | None


def adu(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class Peer:
    """A raw server: register n holds n, coil n is n % 3 == 0. `reply` may be replaced; `asked` keeps the reads.

    Who it is, it says by `identity`, a refusal at first.
    """

    adu = staticmethod(adu)
    hang_up = b"hang up"

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.refused: dict[tuple[int, int], int] = {}
        self.most = 2000
        self.identity = bytes([0x80 | 43, 1])
        self.connections = 0
        self.reply: Callable[[int, int, bytes], Reply] = self.honest
        self.port = 0
        self._server: asyncio.Server | None = None
        self._served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def honest(self, transaction: int, unit: int, pdu: bytes) -> Reply:
        return [adu(transaction, unit, self.answer(pdu))]

    def answer(self, pdu: bytes) -> bytes:
        function, start, count = struct.unpack(">BHH", pdu)
        for address in range(start, start + count):
            if code := self.refused.get((function, address)):
                return bytes([function | 0x80, code])
        if count > self.most:
            return bytes([function | 0x80, 3])
        if function in (1, 2):
            number = sum(1 << i for i in range(count) if (start + i) % 3 == 0)
            data = number.to_bytes((count + 7) // 8, "little")
        else:
            data = struct.pack(f">{count}H", *range(start, start + count))
        return bytes([function, len(data)]) + data

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._served.values():
            writer.transport.abort()
        await asyncio.gather(*self._served)
        self._served.clear()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._served[task] = writer
        self.connections += 1
        try:
            while header := await reader.readexactly(7):
                transaction, _, length, unit = struct.unpack(">HHHB", header)
                pdu = await reader.readexactly(length - 1)
                if pdu[0] == 43:
                    writer.write(adu(transaction, unit, self.identity))
                    continue
                self.asked.append(struct.unpack(">BHH", pdu))
                reply = self.reply(transaction, unit, pdu)
                for chunk in reply or ():
                    if chunk == self.hang_up:
                        writer.transport.close()
                        return
                    writer.write(chunk)
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()
            self._served.pop(task, None)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.start()
    yield peer
    await peer.stop()


@pytest.fixture
def build() -> Callable[..., ModbusDriver]:
    """Return a factory: `build(url, {"unit": 1, "points": {"va": "holding:1"}})` gives a driver of these devices."""

    def make(url: str, *devices: dict[str, object]) -> ModbusDriver:
        made = [_device(url, index, dict(keys)) for index, keys in enumerate(devices)]
        ticks = itertools.count(1_000)
        return ModbusDriver(made, Points.of([(each, each.points) for each in made]), lambda: next(ticks))

    return make


def _device(url: str, index: int, keys: dict) -> ModbusDevice:
    points = tuple(
        ModbusPoint(name=name, **({"address": about} if isinstance(about, str) else about))
        for name, about in keys.pop("points").items()
    )
    return ModbusDevice(**{"name": f"d{index}", "protocol": "modbus", "url": url, "points": points, **keys})


@asynccontextmanager
async def real_modbus_server(port: int = 0) -> AsyncIterator[int]:
    """Serve by pymodbus and yield the port: units 1 and 2, 2,000 registers n holding n, coils on where n % 3 == 0."""
    registers = [SimData(0, values=list(range(2000)), datatype=DataType.REGISTERS)]
    bits = [SimData(0, values=[n % 3 == 0 for n in range(2000)], datatype=DataType.BITS)]
    server = ModbusTcpServer(
        [SimDevice(unit, (list(bits), list(bits), list(registers), list(registers))) for unit in (1, 2)],
        address=("127.0.0.1", port),
    )
    await server.serve_forever(background=True)
    try:
        yield server.transport.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()


@pytest.fixture
def modbus_server():
    """Return an asynchronous context manager: a real server, which yields its port."""
    return real_modbus_server


@pytest.fixture
def modbus_case(build):
    """Return what the contract suite needs: a server that yields a port, a driver for a port."""
    return real_modbus_server, lambda port: build(
        f"tcp://127.0.0.1:{port}",
        {"unit": 1, "points": {"a": "holding:5", "c": "coil:3", "f": {"address": "input:10", "every_s": 5.0}}},
        {"unit": 2, "points": {"b": "holding:7"}},
    )


@asynccontextmanager
async def real_outstation(port: int = 0, **keys: object) -> AsyncIterator[int]:
    """Serve our own outstation at link address 10 and yield the port: 20 analogs n holding n, 4 binaries, a counter."""
    from simulator.dnp3_outstation import Outstation
    from simulator.dnp3_server import Server

    outstation = Outstation(lambda: time.time_ns() // 1_000_000, restarted=False)
    for index in range(20):
        outstation.add("analog", index, float(index))
    for index in range(4):
        outstation.add("binary", index, index % 2, event_class=1)
    outstation.add("counter", 0, 4711)
    server = Server({10: outstation})
    await server.start(port=port)
    try:
        yield server.port
    finally:
        await server.stop()


@pytest.fixture
def dnp3_case():
    """Return what the contract suite needs: a server that yields a port, a driver for a port."""
    from protocols.dnp3.config import Dnp3Device, Dnp3Point
    from protocols.dnp3.driver import Dnp3Driver

    addresses = {"a": "analog:5", "b": "binary:1", "c": "counter:0", "d": "analog:19"}
    points = tuple(Dnp3Point(name=name, address=address) for name, address in addresses.items())

    def make(port):
        url = f"tcp://127.0.0.1:{port}"
        device = Dnp3Device(name="rtu1", protocol="dnp3", url=url, outstation=10, points=points)
        return Dnp3Driver([device], Points.of([(device, points)]), Outside(clock=time.time_ns))

    return real_outstation, make
