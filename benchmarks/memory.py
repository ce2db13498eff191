"""What the memory of the daemon goes to: memory.py prints it; points, what is configured beside them, each check.

Points and features are resident memory of real daemons. A check is weighed as it is built, with all its tables: some
of them take memory as they fill, trends within eight weeks.
"""

import sys
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import points
from child import MB, rss_mb
from station import DISK, running, station
from table import Section

SETTLE_S = 6.0
START_S = 60.0
POINTS = ((1, 10), (1, 1_000), (10, 1_000))
WEIGHED = 10_000
NOBODY = 9
"""The port that discards: nobody listens there, so that a device is asked and does not answer."""
TOKEN = "token-of-the-benchmark-0123456789"
FEATURES: Mapping[str, Mapping[str, Any]] = {
    "page": {"page": {"listen": "127.0.0.1:0", "users": [{"name": "anna", "token_file": "token"}]}},
    "metrics": {"metrics": {"listen": "127.0.0.1:0"}},
    "recorder": {"recorder": {}},
    "Sparkplug B": {"uplink": {"format": "sparkplug_b"}},
    "TLS to the broker": {"uplink": {"url": f"mqtts://127.0.0.1:{NOBODY}"}},
}
"""What is configured beside one Modbus device."""
DEVICES: Mapping[str, Mapping[str, Any]] = {
    "DNP3": {"protocol": "dnp3", "url": f"tcp://127.0.0.1:{NOBODY}", "outstation": 10, "points": ["analog:0"]},
    "IEC 61850": {
        "protocol": "iec61850",
        "url": f"tcp://127.0.0.1:{NOBODY}",
        "points": ["IED3LD0/MMXU1.TotW.mag.f[MX]"],
    },
    "OPC UA": {"protocol": "opcua", "url": f"opc.tcp://127.0.0.1:{NOBODY}", "points": ["ns=2;s=a"]},
    "tap": {"protocol": "tap", "interface": "lo"},
}
"""A device of another protocol beside it; a tap needs the right to listen."""
BAY = (
    ("voltage", "a"), ("voltage", "b"), ("voltage", "c"), ("current", "a"), ("current", "b"), ("current", "c"),
    ("active_power", "total"), ("reactive_power", "total"),
)  # fmt: skip
LEGEND = (
    "MB: resident memory of `gridsentinel run`, points at 1 Hz with broker and store after 20 s, and the most it ever "
    "was; features beside one Modbus device that does not answer, by how much each adds"
)
WEIGHT = (
    "kB for 1,000 points, all tables full: of points with limits and no role; of bays of eight with roles, voltages, "
    "currents and powers"
)


def measure() -> list[Section]:
    """Measure points, features and checks."""
    return [_points(), _features(), _checks()]


def _points() -> Section:
    section = Section("memory, MB", [f"{count * each:,}" for count, each in POINTS], LEGEND)
    for count, each in POINTS:
        with station(count, each) as site:
            time.sleep(20)
            section.add("points at 1 Hz", f"{count * each:,}", rss_mb(site.pid))
            section.add("the most so far", f"{count * each:,}", _most_mb(site.pid))
    return section


def _features() -> Section:
    section = Section("a feature adds, MB", ["MB"], LEGEND)
    base = _idle({}, ())
    section.add("one Modbus device, alone", "MB", base)
    for name, keys in FEATURES.items():
        section.add(name, "MB", _idle(keys, ()) - base)
    for name, device in DEVICES.items():
        try:
            section.add(name, "MB", _idle({}, (device,)) - base)
        except RuntimeError as error:
            print(f"{name}: {error}", file=sys.stderr)
    return section


def _idle(keys: Mapping[str, Any], more: Sequence[Mapping[str, Any]]) -> float:
    """Return the resident memory of a daemon with `keys` and devices `more`, none of which answers."""
    DISK.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=DISK) as folder:
        token, file = Path(folder) / "token", Path(folder) / "gateway.yaml"
        token.write_text(TOKEN)
        token.chmod(0o600)
        points.write_devices(
            file,
            [points.device("d0", NOBODY, 10), *map(_device, more)],
            broker=NOBODY,
            state_dir=Path(folder) / "state",
            keys=keys,
        )
        with running(file) as (process, log):
            until = time.monotonic() + START_S
            while "started" not in log.read_text():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(log.read_text()[-1000:])
                time.sleep(0.1)
            time.sleep(SETTLE_S)
            return rss_mb(process.pid)


def _device(device: Mapping[str, Any]) -> dict[str, Any]:
    described = [{"name": "a", "address": each} for each in device.get("points", ())]
    return {"name": "other", **device, **({"points": described} if described else {})}


def _checks() -> Section:
    section = Section("a check takes, kB a 1,000 points", ["with limits", "with roles"], WEIGHT)
    for case, described in (("with limits", points.point), ("with roles", _of_a_bay)):
        for name, weight in _weights([described(number) for number in range(WEIGHED)]):
            section.add(name, case, weight / WEIGHED)
    return section


def _weights(described: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield of each check that always looks how many octets it takes for the points `described`."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - only where checks are weighed

    from detectors.config import ALWAYS  # noqa: PLC0415
    from protocols.modbus.config import ModbusDevice  # noqa: PLC0415
    from protocols.points import Points  # noqa: PLC0415

    adapter = TypeAdapter(ModbusDevice)
    parts = (described[first : first + 1_000] for first in range(0, len(described), 1_000))
    devices = [
        adapter.validate_python({**points.device(f"d{number}", NOBODY, 0), "points": part})
        for number, part in enumerate(parts)
    ]
    table = Points.of([(device, device.points) for device in devices])
    for config in (kind() for kind in ALWAYS):
        config.build(Points.of([]))  # what it imports is no table
        tracemalloc.start()
        built = config.build(table)
        weight, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        del built
        yield config.detector, weight


def _of_a_bay(number: int) -> dict[str, Any]:
    quantity, phase = BAY[number % len(BAY)]
    role = {"bay": f"bay{number // len(BAY)}", "quantity": quantity, "phase": phase}
    return {**points.point(number), "role": role}


def _most_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / MB


if __name__ == "__main__":
    print("\n\n".join("\n".join(section.lines()) for section in measure()))
