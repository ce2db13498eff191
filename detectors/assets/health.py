"""Health of an asset, and the probability that it fails: a stated base rate times a stated curve, no more.

The probability is no prediction for this one asset. It is what a fleet in this condition has to expect:

    p(days) = 1 - exp(-base * factor(health) * days / 365.25)

- base: major failures a year of such assets. Transformers: 964 in 167 459 transformer-years, 58 utilities, 1996 to 2010
  (CIGRE technical brochure 642, 2015). Breakers: 0.30 in 100 breaker-years, SF6, 60 kV and above, 2004 to 2007 (CIGRE
  technical brochure 510, 2012). Taken for an asset in good condition, though it is the mean of the fleet.
- factor: the cubic 1 + CH + (CH)^2/2 + (CH)^3/6 with C = 1.087 over its value at H = 4, and 1 below that: the common
  network asset indices methodology of the distribution network operators of Great Britain (Ofgem). H runs from 0 to 15;
  that our health of 100 to 0 is H of 0 to 15 is our own reading. The worst condition is so some thirty times the base.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from detectors.model import Report

TRANSFORMER_PER_YEAR = 964 / 167_459
BREAKER_PER_YEAR = 0.0030
SOURCE = {
    TRANSFORMER_PER_YEAR: "0.58 % a year of transformers (CIGRE TB 642)",
    BREAKER_PER_YEAR: "0.30 % a year of breakers (CIGRE TB 510)",
}
C = 1.087
H_FLAT, H_WORST = 4.0, 15.0
SIGNIFICANT = 5.0
"""A health that changes by so much is told at once."""
YEAR_D = 365.25
LATEST_NS = 4_102_444_800_000_000_000
"""Dates beyond 2100 are told as none: nothing is known so far ahead."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known of one aspect of an asset: thermal, gas, tap_changer, contacts.

    `health` 0 (worst) to 100; `factors` what lowers it, worst first; `limit_ns` when it reaches its limit, UTC, 0 for
    no such date; `confidence` 0 to 1 with the reason for it; `numbers` whatever else an engineer wants to see.
    """

    asset: str
    aspect: str
    health: float
    base_per_year: float
    confidence: float
    why: str
    factors: Sequence[str] = ()
    advice: str = ""
    limit_ns: int = 0
    numbers: Mapping[str, float | str | None] = field(default_factory=dict)


def worse_by(health: float) -> float:
    """Return by what factor an asset of this health (0 to 100) fails more often than a good one: 1 to about 31."""
    score = H_WORST * (1 - min(max(health, 0.0), 100.0) / 100)
    return _cubic(max(score, H_FLAT)) / _cubic(H_FLAT)


def failing(base_per_year: float, health: float, days: float) -> float:
    """Return the probability of a major failure within `days`."""
    return -math.expm1(-base_per_year * worse_by(health) * days / YEAR_D)


def report(condition: Condition, time_ns: int) -> Report:
    """Return what is told upstream of `condition`; the subject is asset.aspect, such as t1.thermal."""
    health, base = condition.health, condition.base_per_year
    basis = (
        f"{SOURCE[base]} times {worse_by(health):.1f} for a health of {health:.0f}; of a fleet, not of this one alone"
    )
    body: dict[str, Any] = {
        "asset": condition.asset,
        "aspect": condition.aspect,
        "health": round(health, 1),
        "failure_7d": float(f"{failing(base, health, 7):.2g}"),
        "failure_30d": float(f"{failing(base, health, 30):.2g}"),
        "failure_basis": basis,
        "risk_factors": list(condition.factors),
        "advice": condition.advice,
        "limit_date": date(condition.limit_ns),
        "confidence": round(condition.confidence, 2),
        "confidence_basis": condition.why,
        **{key: _plain(value) for key, value in condition.numbers.items()},
    }
    return Report("asset", f"{condition.asset}.{condition.aspect}", time_ns, body)


def date(utc_ns: int) -> str | None:
    """Return a time as an ISO 8601 date and hour in UTC; None for 0, or further ahead than can be meant."""
    if not 0 < utc_ns < LATEST_NS:
        return None
    return f"{datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC):%Y-%m-%dT%H:00Z}"


def falling(value: float, good: float, bad: float) -> float:
    """Return 100 up to `good`, 0 from `bad` on, and on the straight line between."""
    return 100.0 * min(max((bad - value) / (bad - good), 0.0), 1.0)


def _plain(value: float | str | None) -> float | str | None:
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def _cubic(score: float) -> float:
    x = C * score
    return 1 + x + x**2 / 2 + x**3 / 6
