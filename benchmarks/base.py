"""What the polls alone cost: the same requests by bare pymodbus, and by the driver without anything behind it.

base.py pymodbus|driver SECONDS PORT ...: polls 1,000 registers of each device once a second, in this process alone, and
prints the CPU seconds of 1,000 readings.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import points
from table import Section

REGISTERS, REQUEST = 1_000, 125
WARM_S = 2
LEGEND = (
    "10 devices of 1,000 registers, 8 requests of 125 each, once a second, each in a process of its own: "
    "AsyncModbusTcpClient that throws the answers away; the driver, which decodes them; the whole daemon, with "
    "checks, store and broker (its windows, from above); several rounds in turns, since they vary"
)


def measure(ports: list[int], *, rounds: int, seconds: int) -> Section:
    """Measure both loops in turns, so that a noisy neighbour meets both."""
    section = Section("polling, ms CPU per 1,000 readings", ["bare pymodbus", "driver alone", "daemon"], LEGEND)
    loops = {"bare pymodbus": "pymodbus", "driver alone": "driver"}
    spent: dict[str, list[float]] = {case: [] for case in loops}
    for _ in range(rounds):
        for case, loop in loops.items():
            command = [sys.executable, __file__, loop, str(seconds), *map(str, ports)]
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            spent[case].append(float(answer.stdout) * 1000)
    for case, found in spent.items():
        _add(section, case, found)
    return section


def compare(section: Section, percents: Sequence[float]) -> None:
    """Add the daemon, from its share of one core at 10,000 readings/s in each window, and the ratios."""
    _add(section, "daemon", [percent / 100 / 10_000 * 1_000 * 1_000 for percent in percents])
    bare = section.figures["median"]["bare pymodbus"]
    for case, value in section.figures["median"].items():
        section.add("median, times bare pymodbus", case, value / bare)


def _add(section: Section, case: str, found: Sequence[float]) -> None:
    for figure, value in (("lowest", min(found)), ("median", statistics.median(found)), ("highest", max(found))):
        section.add(figure, case, value)


async def _pymodbus(ports: list[int]) -> list[Callable[[], Awaitable[object]]]:
    from pymodbus.client import AsyncModbusTcpClient  # noqa: PLC0415 - only one of both loops is loaded

    def poll(client: AsyncModbusTcpClient) -> Callable[[], Awaitable[object]]:
        async def poll() -> None:
            for address in range(0, REGISTERS, REQUEST):
                answer = await client.read_holding_registers(address, count=REQUEST, device_id=1)
                assert len(answer.registers) == REQUEST

        return poll

    clients = [AsyncModbusTcpClient("127.0.0.1", port=port) for port in ports]
    for client in clients:
        await client.connect()
    return [poll(client) for client in clients]


async def _driver(ports: list[int]) -> list[Callable[[], Awaitable[object]]]:
    from pydantic import TypeAdapter  # noqa: PLC0415

    from protocols.driver import Outside  # noqa: PLC0415
    from protocols.modbus.config import ModbusDevice  # noqa: PLC0415
    from protocols.points import Points  # noqa: PLC0415

    described = [points.device(f"d{number}", port, REGISTERS) for number, port in enumerate(ports)]
    devices = TypeAdapter(tuple[ModbusDevice, ...]).validate_python(described)
    table = Points.of([(device, device.points) for device in devices])
    drivers = [device.driver([device], table, Outside(clock=time.time_ns)) for device in devices]
    for driver in drivers:
        await driver.connect()
    return [lambda driver=driver: driver.read(driver.scans[0]) for driver in drivers]


async def _poll(poll: Callable[[], Awaitable[object]], first_s: float, seconds: int) -> None:
    loop = asyncio.get_running_loop()
    for second in range(seconds):
        await asyncio.sleep(max(0.0, first_s + second - loop.time()))
        await poll()


async def _run(loop: str, seconds: int, ports: list[int]) -> float:
    """Return the CPU seconds of 1,000 readings: the median of the seconds after the warm-up."""
    polls = await {"pymodbus": _pymodbus, "driver": _driver}[loop](ports)
    first_s, spent = asyncio.get_running_loop().time() + 0.1, []
    spread = [first_s + number / len(ports) for number in range(len(ports))]
    running = [
        asyncio.create_task(_poll(poll, at_s, WARM_S + seconds)) for poll, at_s in zip(polls, spread, strict=True)
    ]
    await asyncio.sleep(WARM_S)
    for _ in range(seconds):
        began = time.process_time()
        await asyncio.sleep(1)
        spent.append(time.process_time() - began)
    await asyncio.gather(*running)
    return statistics.median(spent) / len(ports) / REGISTERS * 1_000


if __name__ == "__main__":
    print(asyncio.run(_run(sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]])))
