"""The configuration of the quality of supply, and what it makes possible."""

from collections.abc import Sequence
from typing import Literal

from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.supply.bands import Standard
from detectors.supply.detector import SupplyDetector
from detectors.supply.nominal import frequencies, voltages, without
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import settings


@settings
class SupplyConfig(DetectorConfig):
    """Judges voltage and frequency by EN 50160 or ANSI C84.1, and finds bays without supply.

    It looks at points of role quantity voltage with a nominal value (`role.rating`, of it or of another voltage in its
    bay or on its bus) and of role quantity frequency.
    """

    detector: Literal["supply"] = "supply"
    standard: Standard = "en50160"
    """Bands of the voltage."""
    customers_in: tuple[str, ...] = ()
    """Bays with customers: there an open breaker is an interruption, too."""
    severity: SeverityWord = "warning"
    """Severity of a week outside the bands; an interruption is one step higher."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the voltages and frequencies among the points."""
        return SupplyDetector(
            points,
            points.matching(self.points),
            standard=self.standard,
            customers=self.customers_in,
            severity=self.severity,
        )

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return what can be judged, and which voltages have no nominal value."""
        rows = points.matching(self.points)
        judged = [*voltages(points, rows)[0].tolist(), *frequencies(points, rows)[0].tolist()]
        found = [Outlook("supply", points.label(row), possible=True, text="bands over a week") for row in judged]
        missing = "no nominal voltage: give role.rating here, or at another voltage of its bay or bus"
        found += [Outlook("supply", points.label(row), possible=False, text=missing) for row in without(points, rows)]
        nothing = "no point has the role quantity voltage or frequency"
        return found or [Outlook("supply", "supply", possible=False, text=nothing)]
