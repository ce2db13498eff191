"""What work costs against points and devices, and whether anything is worse than linear: scaling.py [--quick].

The pipeline alone, of bays that have roles as in the simulated substation (so that every check that compares has work);
and the whole daemon, with plain devices at loopback. Processor time of the process, the least of several rounds; each
size in a process of its own. The exponent is the slope of log(cost) against log(size) between the two largest sizes:
1 is linear.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import broker
import devices
import numpy as np
import yaml
from child import cpu_s, rss_mb
from points import point
from pydantic import TypeAdapter
from station import DISK
from table import Section

from detectors.config import build
from detectors.stuck import StuckConfig
from gateway.core.pipeline import Pipeline
from gateway.flow import TICK_S
from gateway.local.client import ask
from gateway.store.packing import to_record
from protocols.modbus.config import ModbusDevice
from protocols.model import Batch, Tick
from protocols.points import Points
from simulator.configuration import device

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
WINDOW_S = 10
BAYS = (1, 5, 50, 500, 5_000)
"""Of 20 points each; 500 are the most that a gateway is meant for, 5,000 have 100,000 points."""
STATIONS = ((1, 20), (10, 20), (100, 20), (500, 20))
BLOCKS = ((10, 10), (10, 100), (10, 1_000), (100, 1_000))
"""Devices, and points of each."""
STEADY_S, ASKS = 10.0, 10
PATIENCE_S = 180.0
WORSE = 1.15
"""An exponent beyond it is worse than linear; caches alone make up to 1.1."""


def bay(number: int) -> dict[str, Any]:
    """Return a feeder with its roles; twenty stand on a bus section."""
    [made] = yaml.safe_load(device("modbus", "feeder1", "tcp://127.0.0.1:502"))
    made["name"] = f"b{number}"
    for each in made["points"]:
        role = each["role"]
        role["bay"] = f"b{number}"
        if "bus" in role:
            role["bus"] = f"bus{number // 20}"
    return dict(made)


def pipeline(bays: int) -> dict[str, float]:
    """Return what a pipeline of so many bays costs, in milliseconds and MB."""
    described = [bay(number) for number in range(bays)]
    configs = [TypeAdapter(ModbusDevice).validate_python(each) for each in described]
    before_mb, began_s = rss_mb_here(), time.process_time()
    table = Points.of([(config, config.points) for config in configs])
    made = Pipeline(table, build([StuckConfig()], table), WINDOW_S)
    start_s = time.process_time() - began_s
    count = len(table)
    usual = np.array([each.get("role", {}).get("rating", 1.0) for config in described for each in config["points"]])
    rows = np.array_split(np.arange(count, dtype=np.int32), bays)
    chance, quiet, closing = np.random.default_rng(1), [], []
    for second in range(3 * WINDOW_S + 1):
        now_ns = START_NS + second * NS
        values = usual * chance.uniform(0.80, 0.81, count)
        batches = [Batch(r, values[r], np.zeros(len(r), np.uint16), np.full(len(r), now_ns), now_ns) for r in rows]
        began_s, said = time.process_time(), []
        for batch in batches:
            said += made.observe(batch)
        for tick in range(round(1 / TICK_S)):
            said += made.observe(Tick(now_ns + int(tick * TICK_S * NS)))
        for message in said:
            to_record(message)
        if second > WINDOW_S // 2:
            (closing if second % WINDOW_S == 0 else quiet).append(time.process_time() - began_s)
    return {
        "make, ms": start_s * 1e3,
        "a second, ms": min(quiet) * 1e3,
        "a window's end, ms": (min(closing) - min(quiet)) * 1e3,
        "RSS grown, MB": rss_mb_here() - before_mb,
    }


def rss_mb_here() -> float:
    """Return the resident memory of this process."""
    return rss_mb(int(Path("/proc/self").readlink().name))


def daemon(count: int, each: int) -> dict[str, float]:
    """Return what the whole daemon costs with `count` devices of `each` points."""
    DISK.mkdir(exist_ok=True)
    with (
        TemporaryDirectory(prefix="scale-", dir=DISK) as made,
        devices.serve(count) as served,
        broker.mosquitto(Path(made)) as port,
    ):
        folder = Path(made)
        _write(folder, served.ports, each, port, high=60_000)
        subscriber = broker.Subscriber(port)
        try:
            with _running(folder) as pid:
                _until(lambda: "started" in (folder / "log").read_text(), "starts")
                figures = {"start, s CPU": cpu_s(pid)}
                _until(lambda: subscriber.on("/telemetry"), "publishes")
                spent, began = cpu_s(pid), time.monotonic()
                time.sleep(STEADY_S)
                rate = (cpu_s(pid) - spent) / (time.monotonic() - began)
                figures["a second, ms CPU"] = rate * 1e3
                figures["RSS, MB"] = rss_mb(pid)
                figures["status, ms CPU"] = min(_spent(pid, rate, lambda: _asked(folder)) for _ in range(ASKS)) * 1e3
                _write(folder, served.ports, each, port, high=59_999)
                figures["reload, s CPU"] = _spent(pid, rate, lambda: _reloaded(pid, folder))
                figures["RSS after the reload, MB"] = rss_mb(pid)
        finally:
            subscriber.close()
    return figures


def _write(folder: Path, ports: list[int], each: int, port: int, *, high: int) -> None:
    """Write the configuration, whose devices lie in files of 8,000 points; a gateway.yaml may be 8 MiB."""
    described = [
        {
            "name": f"d{n}",
            "protocol": "modbus",
            "url": f"tcp://127.0.0.1:{at}",
            "points": [point(a) for a in range(each)],
        }
        for n, at in enumerate(ports)
    ]
    described[0]["points"][0] = {**described[0]["points"][0], "limits": {"high": high}}  # type: ignore[index]
    size, names = max(1, 8_000 // each), []
    for number in range(0, len(described), size):
        names.append(f"devices{number}.yaml")
        (folder / names[-1]).write_text(json.dumps({"devices": described[number : number + size]}))
    config = {
        "gateway": {"site": "scale", "name": "gw", "state_dir": str(folder / "state")},
        "uplink": {"url": f"mqtt://127.0.0.1:{port}"},
        "include": names,
    }
    (folder / "gateway.yaml").write_text(json.dumps(config))


@contextmanager
def _running(folder: Path) -> Iterator[int]:
    words = [sys.executable, "-c", "from gateway.cli import main; raise SystemExit(main())", "run"]
    with (folder / "log").open("w") as log, subprocess.Popen([*words, folder / "gateway.yaml"], stderr=log) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def _spent(pid: int, rate: float, act: Callable[[], object]) -> float:
    """Return the CPU that `act` takes of the process, less what it uses anyhow; never less than a microsecond."""
    before, began = cpu_s(pid), time.monotonic()
    act()
    return max(1e-6, cpu_s(pid) - before - rate * (time.monotonic() - began))


def _asked(folder: Path) -> None:
    ask(folder / "state" / "status.sock", {"ask": "status"})


def _reloaded(pid: int, folder: Path) -> None:
    os.kill(pid, signal.SIGHUP)
    _until(lambda: "reloaded" in (folder / "log").read_text(), "reloads")


def _until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the daemon never {what}")
        time.sleep(0.02)


def apart(part: str, *size: int) -> dict[str, float]:
    """Measure one size in a process of its own."""
    answer = subprocess.run([sys.executable, __file__, part, *map(str, size)], stdout=subprocess.PIPE, check=True)
    return dict(json.loads(answer.stdout))


def section(title: str, found: Mapping[int, Mapping[str, float]], legend: str) -> Section:
    """Return a table of sizes, and the exponents of each figure."""
    cases = [f"{size:,}" for size in found]
    made = Section(title, [*cases, "exponent"], legend)
    one, other = list(found)[-2:]
    for figure in next(iter(found.values())):
        for size, figures in found.items():
            made.add(figure, f"{size:,}", figures[figure])
        ratio = max(found[other][figure], 1e-9) / max(found[one][figure], 1e-9)
        made.add(figure, "exponent", math.log(ratio) / math.log(other / one))
    return made


def main() -> None:
    """Measure all sizes and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out the largest sizes")
    quick = -1 if parser.parse_args().quick else None
    sections = [
        section("pipeline, bays of 20 points", {n: apart("pipeline", n) for n in BAYS[:quick]}, "roles, all checks"),
        section("daemon, devices of 20 points", {n: apart("daemon", n, p) for n, p in STATIONS[:quick]}, "no roles"),
        section("daemon, points", {n * p: apart("daemon", n, p) for n, p in BLOCKS[:quick]}, "10 or 100 devices"),
    ]
    for made in sections:
        print("\n".join(made.lines()), "\n")
        for figure, values in made.figures.items():
            if values["exponent"] > WORSE:
                print(f"  worse than linear: {made.title}: {figure}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["pipeline"], ["daemon"]):
        print(json.dumps({"pipeline": pipeline, "daemon": daemon}[sys.argv[1]](*map(int, sys.argv[2:]))))
    else:
        main()
