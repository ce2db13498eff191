"""The same Modbus devices as modbus_server.c, for machines without a compiler or libmodbus; slower, so said aloud.

modbus_server.py DEVICES: serves on free ports and says "READY port port ..."; `set PORT ADDRESS VALUE` on its standard
input is answered with CLOCK_MONOTONIC in nanoseconds. Knows nothing of pymodbus or of the gateway.
"""

import asyncio
import sys
import time
from struct import Struct

import numpy as np

REGISTERS, MOVING = 65_536, 1_024
BASE_VALUE, NOISE = 1_000, 16
STEP_S = 0.1
HEADER = Struct(">HHHBBHH")
"""Transaction, protocol, length, unit, function, address, count: every request that reads."""
ANSWER = Struct(">HHHBBB")
READS = (3, 4)
MOST_COUNT = 125


class Device:
    """The registers of one device, as they go over the wire."""

    def __init__(self) -> None:
        self.registers = (BASE_VALUE + np.arange(REGISTERS) % MOVING).astype(">u2")
        self._still = np.zeros(MOVING, bool)
        self._random = np.random.default_rng(1)

    def move(self) -> None:
        """Let the first registers move, but those that were set."""
        moved = BASE_VALUE + np.arange(MOVING) + self._random.integers(0, NOISE, MOVING)
        self.registers[:MOVING] = np.where(self._still, self.registers[:MOVING], moved)

    def set(self, address: int, value: int) -> None:
        """Hold `value` from now on."""
        self.registers[address] = value
        self._still[address : address + 1] = True

    def answer(self, request: bytes) -> bytes:
        """Return the response to a request of 12 bytes."""
        transaction, _, _, unit, function, address, count = HEADER.unpack(request)
        if function not in READS or not 1 <= count <= MOST_COUNT or address + count > REGISTERS:
            return ANSWER.pack(transaction, 0, 3, unit, function | 0x80, 1 if function not in READS else 2)
        data = self.registers[address : address + count].tobytes()
        return ANSWER.pack(transaction, 0, 3 + len(data), unit, function, len(data)) + data

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it leaves."""
        try:
            while True:
                writer.write(self.answer(await reader.readexactly(HEADER.size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def _order(devices: dict[int, Device]) -> None:
    """Carry out what comes on standard input, to its end."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        _, port, address, value = line.split()
        devices[int(port)].set(int(address), int(value))
        print(time.clock_gettime_ns(time.CLOCK_MONOTONIC), flush=True)


async def _move(devices: dict[int, Device]) -> None:
    while True:
        for device in devices.values():
            device.move()
        await asyncio.sleep(STEP_S)


async def _main(count: int) -> None:
    devices: dict[int, Device] = {}
    servers = []
    for _ in range(count):
        device = Device()
        servers.append(await asyncio.start_server(device.serve, "127.0.0.1", 0))
        devices[servers[-1].sockets[0].getsockname()[1]] = device
    print("READY", *devices, flush=True)
    moving = asyncio.create_task(_move(devices))
    await _order(devices)
    moving.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
