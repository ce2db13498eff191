"""The whole plan of a configuration, and what of it cannot be."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from gateway.config.model import Config
from gateway.planning.lines import ANSWER_S, Line, lines, moving
from gateway.planning.memory import Memory, exports, weigh
from gateway.planning.messages import DAY_S, Window, windows, wire_bytes_per_day
from gateway.store.limits import Limits
from protocols.config import Device

MEMORY_MAX = 256 * 1024 * 1024
"""MemoryMax of systemd/gridsentinel.service."""
CPU_S: Mapping[str, float] = {
    "each second": 0.0068,
    "a request": 59e-6,
    "a reading": 0.75e-6,
    "a window sent": 1000e-6,
    "a value sent": 1.4e-6,
}
"""Processor time: a fit to the runs of benchmarks/plan.py, which prints these beside what it finds, and of run.py."""
DRIVER_CPU_S = {"modbus": 0.0, "dnp3": 3.9e-6, "iec61850": 7.4e-6, "opcua": 16.4e-6, "tap": 0.0}
"""What the driver of a protocol takes for a reading beyond that of Modbus; from the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that can be known; `refusals` say what cannot be, and by how much."""

    lines: tuple[Line, ...]
    readings_per_s: float
    memory: Memory
    memory_max: int
    disk_bytes_per_day: int
    disk_days: float
    disk_max_bytes: int
    wire_bytes_per_day: int
    cpu: float
    refusals: tuple[str, ...]

    def told(self) -> Mapping[str, object]:
        """Return it for JSON."""
        return asdict(self)


def plan(config: Config, *, answer_s: float = ANSWER_S, memory_max: int = MEMORY_MAX) -> Plan:
    """Return what `config` takes."""
    built, drivers = weigh(config)
    sizes = windows(config, moving(drivers.values()))
    memory = replace(built, worst=built.worst + exports(config, sizes))
    found = tuple(lines(config, drivers, answer_s))
    disk_per_day = round(sum(each.disk_bytes / each.every_s for each in sizes) * DAY_S)
    share = cpu(config, found, sizes)
    return Plan(
        lines=found,
        readings_per_s=_readings_per_s(config),
        memory=memory,
        memory_max=memory_max,
        disk_bytes_per_day=disk_per_day,
        disk_days=Limits.of(config.store).other_bytes / max(disk_per_day, 1),
        disk_max_bytes=_disk_max(config),
        wire_bytes_per_day=wire_bytes_per_day(config, sizes),
        cpu=share,
        refusals=(*overfull(found), *_refused(config, memory, memory_max, sizes, share)),
    )


def overfull(found: tuple[Line, ...]) -> Iterator[str]:
    """Yield a sentence for each line that cannot carry what is asked, even of devices that answer at once."""
    for line in found:
        if line.least > 1:
            longer = f"every_s {line.least:.2g} times as long, fewer points or a faster line would do"
            yield f"{line.line} is asked for {line.least:.0%} of what it carries: {longer}"


def _refused(config: Config, memory: Memory, memory_max: int, sizes: list[Window], share: float) -> Iterator[str]:
    if memory.worst > memory_max:
        worst, most, over = (size / 1e6 for size in (memory.worst, memory_max, memory.worst - memory_max))
        yield f"memory: {worst:.0f} MB at worst is {over:.0f} MB over the {most:.0f} MB there are"
    largest = Limits.of(config.store).transaction_bytes
    for window in sizes:
        if (over_by := window.disk_bytes - largest) > 0:
            yield f"{window.device}: a window of {window.disk_bytes} bytes is {over_by} more than the store takes"
    if share > 1:
        yield f"processor: {share:.0%} of a core, and it uses one"


def _readings_per_s(config: Config) -> float:
    return sum(map(_of, config.devices))


def _of(device: Device) -> float:
    """Return the readings of `device` a second that come without events."""
    return sum(1 / (point.every_s or device.interval_s) for point in device.points)


def _disk_max(config: Config) -> int:
    budgets = (config.store, config.recorder, config.evidence)
    return sum(int(budget.max_bytes) for budget in budgets if budget is not None)


def cpu(config: Config, found: tuple[Line, ...], sizes: list[Window]) -> float:
    """Return the share of one core: about, as machines differ."""
    drivers = sum(DRIVER_CPU_S[device.protocol] * _of(device) for device in config.devices)
    return drivers + sum(
        often * each_s for often, each_s in zip(parts(config, found, sizes), CPU_S.values(), strict=True)
    )


def parts(config: Config, found: tuple[Line, ...], sizes: list[Window]) -> tuple[float, ...]:
    """Return how often each of CPU_S comes in a second, in its order."""
    requests = sum(line.requests_per_s for line in found)
    sent, values = sum(1 / each.every_s for each in sizes), sum(each.points / each.every_s for each in sizes)
    return 1.0, requests, _readings_per_s(config), sent, values
