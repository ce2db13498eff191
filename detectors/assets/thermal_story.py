"""What an operator reads of a transformer's temperatures: findings, its state, and the outlook."""

import math
from dataclasses import dataclass

from detectors.assets.health import TRANSFORMER_PER_YEAR, Condition
from detectors.assets.iec60076 import Reals
from detectors.assets.inventory import Transformer, measuring
from detectors.assets.temperatures import HOUR_NS
from detectors.detector import Outlook
from detectors.model import Finding, Severity
from protocols.points import Points

KINDS = ("thermal", "hot_spot", "thermal_overload", "ageing")
CAUSES = {
    "thermal": (
        "fans or pumps stand still", "radiators blocked or their valves closed", "oil level low",
        "the oil's thermometer reads too high", "rating or cooling class are configured wrong",
    ),
    "hot_spot": ("overload", "cooling failure", "hot weather"),
    "thermal_overload": ("more load than this ambient allows", "a parallel transformer is out of service"),
    "ageing": ("overload over days", "hot weather", "cooling failure"),
}  # fmt: skip
ADVICE = {
    "thermal": "Check fans, pumps, radiator valves and oil level; take load off if the oil goes on warming.",
    "hot_spot": "Take load off or start all cooling now; above 140 °C gas bubbles may form in the winding.",
    "thermal_overload": "Take load off, or start more cooling, before the time given.",
    "ageing": "Plan to move load to another transformer; each such day uses up more than a day of the insulation.",
}
CENTURY_H = 100 * 8766.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One transformer now: loads per unit, temperatures in degC, errors in K, `minutes_left` to the limit."""

    name: str
    load: float
    warmest_load: float
    ambient: float
    ambient_measured: bool
    oil: float
    expected: float
    bias: float
    learned: bool
    hot_spot: float
    hot_spot_limit: float
    margin: float
    day_rate: float
    life_lost_h: float
    life_left_h: float
    minutes_left: float
    known: bool


def finding(kind: str, now: Snapshot, severity: Severity, *, active: bool) -> Finding:
    """Return the finding of `kind`; device, rows, time and score are the caller's."""
    actual, expected, text = _STORY[kind](now, active)
    return Finding(
        detector="thermal",
        kind=kind,
        device="",
        subject=now.name,
        severity=severity.next if kind == "hot_spot" else severity,
        time_ns=0,
        active=active,
        expected=expected,
        actual=actual,
        text=f"{now.name}: {text}",
        causes=CAUSES[kind],
        advice=ADVICE[kind] if active else "",
        evidence=_evidence(now),
    )


def condition(now: Snapshot, healths: Reals, utc_ns: int) -> Condition:
    """Return the state of the transformer; `healths` are those of cooling, hot spot and insulation."""
    told = (
        f"top oil {now.oil - now.expected:.1f} K warmer than load and ambient explain",
        f"hot spot {now.hot_spot:.0f} °C, limit {now.hot_spot_limit:.0f} °C",
        f"{100 - healths[2]:.0f} % of the insulation's life is used",
    )
    advice = (ADVICE["thermal"], ADVICE["hot_spot"], "Have the oil analysed for furans, and plan the replacement.")
    worst = sorted((float(health), k) for k, health in enumerate(healths) if health < 90)
    left_h = now.life_left_h / now.day_rate if now.day_rate > 0 else math.inf
    confidence, why = _confidence(now)
    return Condition(
        asset=now.name,
        aspect="thermal",
        health=min((float(health) for health in healths if not math.isnan(health)), default=100.0),
        base_per_year=TRANSFORMER_PER_YEAR,
        confidence=confidence,
        why=why,
        factors=[told[k] for _, k in worst],
        advice=advice[worst[0][1]] if worst else "",
        limit_ns=utc_ns + int(left_h * HOUR_NS) if left_h < CENTURY_H else 0,
        numbers={**_evidence(now), "limit": "end of the insulation's life at the ageing of a mean day"},
    )


