"""What an operator reads: the equation that failed, with numbers, the suspect, likely causes and what to do."""

import math

from detectors.physics.equation import Equation
from protocols.point import PointConfig

SAME = 0.03
"""Within 3 % of a ratio that has a name, that name is a cause."""
RATIOS = (
    (-1.0, "wrong sign: CT polarity, or direction in the configuration"),
    (math.sqrt(3), "phase-to-phase and phase-to-earth voltage mixed up (factor √3)"),
    (1 / math.sqrt(3), "phase-to-phase and phase-to-earth voltage mixed up (factor √3)"),
    (1 / 3, "two of three phases missing, or a total taken for a phase"),
    (2 / 3, "one of three phases missing"),
    (3.0, "a phase taken for the total"),
)
COMMON = ("wrong register or byte order", "a value that was replaced on its way (spoofed)")
CAUSES = {
    "voltage": ("VT fuse or VT secondary circuit", "VT ratio in meter or configuration", "swapped phases"),
    "current": ("CT ratio in meter or configuration", "CT secondary circuit or saturation", "swapped phases"),
    "active_power": ("swapped phases or CT polarity", "CT or VT ratio", "scaling in the configuration"),
    "reactive_power": ("swapped phases or CT polarity", "CT or VT ratio", "scaling in the configuration"),
    "apparent_power": ("CT or VT ratio", "scaling in the configuration"),
    "power_factor": ("scaling in the configuration", "another sign convention"),
    "frequency": ("scaling in the configuration", "a meter on another network"),
    "tap": ("position encoder of the tap changer",),
}

BALANCE = (
    "a feeder or generator that is not measured",
    "a value that stands still or is replayed",
    "CT ratio or scaling of one bay",
    "a value that was replaced on its way (spoofed)",
)


def causes(config: PointConfig, actual: float, expected: float) -> tuple[str, ...]:
    """Return the likely causes, most likely first, of reading `actual` where `expected` fits."""
    ratio = actual / expected if expected else math.inf
    named = tuple(dict.fromkeys(text for value, text in RATIOS if abs(ratio / value - 1) < SAME))
    if math.isfinite(ratio) and ratio > 0:
        decade = math.log10(ratio)
        if abs(round(decade)) >= 1 and abs(decade - round(decade)) < SAME / 2:
            named = (f"scaling or unit: a factor of {10.0 ** round(decade):g}",)
    quantity = config.role.quantity if config.role else None
    return (*named, *CAUSES.get(quantity or "", ()), *COMMON)


def numbers(equation: Equation, left: float, right: float, *, tolerance: float, mean: bool) -> str:
    """Return the equation with what both sides are, by how much they are apart and what is normal."""
    one, other, within = (value / equation.worth for value in (left, right, tolerance))
    unit = f" {equation.unit}".rstrip()
    return (
        f"{equation.what}: {one:.5g} against {other:.5g}{unit}, "
        f"{abs(one - other):.3g}{unit} apart {'on average ' if mean else ''}where {within:.3g}{unit} is normal"
    )


def deviation(actual: float, expected: float) -> str:
    """Return by how much a reading is off, in words."""
    return f"{100 * (actual / expected - 1):+.1f} % off" if expected else "should be 0"


def advice(label: str, *, named: bool) -> str:
    """Return what to do next."""
    if named:
        return f"Compare {label} with the instrument on site; until then do not rely on it."
    return f"Compare the points of {label} with the instruments on site, and their scaling with the configuration."
