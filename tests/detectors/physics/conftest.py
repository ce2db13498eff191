"""What the tests of the physics share: the simulated substation with the roles of config/demo.yaml, frame by frame."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.model import Finding
from gateway.config.loader import load
from protocols.model import Frame
from protocols.point import DeviceConfig, PointConfig, Role
from protocols.points import Points
from simulator.grid import Grid
from simulator.meter import BAYS, INDEX

NS = 1_000_000_000
DEMO = Path(__file__).parents[3] / "config" / "demo.yaml"


class Plant:
    """The grid, its points as the demonstration configures them, and detectors that look at it once a second.

    `wrong` are functions of a value, by label, that spoil it on its way; `silent` are devices that do not answer.
    """

    def __init__(self, points: Points, *detectors: Any, seed: int = 1) -> None:
        self.points, self.detectors, self.grid = points, detectors, Grid(seed)
        self.wrong: dict[str, Callable[[float], float]] = {}
        self.silent: set[str] = set()
        self._columns = [INDEX[points.label(row)] for row in range(len(points))]
        self._second = 0

    def row(self, label: str) -> int:
        return next(row for row in range(len(self.points)) if self.points.label(row) == label)

    def frame(self) -> Frame:
        self.grid.step(1.0)
        self._second += 1
        values = self.grid.values[self._columns]
        for label, spoil in self.wrong.items():
            values[self.row(label)] = spoil(values[self.row(label)])
        lost = np.isin([self.points.device(row) for row in range(len(values))], list(self.silent))
        values = np.where(lost, np.nan, values)
        return Frame(self._second * NS, self._second * NS, values, np.isfinite(values))

    def run(self, seconds: int) -> list[Finding]:
        """Return all that is said in so many seconds."""
        return [said for _ in range(seconds) for said in self.look(self.frame())]

    def look(self, frame: Frame) -> Iterator[Finding]:
        for detector in self.detectors:
            yield from detector.observe(frame)


@pytest.fixture(scope="session")
def demo() -> Points:
    devices = [device for device in load(DEMO).devices if device.name in BAYS]
    return Points.of([(device, device.points) for device in devices])


@pytest.fixture
def plant(demo: Points) -> Callable[..., Plant]:
    return lambda *configs, seed=1: Plant(demo, *(config.build(demo) for config in configs), seed=seed)


def table(*tags: tuple[str, str, dict[str, Any]], every_s: float = 1.0) -> Points:
    """Return points of one device: name, unit and role of each."""
    points = [PointConfig(name=name, unit=unit, role=Role(**role)) for name, unit, role in tags]
    return Points.of([(DeviceConfig(name="d", every_s=every_s), points)])


def frames(rows: Sequence[Sequence[float]], step_s: float = 1.0) -> Iterator[Frame]:
    """Yield a frame for each row of values; what is NaN was not read."""
    for number, row in enumerate(rows, 1):
        values, now_ns = np.array(row, np.float64), int(number * step_s * NS)
        yield Frame(now_ns, now_ns, values, np.isfinite(values))


@pytest.fixture
def points_of() -> Callable[..., Points]:
    return table


@pytest.fixture
def frames_of() -> Callable[..., Iterator[Frame]]:
    return frames
