"""What the checks cost: CPU of the whole pipeline a second, layer by layer, and the bytes that they keep.

The plant is the simulated substation, several times over, until it has 1,000 points or more: every one with its role,
so that every check looks. Its values were simulated before; noise is added each second, so that nothing repeats.
"""

import os
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from line import Line
from simulated import Poll, config, points_of

from detectors.config import build
from detectors.detector import Detector
from detectors.kept import Kept
from gateway.core.frames import Frames
from gateway.core.image import Image
from gateway.core.pipeline import Pipeline
from protocols.model import Batch, Frame, Tick
from protocols.point import Role
from protocols.points import Points
from simulator.grid import Grid

COPIES = 7
SECONDS = 900
ROUNDS = 3
WINDOW_S = 10
NS = 1_000_000_000
START_NS = 1_772_409_600 * NS
NOISE = 1e-4
GROWTH = 2_000_000
"""Bytes that the allocator may need more, though every state has its size from the start."""


def measure(_folder: Path, cycles: int = 0) -> Sequence[Line]:
    """Return the cost of a cycle, of each layer in it, the state a point, and how memory grows in `cycles` of them."""
    table = _table()
    n = len(table)
    detectors = build((), table)
    pipeline, total_bytes = _traced(lambda: Pipeline(table, build((), table), WINDOW_S))
    cycle_us = [_run(pipeline, table, round_) for round_ in range(ROUNDS)]
    us, kept = statistics.median(cycle_us), total_bytes / n
    lines = [
        Line(f"pipeline, {n:,} points, us a cycle", f"{us:.0f}", f"{250 * n / 1000:.0f}", "", us <= 250 * n / 1000),
        Line("state, bytes a point", f"{kept:.0f}", "2500", "", kept <= 2500),
    ]
    lines += [_layer(word, group, table) for word, group in detectors.items()]
    return [*lines, growth(cycles)] if cycles else lines


def _table() -> Points:
    """Return the simulated substation COPIES times, under names of their own, none sharing a bus with another."""
    devices = []
    for copy in range(COPIES):
        for device in config().devices:
            points = tuple(replace(point, role=_renamed(point.role, copy)) for point in device.points)
            devices.append((replace(device, name=f"{device.name}-{copy}", points=points), points))
    return Points.of(devices)


def _renamed(role: Role | None, copy: int) -> Role | None:
    if role is None:
        return None
    names = {key: getattr(role, key) for key in ("bay", "bus", "transformer")}
    return replace(role, **{key: f"{name}-{copy}" for key, name in names.items() if name})


@cache
def _values() -> np.ndarray:
    """Return float64[seconds, points] of one substation; simulated once."""
    grid, poll = Grid(1), Poll(points_of(config()))
    shown = []
    for second in range(SECONDS):
        grid.advance(grid.time_s + 1) if second else None
        shown.append(poll.digits(grid.values))
    return np.array(shown)


def _seconds(table: Points, round_: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each second's time and values, made before so that they cost nothing here."""
    chance, one = np.random.default_rng(round_), _values()
    start_ns = START_NS + round_ * SECONDS * NS
    status = np.array([config.status for config in table.configs])
    for second in range(SECONDS):
        values = np.tile(one[second], COPIES)
        noise = np.where(status, 0.0, NOISE * chance.standard_normal(len(values)))
        yield start_ns + second * NS, values * (1 + noise)


def _run(pipeline: Pipeline, table: Points, round_: int) -> float:
    """Return the CPU time of a second of the daemon: one poll of all points and its ticks; us."""
    n = len(table)
    rows, quality = np.arange(n, dtype=np.int32), np.zeros(n, np.uint16)
    spent = 0.0
    for now_ns, values in list(_seconds(table, round_)):
        batch = Batch(rows, values, quality, np.full(n, now_ns), now_ns)
        ticks = [Tick(now_ns + quarter * NS // 4 + 1) for quarter in range(4)]
        began = time.process_time()
        for seen in (batch, *ticks):
            pipeline.observe(seen)
        spent += time.process_time() - began
    return spent / SECONDS * 1e6


def _layer(word: str, group: Sequence[Detector], table: Points) -> Line:
    """Return what one detector costs a cycle, alone, and what it keeps."""
    spent, n = 0.0, len(table)
    image = Image(table)
    frames = Frames(image)
    rows, quality = np.arange(n, dtype=np.int32), np.zeros(n, np.uint16)
    for now_ns, values in list(_seconds(table, 0)):
        batch = Batch(rows, values, quality, np.full(n, now_ns), now_ns)
        image.observe(batch)
        frame = frames.turn(now_ns, now_ns)
        assert isinstance(frame, Frame)
        began = time.process_time()
        for detector in group:
            for seen in (batch, Tick(now_ns), frame):
                detector.observe(seen)
        spent += time.process_time() - began
    kept = sum(array.nbytes for each in group if isinstance(each, Kept) for array in each.state().values())
    return Line(f"  {word}", f"{spent / SECONDS * 1e6:.0f} us, {kept / n:.0f} B a point")


def growth(cycles: int) -> Line:
    """Return how much the memory of the process grew from a tenth of so many cycles of one substation to their end."""
    devices = [(device, device.points) for device in config().devices]
    table = Points.of(devices)
    pipeline, values, n = Pipeline(table, build((), table), WINDOW_S), _values(), len(table)
    rows, quality, chance = np.arange(n, dtype=np.int32), np.zeros(n, np.uint16), np.random.default_rng(1)
    status = np.array([point.status for point in table.configs])
    early = 0
    for cycle in range(cycles):
        now_ns = START_NS + cycle * NS
        noisy = values[cycle % SECONDS] * np.where(status, 1.0, 1 + NOISE * chance.standard_normal(n))
        pipeline.observe(Batch(rows, noisy, quality, np.full(n, now_ns), now_ns))
        pipeline.observe(Tick(now_ns + 1))
        early = _resident() if cycle == cycles // 10 else early
    grown = _resident() - early
    return Line(f"memory grown in {cycles:,} cycles, MB", f"{grown / 1e6:.1f}", "2", "", grown <= GROWTH)


def _resident() -> int:
    """Return the bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _traced(make: Callable[[], Pipeline]) -> tuple[Pipeline, int]:
    tracemalloc.start()
    made = make()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return made, size
