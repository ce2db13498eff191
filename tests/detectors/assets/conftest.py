"""What the tests of the assets share: plants described by roles, and frames of them in seconds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from detectors.model import Finding, Report
from protocols.model import Frame
from protocols.point import DeviceConfig, Limits, PointConfig, Role
from protocols.points import Points

NS = 1_000_000_000
START_S = 1_700_000_000


class Plant:
    """Points with roles, and their values of now; a value not set is unknown."""

    def __init__(self, devices: Mapping[str, Sequence[PointConfig]]) -> None:
        self.points = Points.of([(DeviceConfig(name=name), each) for name, each in devices.items()])
        self.values = np.full(len(self.points), np.nan)

    def set(self, **values: float) -> None:
        for name, value in values.items():
            self.values[self.points.names.index(name)] = value

    def frame(self, at_s: float) -> Frame:
        now_ns = int((START_S + at_s) * NS)
        return Frame(values=self.values.copy(), fresh=~np.isnan(self.values), time_ns=now_ns, utc_ns=now_ns)


def point(name: str, quantity: str, limits: Limits | None = None, unit: str = "", **role: Any) -> PointConfig:
    """Return a point with a role."""
    return PointConfig(name=name, unit=unit, limits=limits, role=Role(quantity=quantity, **role))


def transformer(name: str, *, oil: bool = True, rating: float = 1000.0) -> list[PointConfig]:
    """Return the points of a transformer: three currents, oil and ambient."""
    points = [point(f"i{p}", "current", transformer=name, phase=p, rating=rating, side="lv") for p in "abc"]
    points += [point("ambient", "ambient_temperature", transformer=name)]
    return points + [point("oil", "oil_temperature", transformer=name)] * oil


def findings(said: Sequence[Finding | Report]) -> list[Finding]:
    return [each for each in said if isinstance(each, Finding)]


def reports(said: Sequence[Finding | Report]) -> list[Report]:
    return [each for each in said if isinstance(each, Report)]


class Assets:
    Plant = Plant
    point = staticmethod(point)
    transformer = staticmethod(transformer)
    findings = staticmethod(findings)
    reports = staticmethod(reports)
    start_s = START_S


@pytest.fixture(scope="session")
def assets() -> type[Assets]:
    return Assets
