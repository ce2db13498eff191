"""What the tests of the core share: a table of points, batches and findings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from detectors.model import Finding, Severity
from protocols.model import Batch, Event, EventKind
from protocols.point import DeviceConfig, Limits, PointConfig
from protocols.points import Points
from protocols.settings import settings

NS = 1_000_000_000


@settings
class Status(PointConfig):
    """A status point."""

    @property
    def status(self) -> bool:
        return True


class Core:
    """Makes what the core sees; seconds count from 1,000,000 s after 1970."""

    def ns(self, at_s: float) -> int:
        return int((1_000_000 + at_s) * NS)

    def points(self, **keys: Any) -> Points:
        limits = Limits(low=-10, high=10, hysteresis=1, on_delay_s=1, rate_per_s=30)
        measured = [PointConfig(name=name, limits=limits, **keys) for name in ("va", "vb")]
        devices = {
            "bay1": [*measured, Status(name="cb")],
            "empty": [],
            "bay2": [PointConfig(name="p", limits=limits, **keys)],
        }
        return Points.of([(DeviceConfig(name=name), each) for name, each in devices.items()])

    def batch(self, at_s: float, readings: Mapping[int, float], quality: int = 0, time_ns: int = 0) -> Batch:
        rows = np.array(sorted(readings), np.int32)
        values = np.array([readings[row] for row in rows.tolist()], np.float64)
        n = len(rows)
        return Batch(rows, values, np.full(n, quality, np.uint16), np.full(n, time_ns, np.int64), self.ns(at_s))

    def event(self, at_s: float, kind: str, device: str = "bay1", rows: tuple[int, ...] = ()) -> Event:
        return Event(device, EventKind(kind), kind, self.ns(at_s), rows)

    def finding(self, at_s: float = 0, *, active: bool = True, rows: tuple[int, ...] = (0,), **keys: Any) -> Finding:
        told = {"detector": "limits", "kind": "limit_high", "device": "bay1", "severity": Severity.WARNING, "text": "t"}
        return Finding(**{**told, "time_ns": self.ns(at_s), "active": active, "rows": rows, **keys})


@pytest.fixture(scope="session")
def core() -> Core:
    return Core()
