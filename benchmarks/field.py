"""What each protocol costs: CPU of its driver alone, and the memory of a daemon that speaks all four.

field.py CASE SECONDS PORT: reads 1,000 points by the driver of this case, in this process alone, and prints the CPU
seconds of 1,000 readings, and what a fixed piece of Python took beside it.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import bare
import field_points
import points as modbus_points
import wake
from child import cpu_s, rss_mb
from station import Station
from table import Section, Target

POINTS = 1_000
WARM_S = 2
POLLS_A_SECOND = 10
MODBUS, BARE = "Modbus blocks", "the same in bare asyncio"
CASES: dict[str, Callable[[int, int], Any]] = {
    MODBUS: lambda port, points: modbus_points.device("modbus", port, points),
    **field_points.DEVICES,
}
MOST_MS = {
    MODBUS: 1.2,
    "DNP3 integrity polls": 6.0,
    "MMS data sets": 12.0,
    "MMS reports of 100": 22.0,
    "OPC UA notifications": 25.0,
}
"""CPU of 1,000 readings that is allowed."""
PORT = {"DNP3 integrity polls": 0, "MMS data sets": 1, "MMS reports of 100": 1, "OPC UA notifications": 2}
"""Which of the ports of the servers a case asks."""
PUSHED = ("MMS reports of 100", "OPC UA notifications")
"""What comes by itself: the last scan of a driver hands it on."""
LEGEND = (
    "the driver alone, in a process of its own: everything that process does, sockets and event loop included, "
    "after the start; servers in another process; 1,000 points, polled ten times a second, or moving once a second "
    "and handed on every 50 ms; readings with quality and time where the protocol has them; medians of several "
    "rounds in turns. Bare asyncio: the same requests, answers thrown away. Control: a fixed piece of Python in the "
    "same process just after, so a busy minute shows"
)
MEMORY_LEGEND = (
    "`gridsentinel run` with one device of 1,000 points by each of the four protocols, every second, a Mosquitto and "
    "the store on disk; after two windows of 10 s"
)
FOUR = "1,000 each"
SETTLE_S = 22
MOST_MB = 110.0


@contextmanager
def serve() -> Iterator[list[int]]:
    """Run the servers; give their ports."""
    with ExitStack() as stack:
        yield [stack.enter_context(_server(protocol)) for protocol in ("dnp3", "mms", "opcua")]


@contextmanager
def _server(protocol: str) -> Iterator[int]:
    command = [sys.executable, Path(__file__).with_name("field_servers.py"), protocol, str(POINTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            word, *port = process.stdout.readline().split() or [""]
            if word != "READY":
                raise RuntimeError(f"the server of {protocol} says '{word}', not READY")
            yield int(port[0])
        finally:
            process.kill()


def measure(modbus_port: int, ports: Sequence[int], *, rounds: int, seconds: int) -> Section:
    """Measure every case in turns."""
    section = Section("drivers, ms CPU per 1,000 readings", ["lowest", "median", "highest", "control, us"], LEGEND)
    found: dict[str, list[tuple[float, float]]] = {case: [] for case in (MODBUS, BARE, *field_points.DEVICES)}
    for _ in range(rounds):
        for case, rounds_of_case in found.items():
            port = ports[PORT[case]] if case in PORT else modbus_port
            command = [sys.executable, __file__, case, str(seconds), str(port)]
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            spent_s, control_us = map(float, answer.stdout.split())
            rounds_of_case.append((spent_s * 1000, control_us))
    for case, several in found.items():
        spent = [ms for ms, _ in several]
        section.add(case, "lowest", min(spent))
        section.add(case, "median", statistics.median(spent))
        section.add(case, "highest", max(spent))
        section.add(case, "control, us", statistics.median(us for _, us in several))
        if case in MOST_MS:
            most = MOST_MS[case]
            section.targets[case] = Target(f"at most {most:g}", lambda ms, most=most: ms <= most, "median")
    return section


def memory_section() -> Section:
    """Return the empty section, with its target."""
    section = Section("daemon, all four protocols", [FOUR], MEMORY_LEGEND)
    section.targets["RSS, MB"] = Target(f"at most {MOST_MB:g}", lambda mb: mb <= MOST_MB)
    section.targets["devices that told of themselves"] = Target("all 4", lambda told: told == 4)
    return section


def devices(ports: Sequence[int]) -> list[Any]:
    """Return the devices of the daemon beside its Modbus one."""
    dnp3, mms, opcua = ports
    return [
        field_points.dnp3(dnp3, POINTS),
        field_points.mms(mms, POINTS),
        field_points.opcua(opcua, POINTS),
    ]


def measure_memory(station: Station, into: Section) -> None:
    """Measure a daemon that is at work with `devices`."""
    time.sleep(SETTLE_S / 2)
    spent, began = cpu_s(station.pid), time.monotonic()
    time.sleep(SETTLE_S / 2)
    into.add("RSS, MB", FOUR, rss_mb(station.pid))
    into.add("CPU, % of one core", FOUR, (cpu_s(station.pid) - spent) / (time.monotonic() - began) * 100)
    told = {message.topic.rpartition("/")[2] for message in station.subscriber.on("/telemetry/")}
    into.add("devices that told of themselves", FOUR, len(told))


Read: TypeAlias = Callable[[], Awaitable[int]]
"""Reads once, and returns how many readings that gave."""


async def _driver(case: str, port: int) -> tuple[Read, float]:
    """Return what reads by the driver, and how often that is due."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only in the process that measures

    from protocols.config import Device  # noqa: PLC0415
    from protocols.driver import Outside  # noqa: PLC0415
    from protocols.model import Batch  # noqa: PLC0415
    from protocols.points import Points  # noqa: PLC0415

    device = TypeAdapter(Device).validate_python(CASES[case](port, POINTS))
    driver = device.driver([device], Points.of([(device, device.points)]), Outside(clock=time.time_ns))
    await driver.connect()
    scan = driver.scans[-1 if case in PUSHED else 0]

    async def read() -> int:
        return sum(len(each) for each in await driver.read(scan) if isinstance(each, Batch))

    return read, scan.every_s if case in PUSHED else 1 / POLLS_A_SECOND


async def _measure(case: str, seconds: int, port: int) -> tuple[float, int]:
    """Return the CPU seconds and how many readings they gave."""
    if case == BARE:
        read, every_s = (await bare.connect(port)).read, 1 / POLLS_A_SECOND
    else:
        read, every_s = await _driver(case, port)
    loop = asyncio.get_running_loop()
    readings, began, warm_until = 0, 0.0, loop.time() + WARM_S
    while loop.time() < warm_until + seconds:
        if not began and loop.time() >= warm_until:
            readings, began = 0, time.process_time()
        readings += await read()
        await asyncio.sleep(every_s)
    return time.process_time() - began, readings


def main() -> None:
    """Measure one case."""
    case, seconds, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    spent_s, readings = asyncio.run(_measure(case, seconds, port))
    if readings < POINTS:
        raise SystemExit(f"{case}: {readings} readings in {seconds} s are too few to say anything")
    print(spent_s / readings * 1_000, wake.each_us(0, times=300))


if __name__ == "__main__":
    main()
