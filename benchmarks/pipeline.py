"""The pipeline alone: CPU a reading, for batches of several sizes, and memory a point."""

import statistics
import time
import tracemalloc

import numpy as np
import points
from pydantic import TypeAdapter
from table import Section, Target

from detectors.config import build
from detectors.stuck import StuckConfig
from gateway.core.pipeline import Pipeline
from gateway.flow import TICK_S
from protocols.modbus.config import ModbusDevice
from protocols.model import Batch, Tick
from protocols.points import Points

SIZES = (10, 100, 1_000, 10_000)
WINDOW_S = 10
NS = 1_000_000_000
TICKS = round(1 / TICK_S)
START_NS = 1_700_000_000 * NS
LEGEND = (
    "one batch of all points a second, none like one before, with the ticks that the daemon has, every point with "
    "limits and rate, "
    "the default detectors and stuck, back to back (so with warm caches); median of several rounds of process CPU "
    "time; bytes by tracemalloc"
)


def measure(*, rounds: int, readings: int) -> Section:
    """Measure every size with `rounds` rounds of about `readings` readings each."""
    section = Section("pipeline, points a batch", [f"{size:,}" for size in SIZES], LEGEND)
    section.targets["CPU, us a reading"] = Target("at most 0.5 at 1,000", lambda us: us <= 0.5, "1,000")
    for size in SIZES:
        table = _points(size)
        pipeline, state_bytes = _pipeline(table)
        batches = max(50, min(readings // size, 2_000))
        spent_s = [_round(pipeline, size, batches, START_NS + number * batches * NS) for number in range(rounds)]
        section.add("CPU, us a reading", f"{size:,}", statistics.median(spent_s) / batches / size * 1e6)
        section.add("CPU, us a batch", f"{size:,}", statistics.median(spent_s) / batches * 1e6)
        section.add("state, bytes a point", f"{size:,}", state_bytes / size)
    return section


def _points(size: int) -> Points:
    device = TypeAdapter(ModbusDevice).validate_python({**points.device("d", 502, 0), "points": _many(size)})
    return Points.of([(device, device.points)])


def _many(size: int) -> list[dict[str, object]]:
    return [points.point(address) for address in range(size)]


def _pipeline(table: Points) -> tuple[Pipeline, int]:
    """Return a pipeline, and the bytes that it and its detectors keep."""
    tracemalloc.start()
    pipeline = Pipeline(table, build([StuckConfig()], table), WINDOW_S)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return pipeline, size


def _round(pipeline: Pipeline, size: int, batches: int, start_ns: int) -> float:
    """Return the CPU time of `batches` seconds of work, in seconds."""
    rows, quality = np.arange(size, dtype=np.int32), np.zeros(size, np.uint16)
    values = np.random.default_rng(start_ns // NS).uniform(1_000, 2_000, (batches, size))
    began = time.process_time()
    for second, reading in enumerate(values):
        now_ns = start_ns + second * NS
        pipeline.observe(Batch(rows, reading, quality, np.full(size, now_ns), now_ns))
        for tick in range(TICKS):
            pipeline.observe(Tick(now_ns + tick * NS // TICKS))
    return time.process_time() - began
