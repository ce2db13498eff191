"""What `gridsentinel plan` takes a processor for, measured on this machine: plan.py [--seconds N], about three minutes.

The real daemon at work in several ways that differ in what they ask, read and send; the processor time of each is told
as a sum of parts, by least squares of the relative errors, and no part is negative. What a driver adds for a reading is
that of `field.py`, where each driver is alone. Printed beside the constants of gateway/planning/plan.py.
"""

import argparse
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import broker
import devices
import field
import machine
import numpy as np
import points
from child import cpu_s
from station import DISK, gateway
from table import Section

from gateway.config.loader import load
from gateway.config.model import Config
from gateway.planning import plan as planned
from gateway.planning.lines import built, lines
from gateway.planning.messages import windows
from protocols.points import Points

SECONDS = 8
DRIVER_S = 3
SETTLE_S = 2.0
"""After the first window has gone: connections, the processes of the start, the first frames."""
WINDOW_WAIT_S = 60
APART = 200
"""Registers between points that are to be asked one by one."""


class Way(NamedTuple):
    """One way to be at work: devices, points of each, how often they are read, and whether each takes a request."""

    told: str
    devices: int
    points: int
    every_s: float = 1
    window_s: int = 2
    apart: bool = False


WAYS = (
    Way("at rest", 1, 1),
    Way("400 requests/s", 10, 40, apart=True),
    Way("10,000 points", 10, 1000),
    Way("10,000 values/s sent", 10, 1000, window_s=1),
    Way("5,000 readings/s of 500", 1, 500, every_s=0.1),
    Way("50 messages/s", 50, 1, window_s=1),
)
MOST = max(way.devices for way in WAYS)
DRIVERS = {"dnp3": "DNP3 integrity polls", "iec61850": "MMS data sets", "opcua": "OPC UA notifications"}


def main() -> None:
    """Measure, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of each way to be at work (default %(default)d)")
    seconds = parser.parse_args().seconds
    for key, value in machine.about().items():
        print(f"{key:<15}{value}")
    found = list(_measured(seconds))
    fitted = fit(np.array([row for _, row, _ in found]), np.array([share for _, _, share in found]))
    print("\n".join(_told(found, fitted)))
    with devices.serve(1) as served, field.serve() as ports:
        print("\n".join(_drivers(served.ports[0], ports)))


def fit(rows: Any, shares: Any) -> Any:
    """Return the parts, none negative, whose sums of `rows` are nearest to `shares`, by relative errors.

    The best of all subsets of the parts: with five of them that is the exact answer.
    """
    scaled, best, least = rows / shares[:, None], np.zeros(rows.shape[1]), np.inf
    for count in range(1, rows.shape[1] + 1):
        for some in itertools.combinations(range(rows.shape[1]), count):
            parts, *_ = np.linalg.lstsq(scaled[:, some], np.ones(len(rows)), rcond=None)
            error = float(np.sum((scaled[:, some] @ parts - 1) ** 2))
            if (parts >= 0).all() and error < least:
                best, least = np.zeros(rows.shape[1]), error
                best[list(some)] = parts
    return best


def _measured(seconds: int) -> Iterator[tuple[Way, Sequence[float], float]]:
    """Yield each way with how much there is of each part in a second, and its share of a core."""
    with TemporaryDirectory(prefix="plan-", dir=DISK) as made, devices.serve(MOST) as served:
        for number, way in enumerate(WAYS):
            folder = Path(made) / str(number)
            folder.mkdir()
            with broker.mosquitto(folder) as port:
                file = _configuration(folder, way, served.ports, port)
                yield way, planned.parts(*_asked(load(file))), _share(file, port, seconds)


def _configuration(folder: Path, way: Way, ports: Sequence[int], port: int) -> Path:
    described = [
        points.device(f"d{number}", at, way.points, every_s=way.every_s)
        for number, at in enumerate(ports[: way.devices])
    ]
    for device in described:
        for number, point in enumerate(device["points"]):
            point["address"] = f"holding:{number * (APART if way.apart else 1)}"
    file = folder / "gateway.yaml"
    points.write_devices(file, described, broker=port, state_dir=folder / "state", window_s=way.window_s)
    return file


def _asked(config: Config) -> tuple[Any, ...]:
    drivers = built(config, Points.of([(device, device.points) for device in config.devices]))
    return config, tuple(lines(config, drivers)), windows(config)


def _share(file: Path, port: int, seconds: int) -> float:
    subscriber = broker.Subscriber(port)
    try:
        with gateway(file, subscriber) as (pid, _):
            if not subscriber.until(lambda: bool(subscriber.on("/telemetry/")), WINDOW_WAIT_S):
                raise TimeoutError("the gateway sends no window")
            time.sleep(SETTLE_S)
            spent, began = cpu_s(pid), time.monotonic()
            time.sleep(seconds)
            return (cpu_s(pid) - spent) / (time.monotonic() - began)
    finally:
        subscriber.close()


def _told(found: Sequence[tuple[Way, Sequence[float], float]], fitted: Any) -> Iterator[str]:
    ways = Section("share of a core, %", ["measured", "fitted", "as planned"], "")
    for way, row, share in found:
        ways.add(way.told, "measured", share * 100)
        ways.add(way.told, "fitted", float(np.dot(row, fitted)) * 100)
        ways.add(way.told, "as planned", float(np.dot(row, list(planned.CPU_S.values()))) * 100)
    parts = Section("us of processor for", ["measured", "as planned"], "")
    for (name, constant), value in zip(planned.CPU_S.items(), fitted, strict=True):
        parts.add(name, "measured", float(value) * 1e6)
        parts.add(name, "as planned", constant * 1e6)
    yield from ("", *ways.lines(), "", *parts.lines())


def _drivers(modbus: int, ports: Sequence[int]) -> Iterator[str]:
    """Yield what a reading takes by each driver alone, beyond one of Modbus."""
    parts = Section("us for a reading, beyond Modbus", ["measured", "as planned"], "each driver alone")
    base = _alone(field.MODBUS, modbus)
    for protocol, case in DRIVERS.items():
        found = _alone(case, ports[field.PORT[case]])
        if base is not None and found is not None:
            parts.add(protocol, "measured", (found - base) * 1e6)
        parts.add(protocol, "as planned", planned.DRIVER_CPU_S[protocol] * 1e6)
    yield from ("", *parts.lines())


def _alone(case: str, port: int) -> float | None:
    """Return the processor time of a reading; None where the machine was too busy to have enough of them."""
    command = [sys.executable, field.__file__, case, str(DRIVER_S), str(port)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return float(answer.stdout.split()[0]) / 1000 if answer.returncode == 0 else None


if __name__ == "__main__":
    main()
