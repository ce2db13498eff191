"""Where a limit is crossed upwards and back: just inside, just beyond, within the hysteresis, and back."""

from dataclasses import dataclass

from gateway.fat.subject import Subject
from protocols.point import Limits

LEVELS = {"high": 1, "high_high": 1, "low": -1, "low_low": -1}
"""Each limit, and to which side of it the alarm is."""
SEVERITIES = ("info", "warning", "critical", "emergency")


@dataclass(frozen=True, slots=True)
class Crossing:
    """One limit of one point: the values that it is driven to, and the alarm that they mean.

    `held` is within the hysteresis, None where that is finer than a digit of the wire.
    """

    level: str
    limit: float
    inside: float
    beyond: float
    held: float | None
    back: float
    severity: str


def crossings(subject: Subject) -> tuple[list[Crossing], dict[str, str]]:
    """Return the limits that can be crossed, and those that cannot with why."""
    found, impossible = [], {}
    for level in LEVELS:
        limits = subject.point.limits
        if limits is None or getattr(limits, level) is None:
            continue
        crossing = _crossing(subject, limits, level)
        if isinstance(crossing, str):
            impossible[level] = crossing
        else:
            found.append(crossing)
    return found, impossible


def _crossing(subject: Subject, limits: Limits, level: str) -> Crossing | str:
    side, limit = LEVELS[level], float(getattr(limits, level))
    returns = limit - side * limits.hysteresis
    inside, beyond = subject.beside(limit, -side), subject.beside(limit, side)
    back = subject.beside(returns, -side)
    if beyond is None or inside is None:
        low, high = sorted(map(subject.value, subject.ends))
        return f"{limit:g} is beyond what {subject.kind} can show, {low:g} to {high:g}: this alarm can never come"
    if back is None:
        low, high = sorted(map(subject.value, subject.ends))
        return f"{returns:g}, where it returns, is beyond what {subject.kind} can show, {low:g} to {high:g}"
    held = subject.nearest(limit - side * limits.hysteresis / 2)
    within = limits.hysteresis > 0 and side * held > side * returns and side * held <= side * limit
    rank = SEVERITIES.index(limits.severity) + (level in ("low_low", "high_high"))
    return Crossing(
        level=level,
        limit=limit,
        inside=inside,
        beyond=beyond,
        held=held if within else None,
        back=back,
        severity=SEVERITIES[min(rank, len(SEVERITIES) - 1)],
    )
