"""What the tests of the detectors share: a table of plain points, and batches, events and ticks in seconds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from protocols.model import Batch, Event, EventKind, Quality, Tick
from protocols.point import DeviceConfig, PointConfig
from protocols.points import Points
from protocols.settings import settings

NS = 1_000_000_000
START_S = 1_000_000


@settings
class Measured(PointConfig):
    """A measured value."""


@settings
class Status(PointConfig):
    """A status point."""

    @property
    def status(self) -> bool:
        return True


class Bench:
    """Makes what detectors see; seconds count from a start in 1970."""

    quality = Quality

    def points(self, devices: Mapping[str, Sequence[PointConfig]]) -> Points:
        return Points.of([(DeviceConfig(name=name), each) for name, each in devices.items()])

    def measured(self, name: str, **keys: Any) -> PointConfig:
        return Measured(name=name, **keys)

    def status(self, name: str, **keys: Any) -> PointConfig:
        return Status(name=name, **keys)

    def ns(self, at_s: float) -> int:
        return int((START_S + at_s) * NS)

    def batch(self, at_s: float, readings: Mapping[int, float], quality: int = 0, time_s: float | None = None) -> Batch:
        rows = np.array(sorted(readings), np.int32)
        values = np.array([readings[row] for row in rows.tolist()], np.float64)
        times = np.full(len(rows), 0 if time_s is None else self.ns(time_s), np.int64)
        return Batch(rows, values, np.full(len(rows), quality, np.uint16), times, self.ns(at_s))

    def tick(self, at_s: float) -> Tick:
        return Tick(self.ns(at_s))

    def event(self, at_s: float, kind: str, device: str = "bay1", rows: tuple[int, ...] = ()) -> Event:
        return Event(device, EventKind(kind), kind, self.ns(at_s), rows)

    def said(self, detector: Any, *seen: Any) -> list[tuple[str, bool]]:
        """Return kind and activity of what `detector` says of all that."""
        return [(finding.kind, finding.active) for each in seen for finding in detector.observe(each)]

    def every(self, step_s: float, begin_s: float, end_s: float, make: Callable[[float], Any]) -> list[Any]:
        return [make(float(at_s)) for at_s in np.arange(begin_s, end_s + step_s / 2, step_s)]


@pytest.fixture
def bench() -> Bench:
    return Bench()
