"""Drives the detectors as the daemon does: one batch, one frame and one tick for each row of a recording."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.config import build
from detectors.model import Finding
from protocols.model import Batch, Frame, Tick
from protocols.points import Points

NS = 1_000_000_000


@dataclass
class Told:
    """What was found: `begun` (row, finding) in order, `spent_s` of CPU, `rows` looked at."""

    begun: list[tuple[int, Finding]] = field(default_factory=list)
    spent_s: float = 0.0
    rows: int = 0

    def between(self, first: int, last: int) -> list[Finding]:
        """Return what began from row `first` to row `last`, both included."""
        return [finding for row, finding in self.begun if first <= row <= last]


def drive(points: Points, values: NDArray[np.float64], times_ns: Sequence[int], configured: Sequence = ()) -> Told:
    """Show every row of `values` float64[rows, points] to the detectors that the daemon would have."""
    detectors = [each for group in build(configured, points).values() for each in group]
    told = Told(rows=len(values))
    began = time.process_time()
    for row, seen in _seen(values, times_ns):
        for detector in detectors:
            for said in detector.observe(seen):
                if isinstance(said, Finding) and said.active:
                    told.begun.append((row, said))
    told.spent_s = time.process_time() - began
    return told


def _seen(values: NDArray[np.float64], times_ns: Sequence[int]) -> Iterator[tuple[int, Batch | Frame | Tick]]:
    count = values.shape[1]
    rows, quality = np.arange(count, dtype=np.int32), np.zeros(count, np.uint16)
    for row, (reading, now_ns) in enumerate(zip(values, times_ns, strict=True)):
        known = np.isfinite(reading)
        yield row, Batch(rows, reading, np.where(known, quality, 1).astype(np.uint16), np.full(count, now_ns), now_ns)
        yield row, Frame(now_ns, now_ns, reading, known)
        yield row, Tick(now_ns)
