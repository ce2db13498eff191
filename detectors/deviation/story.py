"""What the data-quality bank says to an operator."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from detectors.model import Finding, Severity
from protocols.point import PointConfig
from protocols.points import Points

REGULATED = frozenset({"voltage", "frequency"})
"""Quantities that tap changers and governors hold at a level."""
EXTREME = 10.0
"""So many limits beyond, a statistic of one tag is worth a warning; below, it informs."""
CAUSES: Mapping[str, tuple[str, ...]] = {
    "spike": ("a garbled reading", "a transient that one scan caught"),
    "outlier": ("a broken transducer or wire", "a wrong scale or byte order", "a load that never was"),
    "drift": ("an instrument that ages or warms", "a changed ratio", "a process that nothing else here measures"),
    "stuck": ("a frozen transducer or register", "a unit that repeats its last reading"),
}
ADVICE: Mapping[str, str] = {
    "spike": "If it comes again, check the wiring and the communication of the device.",
    "outlier": "Compare it with a second measurement, then check transducer and scaling.",
    "drift": "Compare it with a second measurement of the same quantity, and calibrate.",
    "stuck": "Read it at the device itself; restart the transducer if it stands there, too.",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the tag: what is odd, its value, range, level and usual move, its run and the longest before."""

    time_ns: int
    actual: float
    value: float
    low: float
    high: float
    level: float
    usual: float
    still_s: float
    longest: int


def regulated(point: PointConfig) -> bool:
    """Return whether the process holds it at a level."""
    return point.role is not None and point.role.quantity in REGULATED


def tell(kind: str, points: Points, row: int, facts: Facts, *, active: bool, score: float) -> Finding:
    """Return the finding that `kind` began, or ended, with point `row`."""
    actual = facts.actual
    unit = f" {points.configs[row].unit}".rstrip()
    story, expected = _story(kind, actual, unit, facts) if active else (_relief(kind, actual, unit), None)
    warns = active and (kind == "stuck" or score >= EXTREME)
    return Finding(
        detector="deviation",
        kind=kind,
        device=points.device(row),
        rows=(row,),
        severity=Severity.WARNING if warns else Severity.INFO,
        time_ns=facts.time_ns,
        active=active,
        score=score,
        expected=expected,
        actual=actual,
        text=f"{points.label(row)} {story}",
        evidence={
            name: value
            for name, value in asdict(facts).items()
            if name not in ("time_ns", "actual") and abs(value) < float("inf")
        },
        causes=CAUSES[kind] if active else (),
        advice=ADVICE[kind] if active else "",
    )


def _story(kind: str, actual: float, unit: str, facts: Facts) -> tuple[str, float | None]:
    """Return what happened, and what was expected."""
    if kind == "spike":
        return f"was {actual:.6g}{unit} for a moment, {facts.value:.6g}{unit} around it", facts.value
    if kind == "outlier":
        nearest = facts.low if actual < facts.low else facts.high
        return f"{actual:.6g}{unit} lies far outside all it was: {facts.low:.6g} to {facts.high:.6g}{unit}", nearest
    if kind == "drift":
        return f"creeps away from its level: {actual:.6g}{unit}, where {facts.level:.6g}{unit} is held", facts.level
    run = f"{facts.longest} readings" if facts.longest > 1 else "one reading"
    return f"stands at exactly {actual:.9g}{unit} for {facts.still_s:.0f} s; {run} was its longest before", None


def _relief(kind: str, actual: float, unit: str) -> str:
    relief = {
        "spike": "has had no further spike",
        "outlier": "is back where it was",
        "drift": "is back at its level",
        "stuck": "moves again",
    }
    return f"{relief[kind]}: {actual:.6g}{unit}"
