"""The configuration of the forecast, and which points it takes for loads."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.forecast.detector import ForecastDetector
from protocols.model import Rows
from protocols.point import PointConfig, SeverityWord
from protocols.points import Points
from protocols.settings import settings


@settings
class ForecastConfig(DetectorConfig):
    """Forecasts loads by 48 hours, and finds those that are far off their forecast.

    A load is a point of role quantity active_power, of phase total or none; or any that `points` names.
    """

    detector: Literal["forecast"] = "forecast"
    step_s: Literal[1800, 3600] = 3600
    """Length of one step of the forecast, which is a mean; seconds."""
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the loads among the points."""
        return ForecastDetector(points, self._loads(points), step_s=self.step_s, severity=self.severity)

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return which loads will have a forecast."""
        loads = self._loads(points)
        if not len(loads):
            missing = "no point has the role quantity active_power, of phase total or none"
            return [Outlook("forecast", "loads", possible=False, text=missing)]
        text = "48 hours ahead, once there are two weeks of history"
        return [Outlook("forecast", points.label(int(row)), possible=True, text=text) for row in loads]

    def _loads(self, points: Points) -> Rows:
        rows = points.matching(self.points)
        named = "*" not in self.points
        loads = (row for row in rows if not points.configs[row].status and (named or _is_load(points.configs[row])))
        return np.fromiter(loads, np.int32)


def _is_load(config: PointConfig) -> bool:
    role = config.role
    return role is not None and role.quantity == "active_power" and role.phase in (None, "total")
