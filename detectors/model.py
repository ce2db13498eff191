"""What a detector says: findings, and how bad they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad, in rising order."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        """0 for info to 3 for emergency."""
        return list(Severity).index(self)

    @property
    def next(self) -> "Severity":
        """One step worse."""
        return list(Severity)[min(self.rank + 1, len(Severity) - 1)]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector says about a point or a device now: a condition began, or (`active` False) ended.

    `rows` are the points concerned, empty when it is about the device as a whole; `score` is how far beyond normal,
    1 is the limit; `expected` and `actual` are in the point's unit.
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