def outlook(points: Points, transformer: Transformer, *, followed: bool) -> Outlook:
    """Tell whether `transformer` is followed, and what is missing for it or for the comparison with its oil."""
    if not followed:
        text = "no load with a rating: give the role of a current or of the apparent power a `rating`"
        return Outlook("thermal", transformer.name, possible=False, text=text)
    oil, ambient = (bool(measuring(points, transformer.rows, q)) for q in ("oil_temperature", "ambient_temperature"))
    missing = [word for word, there in (("oil_temperature", oil), ("ambient_temperature", ambient)) if not there]
    text = f"no cooling failure without {' and '.join(missing)}" if missing else "top oil, hot spot, ageing, cooling"
    return Outlook("thermal", transformer.name, possible=True, text=text)


def _evidence(now: Snapshot) -> dict[str, float | str | None]:
    return {
        "load_pu": now.load,
        "warmest_phase_pu": now.warmest_load,
        "ambient_c": now.ambient,
        "oil_c": None if math.isnan(now.oil) else now.oil,
        "oil_expected_c": now.expected,
        "model_error_k": now.bias,
        "hot_spot_c": now.hot_spot,
        "minutes_to_hot_spot_limit": None if math.isinf(now.minutes_left) else now.minutes_left,
        "ageing_rate_day": now.day_rate,
        "life_lost_h": now.life_lost_h,
    }


def _confidence(now: Snapshot) -> tuple[float, str]:
    if not now.known:
        return 0.2, "load or ambient are unknown: the model goes on with the last ones"
    if math.isnan(now.oil):
        return (0.5, "no oil temperature to compare with") if now.ambient_measured else (0.3, "ambient not measured")
    if not now.learned:
        return 0.6, "compared with the measured oil for less than a day"
    return (0.9, "agrees with the measured oil") if abs(now.bias) < 5 else (0.6, f"model off by {now.bias:+.1f} K")


def _thermal(now: Snapshot, active: bool) -> tuple[float, float, str]:  # noqa: FBT001 - one table of stories
    why = f"load {now.load:.2f} of rating and ambient {now.ambient:.1f} °C explain {now.expected:.1f} °C"
    beyond = f"{now.oil - now.expected:.1f} K too warm" if active else f"within {now.margin:.0f} K again"
    return now.oil, now.expected, f"top oil {now.oil:.1f} °C, {why}: {beyond}"


def _hot_spot(now: Snapshot, active: bool) -> tuple[float, float, str]:  # noqa: FBT001
    relation = "above" if active else "back below"
    at = f"at load {now.warmest_load:.2f} of rating"
    return (
        now.hot_spot,
        now.hot_spot_limit,
        (f"hot spot {now.hot_spot:.1f} °C {at}, {relation} {now.hot_spot_limit:.0f} °C"),
    )


def _overload(now: Snapshot, active: bool) -> tuple[float, float, str]:  # noqa: FBT001
    load = f"load {now.warmest_load:.2f} of rating at {now.ambient:.1f} °C"
    if not active:
        return now.warmest_load, 1.0, f"{load} keeps the hot spot below {now.hot_spot_limit:.0f} °C"
    when = f"in {now.minutes_left:.0f} min" if now.minutes_left < math.inf else "within days"
    return (
        now.warmest_load,
        1.0,
        (f"{load}: the hot spot, now {now.hot_spot:.1f} °C, reaches {now.hot_spot_limit:.0f} °C {when}"),
    )


def _ageing(now: Snapshot, active: bool) -> tuple[float, float, str]:  # noqa: FBT001
    still = "" if active else ", within its limit again"
    return (
        now.day_rate,
        1.0,
        f"insulation ages {now.day_rate:.2f} days a day (hot spot {now.hot_spot:.0f} °C now){still}",
    )


_STORY = {"thermal": _thermal, "hot_spot": _hot_spot, "thermal_overload": _overload, "ageing": _ageing}
