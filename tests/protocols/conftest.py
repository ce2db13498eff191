"""Peers for the drivers: a raw Modbus/TCP server that can misbehave, and a real one of pymodbus."""

import asyncio
import itertools
import os
import ssl
import struct
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from pymodbus.framer import FramerType
from pymodbus.framer.rtu import FramerRTU
from pymodbus.server import ModbusTcpServer, ModbusTlsServer
from pymodbus.simulator import DataType, SimData, SimDevice

from protocols.driver import LinkLost, Outside, Scan
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.modbus.conversation import Conversation
from protocols.modbus.driver import ModbusDriver
from protocols.model import Batch, Event
from protocols.points import Points
from protocols.sighting import Sighting


class Plain(ModbusDriver):
    """A driver as those see it who look at readings and remarks; `told` are the sightings, for the cyber checks."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: list[Sighting] = []

    async def connect(self) -> Sequence[Event]:
        return self._heard(await super().connect())

    async def read(self, scan: Scan) -> Sequence[Batch | Event]:
        try:
            return self._heard(await super().read(scan))
        except LinkLost as lost:
            raise LinkLost(str(lost), self._heard(lost.events)) from None

    def _heard(self, seen: Sequence[Any]) -> list[Any]:
        self.told += [each for each in seen if isinstance(each, Sighting)]
        return [each for each in seen if not isinstance(each, Sighting)]


Reply = Sequence[bytes] | None
LINES = itertools.count()


def adu(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class Peer:
    """A raw server: register n holds n, coil n is n % 3 == 0. `reply` may be replaced; `asked` keeps the reads.

    Who it is, it says by `identity`: at first a refusal; None is silence.
    """

    adu = staticmethod(adu)
    hang_up = b"hang up"

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self.refused: dict[tuple[int, int], int] = {}
        self.most = 2000
        self.identity: bytes | None = bytes([0x80 | 43, 1])
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
                    if self.identity == self.hang_up:
                        return
                    if self.identity is not None:
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
async def conversation(peer: Peer) -> AsyncIterator[Conversation]:
    """Open a conversation with the peer."""
    opened = await Conversation.open("127.0.0.1", peer.port)
    yield opened
    await opened.close()


@pytest.fixture
def build() -> Callable[..., ModbusDriver]:
    """Return a factory: `build(url, {"unit": 1, "points": {"va": "holding:1"}})` gives a driver of these devices."""

    def make(url: str, *devices: dict[str, object]) -> ModbusDriver:
        made = [_device(url, index, dict(keys)) for index, keys in enumerate(devices)]
        ticks = itertools.count(1_000)
        return Plain(made, Points.of([(each, each.points) for each in made]), lambda: next(ticks))

    return make


@pytest.fixture
async def connected(
    peer: Peer, build: Callable[..., ModbusDriver]
) -> AsyncIterator[Callable[..., Awaitable[ModbusDriver]]]:
    """Return a factory: a connected driver of one device with these points, on the peer."""
    made: list[ModbusDriver] = []

    async def make(points: dict[str, str], **keys: object) -> ModbusDriver:
        driver = build(peer.url, {"points": points, "timeout_s": 30, **keys})
        await driver.connect()
        made.append(driver)
        return driver

    yield make
    for driver in made:
        await driver.close()


def _device(url: str, index: int, keys: dict) -> ModbusDevice:
    points = tuple(
        ModbusPoint(name=name, **({"address": about} if isinstance(about, str) else about))
        for name, about in keys.pop("points").items()
    )
    return ModbusDevice(**{"name": f"d{index}", "protocol": "modbus", "url": url, "points": points, **keys})


class Line:
    """Raw units on a pseudo-terminal, which answer as `Peer` does. `asked` keeps unit and message of each request.

    `reply(unit, pdu)` gives what to send, in pieces; a number among them is a pause in seconds.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, bytes]] = []
        self.times: list[float] = []
        self.reply: Callable[[int, bytes], Sequence[bytes | float] | None] = self.honest
        self.contents = Peer()
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.path = os.ttyname(self.theirs)
        self._task: asyncio.Task[None] | None = None
        asyncio.get_running_loop().add_reader(self.ours, self._hear)

    @property
    def url(self) -> str:
        return f"rtu://{self.path}?baud=115200&parity=N"

    @staticmethod
    def adu(unit: int, pdu: bytes) -> bytes:
        return (message := bytes([unit]) + pdu) + FramerRTU.compute_CRC(message).to_bytes(2, "big")

    def honest(self, unit: int, pdu: bytes) -> Sequence[bytes | float] | None:
        return [self.adu(unit, self.contents.identity if pdu[0] == 43 else self.contents.answer(pdu))]

    def say(self, data: bytes) -> None:
        os.write(self.ours, data)

    async def stop(self) -> None:
        if self.ours < 0:
            return
        asyncio.get_running_loop().remove_reader(self.ours)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for end in (self.ours, self.theirs):
            os.close(end)
        self.ours = -1

    def _hear(self) -> None:
        frame = os.read(self.ours, 4096)
        self.times.append(asyncio.get_running_loop().time())
        assert frame == self.adu(frame[0], frame[1:-2])
        self.asked.append((frame[0], frame[1:-2]))
        self._task = asyncio.create_task(self._send(self.reply(frame[0], frame[1:-2]) or ()))

    async def _send(self, pieces: Sequence[bytes | float]) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                self.say(piece)
            else:
                await asyncio.sleep(piece)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    yield line
    await line.stop()


