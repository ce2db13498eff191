"""Everything that one measurement of the daemon needs, each in a process of its own: devices, broker, gateway."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import broker
import devices
import points

GRIDSENTINEL = Path(sys.executable).parent / "gridsentinel"
DISK = Path(__file__).resolve().parent.parent / ".peers"
"""The store lies here: a real disk, where /tmp may be RAM."""
UNIT = Path(__file__).resolve().parent.parent / "systemd/gridsentinel.service"
START_S = 180.0
"""Longest start that is waited for."""


@dataclass
class Station:
    """A gateway at work. `start_s` is how long it took to its first message."""

    pid: int
    devices: devices.Devices
    subscriber: broker.Subscriber
    points: int
    start_s: float

    @property
    def rate(self) -> int:
        """Readings a second."""
        return len(self.devices.ports) * self.points


@contextmanager
def station(
    count: int, points_each: int, *, state_dir: Path = DISK, more: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Station]:
    """Run `count` devices, a Mosquitto with a subscriber, and a gateway that polls all points once a second.

    `more` are devices that run elsewhere, as the configuration has them.
    """
    state_dir.mkdir(exist_ok=True)
    with (
        TemporaryDirectory(prefix="bench-", dir=state_dir) as folder,
        devices.serve(count) as served,
        broker.mosquitto(Path(folder)) as port,
    ):
        subscriber = broker.Subscriber(port)
        file = Path(folder) / "gateway.yaml"
        state = Path(folder) / "state"
        points.write(file, ports=served.ports, points=points_each, broker=port, state_dir=state, more=more)
        try:
            with gateway(file, subscriber) as (pid, start_s):
                yield Station(pid, served, subscriber, points_each, start_s)
        finally:
            subscriber.close()


@contextmanager
def gateway(file: Path, subscriber: broker.Subscriber) -> Iterator[tuple[int, float]]:
    """Run a gateway by `file` until it is left; give its process, and how many seconds its first message took."""
    began = time.monotonic()
    with running(file) as (process, log):
        heard = subscriber.until(lambda: bool(subscriber.messages) or process.poll() is not None, START_S)
        if not heard or process.poll() is not None:
            raise RuntimeError(f"the gateway does not publish:\n{log.read_text()[-2000:]}")
        yield process.pid, subscriber.messages[0].at_ns / 1e9 - began
        if process.poll() is not None:
            raise RuntimeError(f"the gateway ended:\n{log.read_text()[-2000:]}")


@contextmanager
def running(file: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run a gateway by `file` until it is left; give its process, which has just begun, and its log."""
    log = file.with_suffix(".log")
    with (
        log.open("w") as lines,
        subprocess.Popen([GRIDSENTINEL, "run", file], stderr=lines, stdout=lines, env=environment()) as process,
    ):
        try:
            yield process, log
        finally:
            process.send_signal(signal.SIGTERM)
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(broker.PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()


def environment() -> dict[str, str]:
    """Return an environment in which nothing changes how Python runs, and the libraries do as the unit has it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")} | as_the_unit()


def as_the_unit() -> dict[str, str]:
    """Return how the unit lets malloc and BLAS do."""
    words = (word for line in UNIT.read_text().splitlines() if line.startswith("Environment=") for word in line.split())
    told = (word.removeprefix("Environment=").split("=") for word in words)
    return {key: value for key, value in told if not key.startswith("PYTHON")}
