"""Bare loops: registers are read on time and thrown away.

loops.py asyncio|pymodbus COUNTER EVERY_MS REGISTERS PORT ...: as reader.c, whose arguments are the same.
"""

import asyncio
import mmap
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from struct import Struct

from broker import Received

from peers.program import BENCH, Site, Start
from peers.scenario import Scenario

BLOCK = 125
COUNT = Struct("=Q")
Read = Callable[[int, int], Awaitable[object]]


class Loop:
    """A loop of this file, or reader.c."""

    publishes = False

    def __init__(self, name: str, what: str, note: str) -> None:
        self.name, self._what, self.note = name, what, note
        self._reader = BENCH / "reader"

    def missing(self) -> str | None:
        """Return what `make bench-peers` would make."""
        there = self._what != "libmodbus" or self._reader.is_file()
        return None if there else "not built: apt install gcc libmodbus-dev, make bench-peers"

    def prepare(self, scenario: Scenario, site: Site) -> Start:
        """Nothing is to be written."""
        command: list[str | Path] = (
            [self._reader] if self._what == "libmodbus" else [sys.executable, "-m", "peers.loops", self._what]
        )
        path = str(Path(__file__).resolve().parent.parent)
        numbers = (int(scenario.every_s * 1000), scenario.registers, *site.ports)
        return Start([*command, site.counter, *map(str, numbers)], {"PYTHONPATH": path})

    def readings(self, message: Received) -> int:
        """It publishes nothing."""
        raise NotImplementedError

    def beyond(self, message: Received) -> Iterator[str]:
        """It publishes nothing."""
        raise NotImplementedError


async def _asyncio(port: int) -> Read:
    from bare import connect  # noqa: PLC0415 - only one of both loops is loaded

    return (await connect(port)).block


async def _pymodbus(port: int) -> Read:
    from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415

    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()

    async def read(address: int, count: int) -> None:
        answer = await client.read_holding_registers(address, count=count, device_id=1)
        assert len(answer.registers) == count

    return read


async def _poll(read: Read, registers: int, *, first_s: float, every_s: float, done: Callable[[int], None]) -> None:
    loop, turn = asyncio.get_running_loop(), 0
    while True:
        await asyncio.sleep(max(0.0, first_s + turn * every_s - loop.time()))
        for address in range(0, registers, BLOCK):
            await read(address, min(BLOCK, registers - address))
        done(registers)
        turn += 1


async def _run(what: str, counter: Path, every_s: float, registers: int, ports: Sequence[int]) -> None:
    reads = [await {"asyncio": _asyncio, "pymodbus": _pymodbus}[what](port) for port in ports]
    with counter.open("r+b") as file, mmap.mmap(file.fileno(), COUNT.size) as shared:

        def done(count: int) -> None:
            COUNT.pack_into(shared, 0, COUNT.unpack_from(shared)[0] + count)

        async with asyncio.TaskGroup() as polls:
            now_s = asyncio.get_running_loop().time()
            for number, read in enumerate(reads):
                first_s = now_s + every_s * number / len(reads)
                polls.create_task(_poll(read, registers, first_s=first_s, every_s=every_s, done=done))


if __name__ == "__main__":
    what, counter, every_ms, registers, *ports = sys.argv[1:]
    asyncio.run(_run(what, Path(counter), int(every_ms) / 1000, int(registers), [int(port) for port in ports]))
