"""A device whose every value says which point it is, and when: run by the tests in a process of its own.

    python field_server.py PROTOCOL PORT FIRST

Point i is 1000 * (i + 1) + k, where k begins at FIRST and is one more every TICK_S, for all points at once.
"""

import asyncio
import struct
import sys
import time
from collections.abc import Sequence

POINTS = 8
TICK_S = 0.1
QUANTITIES = ("va", "vb", "vc", "ia", "ib", "ic", "p", "q")


def values(k: int) -> list[float]:
    return [1000.0 * (i + 1) + k for i in range(POINTS)]


class Modbus:
    """Holding registers 0 to 7, in one answer."""

    def __init__(self, first: int) -> None:
        self._values = values(first)

    async def start(self, port: int) -> None:
        await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def tell(self, now: Sequence[float]) -> None:
        self._values = list(now)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readexactly(12):
            transaction, unit, start, count = struct.unpack(">H4xBxHH", request)
            registers = map(int, self._values[start : start + count])
            head = struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, 3, 2 * count)
            writer.write(head + struct.pack(f">{count}H", *registers))


class Dnp3:
    """Analogs 0 to 7 of class 2, which tell each change with its time."""

    def __init__(self, first: int) -> None:
        from simulator.dnp3_outstation import Outstation
        from simulator.dnp3_server import Server

        self._outstation = Outstation(lambda: time.time_ns() // 1_000_000)
        for index, value in enumerate(values(first)):
            self._outstation.add("analog", index, value, event_class=2)
        self._server = Server({10: self._outstation})

    async def start(self, port: int) -> None:
        await self._server.start(port=port)

    async def tell(self, now: Sequence[float]) -> None:
        for index, value in enumerate(now):
            self._outstation.change("analog", index, value)


class Iec61850:
    """The simulator's feeder1, whose measurements are reported as they change."""

    def __init__(self, first: int) -> None:
        from simulator.conduct import Conduct
        from simulator.grid import Grid
        from simulator.iec61850 import Iec61850Bay

        self._grid, self._make, self._conduct = Grid(), Iec61850Bay, Conduct()
        self._put(values(first))

    async def start(self, port: int) -> None:
        self._bay = self._make("feeder1", self._grid, self._conduct, host="127.0.0.1", port=port)
        await self._bay.start()

    async def tell(self, now: Sequence[float]) -> None:
        self._put(now)
        await self._bay.follow()

    def _put(self, now: Sequence[float]) -> None:
        from simulator.meter import INDEX

        for quantity, value in zip(QUANTITIES, now, strict=True):
            self._grid.values[INDEX[f"feeder1.{quantity}"]] = value


class Opcua:
    """Nodes ns=2;s=n0 to n7 of asyncua."""

    def __init__(self, first: int) -> None:
        self._values = values(first)

    async def start(self, port: int) -> None:
        from asyncua import Server, ua

        self._ua, self._server = ua, Server()
        await self._server.init()
        self._server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await self._server.register_namespace("urn:test")
        self._nodes = [ua.NodeId(f"n{n}", index) for n in range(POINTS)]
        for node, value in zip(self._nodes, self._values, strict=True):
            await self._server.nodes.objects.add_variable(node, node.Identifier, value)
        self._server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
        await self._server.start()

    async def tell(self, now: Sequence[float]) -> None:
        for node, value in zip(self._nodes, now, strict=True):
            await self._server.iserver.write_attribute_value(node, self._ua.DataValue(self._ua.Variant(value)))


DEVICES = {"modbus": Modbus, "dnp3": Dnp3, "iec61850": Iec61850, "opcua": Opcua}


async def run(protocol: str, port: int, first: int) -> None:
    device = DEVICES[protocol](first)
    await device.start(port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for k in range(first, first + 1000):
        await device.tell(values(k))
        await asyncio.sleep(TICK_S)


asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
