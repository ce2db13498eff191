"""What a detector says: findings, and how bad they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias


class Severity(StrEnum):
    """How bad, in rising order."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"

    rank: int
    """0 for info to 3 for emergency."""

    def __init__(self, _word: str) -> None:
        self.rank = len(type(self).__members__)

    @property
    def next(self) -> "Severity":
        """One step worse."""
        return list(Severity)[min(self.rank + 1, len(Severity) - 1)]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector says about a point or a device now: a condition began, or (`active` False) ended.

    `rows` are the points concerned, the suspect first, empty when it is about the device as a whole; they may belong to
    several devices. `subject` is what it is about when that is neither a point nor the device: a bus, a transformer, a
    group. `score` is how far beyond normal, 1 is the limit; `expected` and `actual` are in the point's unit. `causes`
    are the likely ones, the likeliest first, `advice` is what to do next. `technique` is that of an attacker, an
    identifier of MITRE ATT&CK for ICS such as T0855, where the condition may be an attack.
    """

    detector: str
    kind: str
    device: str
    severity: Severity
    time_ns: int
    text: str
    rows: tuple[int, ...] = ()
    active: bool = True
    score: float = 1.0
    expected: float | None = None
    actual: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""
    causes: tuple[str, ...] = ()
    advice: str = ""
    technique: str = ""

    @property
    def deviation_percent(self) -> float | None:
        """How far the actual value is from the expected one, in per cent of it; None where that says nothing."""
        return deviation_percent(self.expected, self.actual)


def deviation_percent(expected: float | None, actual: float | None) -> float | None:
    """Return how far `actual` is from `expected`, in per cent of it; None where one is missing or it is zero."""
    if expected is None or actual is None or not expected:
        return None
    return 100 * (actual - expected) / abs(expected)


@dataclass(frozen=True, slots=True)
class Report:
    """What a detector tells that is no alarm: the health of an asset, a forecast, a day.

    `kind` and `subject` name it, `body` is its content as JSON has it: texts, numbers, None, lists and mappings.
    `synchronised` is whether our clock was; the pipeline says so.
    """

    kind: str
    subject: str
    time_ns: int
    body: Mapping[str, Any]
    synchronised: bool = False

    @property
    def device(self) -> str:
        """Return what stands in its topic where the device stands in others."""
        return f"{self.kind}/{self.subject}"


Said: TypeAlias = Finding | Report
"""What a detector says."""
