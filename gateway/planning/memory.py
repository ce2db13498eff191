"""How much memory it will take: the real drivers, pipeline and checks are built and weighed, and the buffers added.

Constants are resident memory of a running daemon, measured by tests/system/test_plan.py, which compares the whole.
"""

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from detectors.config import build
from gateway.config.apart import packed, unpacked
from gateway.config.model import MIB, Config
from gateway.core.pipeline import Pipeline
from gateway.evidence.weight import at_worst, remembered
from gateway.planning.lines import built
from gateway.planning.messages import Window, metrics
from gateway.recording.recorder import BLOCK_BYTES, LOOK_BYTES, LOOKS, WAITING
from gateway.store.limits import RAM_BYTES
from gateway.uplink.flight import HELD_BYTES, HELD_MAX
from gateway.uplink.schedule import READ_ROWS
from protocols.driver import Driver, Outside
from protocols.points import Points
from protocols.tap.config import TapDevice

T = TypeVar("T")

BASE_BYTES = 55 * MIB
"""Interpreter, libraries and the daemon of one small Modbus device."""
PROTOCOL_BYTES = {"modbus": 0, "dnp3": 5 * MIB, "iec61850": 3 * MIB, "opcua": 3 * MIB, "tap": 2 * MIB}
"""What the first device of a protocol adds: its code."""
AT_WORK = 1.3
"""Resident octets for each that is allocated: pages that are partly empty, and messages while they are made."""
OTEL_BYTES, METRICS_BYTES = 7000, 1400
"""Of each device in what is told to a collector and to Prometheus, while it is put together; measured."""
BATCH_BYTES, READING_BYTES = 600, 22
"""Of a batch that waits: its objects, and each reading."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Octets: `usual` at work, `reload` while a second plant is made beside it, `worst` then with every buffer full."""

    usual: int
    reload: int
    worst: int


def weigh(config: Config) -> tuple[Memory, dict[str, Driver]]:
    """Return the memory that `config` takes but for `exports`, and the drivers that were built for it."""
    points = Points.of([(device, device.points) for device in config.devices])
    copy = packed(config)
    objects_bytes, _ = _weighed(lambda: unpacked(copy))
    _warm(config, points)
    drivers_bytes, drivers = _weighed(lambda: built(config, points))
    pipeline_bytes, _ = _weighed(lambda: _pipeline(config, points))
    protocols = sum(PROTOCOL_BYTES.get(name, 0) for name in {device.protocol for device in config.devices})
    named_bytes, _ = _weighed(lambda: metrics(config))
    plant = objects_bytes + drivers_bytes + pipeline_bytes
    kept = remembered(points, config.evidence) if config.evidence is not None else 0
    usual, second = round(BASE_BYTES + protocols + AT_WORK * (plant + named_bytes) + kept), round(AT_WORK * plant)
    return Memory(usual, second, usual + second + _buffers(config) + _evidence(config, points)), drivers


def _warm(config: Config, points: Points) -> None:
    """Import what drivers and checks need: code is weighed elsewhere."""
    for device in {device.protocol: device for device in config.devices}.values():
        device.driver([device], points, Outside(clock=lambda: 0))
    _pipeline(config, Points.of([]))


def _buffers(config: Config) -> int:
    """Return what bounded buffers take when they are full: queue, pending messages, taps, trends, blocks to record."""
    largest = max((len(device.points) for device in config.devices), default=0)
    queue = config.poll.queue_batches * (BATCH_BYTES + READING_BYTES * largest)
    taps = sum(device.ring_bytes + device.evidence_bytes for device in config.devices if isinstance(device, TapDevice))
    trends = config.page.trend_bytes if config.page is not None else 0
    points = sum(len(device.points) for device in config.devices)
    blocks = (1 + WAITING) * min(BLOCK_BYTES, LOOKS * LOOK_BYTES * points) if config.recorder is not None else 0
    return queue + RAM_BYTES + taps + trends + blocks


def _evidence(config: Config, points: Points) -> int:
    """Return what evidence takes while an alarm has it written, and the next has come."""
    if config.evidence is None:
        return 0
    frames = sum(device.evidence_bytes for device in config.devices if isinstance(device, TapDevice))
    return at_worst(points, config.evidence, frames_bytes=frames)


def exports(config: Config, windows: Sequence[Window]) -> int:
    """Return what is on its way out: messages read ahead and in flight, numbers of what is held, pages of metrics."""
    largest = max(windows, key=lambda window: window.wire_bytes, default=Window("", 1, 0, 0, 0))
    flying = config.uplink.inflight * (largest.disk_bytes + largest.wire_bytes) + 2 * READ_ROWS * largest.disk_bytes
    held = HELD_MAX * HELD_BYTES if config.uplink.format != "json" else 0
    told = OTEL_BYTES * (config.otel is not None) + METRICS_BYTES * (config.metrics is not None)
    return flying + held + told * len(config.devices)


def _pipeline(config: Config, points: Points) -> Pipeline:
    detectors = build(config.detectors, points, config.gateway.timezone)
    return Pipeline(points, detectors, config.uplink.window_s, config.alarms)


def _weighed(make: Callable[[], T]) -> tuple[int, T]:
    """Return what `make` makes, and how much memory it keeps."""
    tracemalloc.start()
    try:
        made = make()
        return tracemalloc.get_traced_memory()[0], made
    finally:
        tracemalloc.stop()