@asynccontextmanager
async def real_modbus_server(port: int = 0, framer: FramerType = FramerType.SOCKET, **tls: Any) -> AsyncIterator[int]:
    """Serve by pymodbus and yield the port: units 1 and 2, 2,000 registers n holding n, coils on where n % 3 == 0."""
    registers = [SimData(0, values=list(range(2000)), datatype=DataType.REGISTERS)]
    bits = [SimData(0, values=[n % 3 == 0 for n in range(2000)], datatype=DataType.BITS)]
    server = (ModbusTlsServer if tls else ModbusTcpServer)(
        [SimDevice(unit, (list(bits), list(bits), list(registers), list(registers))) for unit in (1, 2)],
        framer=framer,
        address=("127.0.0.1", port),
        **tls,
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


def modbus_driver(build, scheme: str, **keys: object) -> Callable[..., ModbusDriver]:
    """Return what makes a driver of two units for a port."""
    first = {"a": "holding:5", "c": "coil:3", "f": {"address": "input:10", "every_s": 5.0}}
    return lambda port, bad=False: build(
        f"{scheme}://127.0.0.1:{port}",
        {"unit": 1, "points": {**first, **({"bad": "holding:2500"} if bad else {})}, **keys},
        {"unit": 2, "points": {"b": "holding:7"}, **keys},
    )


@pytest.fixture
def modbus_case(build):
    """Return what the contract suite needs: a server that yields a port, a driver for a port."""
    return real_modbus_server, modbus_driver(build, "tcp")


@pytest.fixture
def modbus_rtu_tcp_case(build):
    """Do the same with RTU frames through a converter."""
    return partial(real_modbus_server, framer=FramerType.RTU), modbus_driver(build, "rtu+tcp")


@pytest.fixture
def modbus_tls_case(build, certificates):
    """Do the same in TLS, with a server that asks for our certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.ca)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"ca_file": certificates.ca, "cert_file": certificates.client, "key_file": certificates.client_key}
    return partial(real_modbus_server, sslctx=context), modbus_driver(build, "tls", **ours)


@asynccontextmanager
async def real_line(place: str = "") -> AsyncIterator[str]:
    """Serve two bays of the simulator on a line and yield its path; their values stand still."""
    from simulator.conduct import Conduct
    from simulator.grid import Grid
    from simulator.modbus_rtu import ModbusLine

    link = Path(place or f"/dev/shm/gridsentinel-{os.getpid()}-{next(LINES)}")
    bays = ("feeder1", "feeder2")
    line = ModbusLine(bays, Grid(), {bay: Conduct() for bay in bays}, baud=None, link=link)
    await line.start()
    try:
        yield str(link)
    finally:
        await line.stop()


@pytest.fixture
def modbus_rtu_case(build):
    """Do the same on a serial line."""
    volts = {"address": "holding:100", "type": "float32"}
    first = {"a": volts, "c": "discrete:0", "f": {"address": "input:7", "every_s": 5.0}}
    return real_line, lambda path, bad=False: build(
        f"rtu://{path}?baud=115200&parity=N",
        {"unit": 1, "points": {**first, **({"bad": "holding:500"} if bad else {})}},
        {"unit": 2, "points": {"b": "holding:109"}},
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

    def make(port, *, bad=False):
        url = f"tcp://127.0.0.1:{port}"
        told = {**addresses, **({"bad": "analog:99"} if bad else {})}
        points = tuple(Dnp3Point(name=name, address=address) for name, address in told.items())
        device = Dnp3Device(name="rtu1", protocol="dnp3", url=url, outstation=10, points=points)
        return Dnp3Driver([device], Points.of([(device, points)]), Outside(clock=time.time_ns))

    return real_outstation, make


class OpcuaPeer:
    """A real OPC UA server (asyncua) with `ns=2;s=n0` to `n19`, `on` and `text`; built once, for it is slow."""

    uri = "urn:test"

    def __init__(self) -> None:
        self.port = 0
        self.server = None

    async def start(self, port: int = 0) -> None:
        from asyncua import Server, ua

        if self.server is None:
            self.server = Server()
            await self.server.init()
            self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            index = await self.server.register_namespace(self.uri)
            values = {**{f"n{n}": float(n) for n in range(20)}, "on": True, "text": "closed"}
            for name, value in values.items():
                await self.server.nodes.objects.add_variable(ua.NodeId(name, index), name, value)
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{port or free_port()}/")
        await self.server.start()
        self.port = self.server.bserver.port

    async def stop(self) -> None:
        ticking, self.server.iserver.time_task = (
            self.server.iserver.time_task,
            None,
        )  # stopping would wait for its second
        ticking.cancel()
        await self.server.stop()
        await self.forget()

    async def forget(self) -> None:
        """End every session, as a server does that stops."""
        for session in list(self.server.iserver._external_sessions.values()):
            await session.close_session()

    async def set(self, name: str, value: object, status: int = 0, source=None) -> None:
        from asyncua import ua

        variant = value if isinstance(value, ua.Variant) else ua.Variant(value)
        data = ua.DataValue(variant, StatusCode=ua.StatusCode(status), SourceTimestamp=source)
        await self.server.iserver.write_attribute_value(ua.NodeId(name, 2), data)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[int]:
        await self.start(port)
        try:
            yield self.port
        finally:
            await self.stop()


@pytest.fixture(scope="session")
def steady() -> Callable[[], int]:
    """Return what finds a port for a server that will be restarted."""
    return free_port


@pytest.fixture(scope="session")
def opcua_peer() -> OpcuaPeer:
    return OpcuaPeer()


@pytest.fixture
def opcua_points() -> Callable[..., Any]:
    """Return a factory: `opcua_points(port, {"hmi": {"a": "ns=2;s=n1"}}, publishing_ms=50)` gives a driver."""
    from protocols.opcua.config import OpcuaDevice, OpcuaPoint
    from protocols.opcua.driver import OpcuaDriver

    def make(port: int, devices: dict[str, dict[str, Any]], *, clock=time.time_ns, **keys: Any) -> OpcuaDriver:
        keys = {"url": f"opc.tcp://127.0.0.1:{port}", "publishing_ms": 50, "sampling_ms": 10, **keys}
        made = []
        for device, points in devices.items():
            told = {name: {"address": about} if isinstance(about, str) else about for name, about in points.items()}
            points_of = tuple(OpcuaPoint(name=name, **about) for name, about in told.items())
            made.append(OpcuaDevice(name=device, protocol="opcua", points=points_of, **keys))
        return OpcuaDriver(made, Points.of([(each, each.points) for each in made]), Outside(clock=clock))

    return make


@pytest.fixture
def opcua(opcua_points) -> Callable[..., Any]:
    """Return a factory: `opcua(port, {"a": "ns=2;s=n1"}, publishing_ms=50)` gives a driver of one device."""
    return lambda port, points, **keys: opcua_points(port, {"hmi": points}, **keys)


@pytest.fixture
def opcua_case(opcua, opcua_peer):
    """Return what the contract suite needs: a server that yields a port, a driver for a port."""
    points = {"a": "ns=2;s=n5", "b": "nsu=urn:test;s=n7", "c": {"address": "ns=2;s=on", "type": "bool", "every_s": 5.0}}
    return opcua_peer.serve, lambda port, bad=False: opcua(port, {**points, **({"bad": "ns=2;s=no"} if bad else {})})


@asynccontextmanager
async def ied_server(port: int = 0) -> AsyncIterator[int]:
    """Serve feeder1 by the simulator's IED and yield the port; its values stand still."""
    from simulator.conduct import Conduct
    from simulator.grid import Grid
    from simulator.iec61850 import Iec61850Bay

    bay = Iec61850Bay("feeder1", Grid(), Conduct(), host="127.0.0.1", port=port)
    await bay.start()
    try:
        yield bay.port
    finally:
        await bay.stop()


@pytest.fixture
def iec61850() -> Callable[..., Any]:
    """Return a factory: `iec61850(port, {"f": "LD/MMXU1.Hz.mag.f[MX]"}, every_s=1)` gives a driver of one device."""
    from protocols.iec61850.config import Iec61850Device, Iec61850Point
    from protocols.iec61850.driver import Iec61850Driver

    def make(port: int, points: dict[str, Any], *, clock=time.time_ns, bookmarks=None, **keys: Any) -> Iec61850Driver:
        told = {name: {"address": about} if isinstance(about, str) else about for name, about in points.items()}
        made = tuple(Iec61850Point(name=name, **about) for name, about in told.items())
        keys = {"name": "ied", "url": f"tcp://127.0.0.1:{port}", **keys}
        device = Iec61850Device(protocol="iec61850", points=made, **keys)
        return Iec61850Driver(device, Points.of([(device, made)]), Outside(clock=clock, bookmarks=bookmarks or {}))

    return make


@pytest.fixture
def iec61850_case(iec61850):
    """Return what the contract suite needs: a server that yields a port, a driver for a port."""
    from simulator.iec61850_cid import addresses

    told = addresses("feeder1")
    points = {**{name: told[name] for name in ("va", "ia", "p", "cb52")}, "e": {"address": told["e"], "every_s": 5.0}}
    no = {"bad": told["va"].replace("phsA", "phsX")}
    return ied_server, lambda port, bad=False: iec61850(port, {**points, **(no if bad else {})})
