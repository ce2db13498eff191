"""What an operator reads of the gases in a transformer's oil."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.assets.gases import DT, GASES, MEANING, NONE, PD, SERIOUS, T1, T2, T3, WORDS, Reals
from detectors.assets.health import TRANSFORMER_PER_YEAR, Condition
from detectors.assets.samples import DAY_NS
from detectors.detector import Outlook
from detectors.model import Finding, Severity

KINDS = ("dissolved_gas", "gassing")
YEAR_D = 365.25
NAMES = tuple(gas.replace("_", " ") for gas in GASES)
CAUSES = {
    NONE: ("overheating of oil or paper", "contamination, or gas from the tap changer"),
    PD: ("gas bubbles or voids in the insulation", "moisture in the paper", "bad impregnation"),
    T1: ("overload", "blocked cooling ducts", "stray gassing of new oil"),
    T2: ("bad contact at a bolted joint or tap selector", "circulating currents between core and clamps"),
    T3: ("circulating currents in tank and core", "short circuit between laminations", "burning joint"),
    DT: ("discharges with a hot spot", "arcing of a loose joint"),
}
ARCING = ("sparking between bad connections or floating parts", "arcing or flashover", "gas from the tap changer")
ADVICE = {
    "calm": "Take another sample within a month to see whether it rises.",
    "hot": "Take another sample within two weeks; lower the load, and look for hot joints.",
    "serious": "Take another sample today; plan to take the transformer out of service and to test it.",
    "gassing": "The fault is active: take samples weekly, and keep the load low until it is found.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """One analysis: [gas] in ppm, what triangle and ratios say; rises in ppm a year; which of `KINDS` are active."""

    gases: Reals
    zone: int
    ratio: int
    typical: Reals
    rate: Reals
    typical_rate: Reals
    active: tuple[bool, ...]

    @property
    def fault(self) -> int:
        """The fault that they tell together."""
        return self.ratio or self.zone


def finding(kind: int, name: str, found: Analysis, order: Sequence[int]) -> Finding:
    """Return the finding of a transformer; `order` are its gases, the worst first. The rest is the caller's."""
    active, worst = found.active[kind], order[0]
    actual, expected = (found.gases, found.typical) if kind == 0 else (found.rate, found.typical_rate)
    return Finding(
        detector="dissolved_gas",
        kind=KINDS[kind],
        device="",
        subject=name,
        severity=Severity.WARNING,
        time_ns=0,
        expected=_number(expected[worst]),
        actual=_number(actual[worst]),
        text=f"{name}: {_levels(found, order, active) if kind == 0 else _rises(found, order, active)}",
        causes=_causes(found.fault) if active else (),
        advice=_advice(found) if active else "",
        evidence=_evidence(found),
    )


def condition(name: str, found: Analysis, health: float, utc_ns: int) -> Condition:
    """Return the state of the transformer as its gases tell it."""
    order = np.argsort(-np.fmax(found.gases / found.typical, 0.0), kind="stable").tolist()
    factors = [_levels(found, order, active=True)] if found.active[0] else []
    factors += [_rises(found, order, active=True)] if found.active[1] else []
    days, gas = _until(found)
    agree = found.zone == found.ratio
    return Condition(
        asset=name,
        aspect="gas",
        health=health,
        base_per_year=TRANSFORMER_PER_YEAR,
        confidence=0.8 if agree else 0.5,
        why="triangle and ratios agree" if agree else "triangle and ratios differ, or a gas is not measured",
        factors=factors,
        advice=_advice(found) if any(found.active) else "",
        limit_ns=utc_ns + int(days * DAY_NS) if days < 100 * YEAR_D else 0,
        numbers={**_evidence(found), "limit": f"{gas} at its typical value" if gas else None},
    )


def outlook(name: str, gases: Sequence[str]) -> Outlook:
    """Tell what the gases of a transformer can tell."""
    missing = [gas for gas in GASES[:5] if gas not in gases]
    if not gases:
        return Outlook("dissolved_gas", name, possible=False, text="no point with the role of a gas, such as hydrogen")
    text = f"levels and rises; no kind of fault without {', '.join(missing)}" if missing else "levels, rises, faults"
    return Outlook("dissolved_gas", name, possible=True, text=text)


def _levels(found: Analysis, order: Sequence[int], active: bool) -> str:  # noqa: FBT001 - began or ended
    if not active:
        return f"{_ppm(found, order[0])}: gases are typical again"
    over = [k for k in order if found.gases[k] > found.typical[k]] or order[:1]
    return f"{', '.join(_ppm(found, k) for k in over[:3])}; {MEANING[found.fault]}{_why(found)}"


def _rises(found: Analysis, order: Sequence[int], active: bool) -> str:  # noqa: FBT001
    worst = order[0]
    rise = f"{NAMES[worst]} rises {found.rate[worst]:.0f} ppm a year, typical are {found.typical_rate[worst]:.0f}"
    return rise if active else f"{rise}: typical again"


def _ppm(found: Analysis, gas: int) -> str:
    return f"{NAMES[gas]} {found.gases[gas]:.4g} ppm (typical up to {found.typical[gas]:.4g})"


def _why(found: Analysis) -> str:
    """Return how triangle and ratios come to the fault, with numbers."""
    h2, ch4, c2h6, c2h4, c2h2 = (float(gas) for gas in found.gases[:5])
    total = ch4 + c2h4 + c2h2
    if not total > 0:
        return ""
    shares = f"CH4 {100 * ch4 / total:.0f} %, C2H4 {100 * c2h4 / total:.0f} %, C2H2 {100 * c2h2 / total:.0f} %"
    pairs = (("C2H2/C2H4", c2h2, c2h4), ("CH4/H2", ch4, h2), ("C2H4/C2H6", c2h4, c2h6))
    told = ", ".join(f"{word} {above / below:.2g}" for word, above, below in pairs if below > 0)
    return f" (triangle {WORDS[found.zone]}: {shares}; ratios {WORDS[found.ratio]}: {told})"


def _causes(fault: int) -> tuple[str, ...]:
    return CAUSES.get(fault, ARCING)


def _advice(found: Analysis) -> str:
    if found.active[0] and found.fault in SERIOUS:
        return ADVICE["serious"]
    if found.active[1]:
        return ADVICE["gassing"]
    return ADVICE["hot" if found.fault == T2 else "calm"]


def _until(found: Analysis) -> tuple[float, str]:
    """Return in how many days the first gas reaches its typical value at its rise, and which; infinity for none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        days = YEAR_D * (found.typical - found.gases) / found.rate
    days = np.where((found.rate > 0) & (days > 0), days, np.inf)
    soonest = int(np.argmin(days))
    return float(days[soonest]), NAMES[soonest] if np.isfinite(days[soonest]) else ""


def _evidence(found: Analysis) -> dict[str, float | str | None]:
    levels = {f"{gas}_ppm": _number(value) for gas, value in zip(GASES, found.gases, strict=True)}
    rises = {f"{gas}_ppm_a_year": _number(value) for gas, value in zip(GASES, found.rate, strict=True)}
    known = {key: value for key, value in {**levels, **rises}.items() if value is not None}
    return {"fault": WORDS[found.fault], "triangle": WORDS[found.zone], "ratios": WORDS[found.ratio], **known}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
