"""The configuration of the daily summary."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Self

from detectors.daily.detector import DailyDetector
from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.supply.interruptions import bays_of
from protocols.points import Points
from protocols.settings import Timezone, settings


@settings
class DailyConfig(DetectorConfig):
    """Sums up every day of every bay, at its end. It reports and raises no alarm."""

    detector: Literal["daily"] = "daily"
    timezone: Timezone | None = None
    """IANA name of the time zone that days are counted in; the gateway's when left out."""
    demand_s: Literal[300, 600, 900, 1800] = 900
    """Peak and minimum are means of so long; seconds."""
    customers_in: tuple[str, ...] = ()
    """Bays with customers: there an open breaker is an interruption, too."""

    def at(self, timezone: str) -> Self:
        """Take the gateway's time zone where it has none of its own."""
        return self if self.timezone else replace(self, timezone=timezone)

    def build(self, points: Points) -> Detector:
        """Make the detector for the bays of the points."""
        return DailyDetector(
            points,
            points.matching(self.points),
            timezone=self.timezone or "UTC",
            demand_s=self.demand_s,
            customers=self.customers_in,
        )

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return the bays that are summed up."""
        bays = bays_of(points)
        missing = Outlook("daily", "daily", possible=False, text="no point has a role with a bay")
        return [Outlook("daily", bay, possible=True, text="summary of each day") for bay in bays] or [missing]
