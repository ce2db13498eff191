"""The keys of the physical checks, and what a configuration's roles make possible."""

from collections.abc import Sequence
from typing import Literal

from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.learning import LearningConfig
from detectors.model import Severity
from detectors.physics.balance import BalanceDetector, chosen
from detectors.physics.consistency import ConsistencyDetector
from detectors.physics.equation import Equation
from detectors.physics.overload import FLOWS, OverloadDetector, rated
from detectors.physics.places import complaints
from detectors.physics.plan import Missing, Plan
from detectors.physics.system import compiled
from detectors.physics.unbalance import UnbalanceDetector, groups_of
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, Name, settings


@settings
class BalanceConfig(LearningConfig):
    """Finds buses where what flows in and what flows out is not equal."""

    detector: Literal["balance"] = "balance"
    bus: Name | None = None
    """The bus it looks at; all when left out."""
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the buses of which every bay is measured."""
        return BalanceDetector(points, points.matching(self.points), self)

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return the balances that are possible, and what others lack."""
        made = chosen(Plan(points, points.matching(self.points)), self.bus)
        if self.bus is not None and not made:
            return [Outlook("balance", self.bus, possible=False, text="no point has this bus in its role")]
        return _outlook("balance", made)


@settings
class ConsistencyConfig(LearningConfig):
    """Finds values that cannot all be true, and which of them is the suspect."""

    detector: Literal["consistency"] = "consistency"
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for every equation that the roles make possible."""
        return ConsistencyDetector(points, points.matching(self.points), self)

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return the equations that are possible, what others lack, and points whose role says too little."""
        rows = points.matching(self.points)
        equations, missing, _ = compiled(points, rows)
        made = [each for each in equations if each.family != "balance"]
        lacking = [each for each in missing if each.check != "balance"]
        odd = complaints(points, Plan(points, rows).places)
        return [
            *_outlook("consistency", [*made, *lacking]),
            *(Outlook("consistency", place, possible=False, text=text) for place, text in odd),
        ]


@settings
class UnbalanceConfig(DetectorConfig):
    """Finds phases that are not alike: voltages by IEC 61000-4-30 or NEMA MG 1, currents by NEMA."""

    detector: Literal["unbalance"] = "unbalance"
    voltage_percent: float = Field(default=2.0, gt=0, le=100)
    """Most unbalance of voltages, per cent (EN 50160: 2)."""
    current_percent: float = Field(default=40.0, gt=0, le=300)
    """Most unbalance of currents, per cent of their mean."""
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the places where all three phases are measured."""
        limits = self.voltage_percent / 100, self.current_percent / 100
        return UnbalanceDetector(points, points.matching(self.points), limits=limits, severity=Severity(self.severity))

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return the places that have three phases."""
        groups = groups_of(Plan(points, points.matching(self.points)))
        words = [(name, word.replace("_", " ")) for name, word, _ in groups]
        return [Outlook("unbalance", name, possible=True, text=word) for name, word in words]


@settings
class OverloadConfig(DetectorConfig):
    """Finds currents and powers beyond the rating in their role."""

    detector: Literal["overload"] = "overload"
    percent: float = Field(default=100.0, gt=0, le=200)
    """Per cent of the rating from which on it is an overload."""
    severity: SeverityWord = "warning"
    """Severity of the alarm; one step higher beyond 1.2 times that."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the currents and powers that have a rating."""
        rows, limit = points.matching(self.points), self.percent / 100
        return OverloadDetector(points, rows, limit=limit, severity=Severity(self.severity))

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Return the points that have a rating; if none has, that it is missing."""
        rows = rated(points, points.matching(self.points)).tolist()
        flows = any(config.role and config.role.quantity in FLOWS for config in points.configs)
        if flows and not rows:
            return [Outlook("overload", "all", possible=False, text="no current or power has a rating in its role")]
        return [Outlook("overload", points.label(row), possible=True, text="rating") for row in rows]


def _outlook(check: str, made: Sequence[Equation | Missing]) -> list[Outlook]:
    """Return one line for each place and possibility."""
    lines: dict[tuple[str, bool], list[str]] = {}
    for each in made:
        possible = isinstance(each, Equation)
        subject, text = (each.place, _words(each)) if isinstance(each, Equation) else (each.subject, _lack(check, each))
        lines.setdefault((subject, possible), []).append(text)
    return [
        Outlook(check, subject, possible=possible, text="; ".join(dict.fromkeys(texts)))
        for (subject, possible), texts in lines.items()
    ]


def _words(equation: Equation) -> str:
    """Return the equation; of those around a ring only what is the same everywhere."""
    return equation.what if equation.family != "agreement" else f"the same {equation.what.split()[0]} at all its bays"


def _lack(check: str, missing: Missing) -> str:
    return missing.text if missing.check == check else f"{missing.check}: {missing.text}"
