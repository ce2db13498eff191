"""The bands that a supply has to keep to."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Standard: TypeAlias = Literal["en50160", "ansi_c84_1"]


@dataclass(frozen=True, slots=True)
class Band:
    """Between `low` and `high`, 1 is nominal: all but `share` of the intervals of a week."""

    name: str
    low: float
    high: float
    share: float


Pair: TypeAlias = tuple[Band, Band]
"""The band for most of the time, and the one for always."""

EN_50160: Pair = (Band("EN 50160, 95 % of a week", 0.90, 1.10, 0.05), Band("EN 50160, always", 0.85, 1.10, 0.0))
"""EN 50160 clause 4.2.2."""
ANSI_LOW: Pair = (Band("ANSI C84.1 range A", 0.95, 1.05, 0.05), Band("ANSI C84.1 range B", 110 / 120, 127 / 120, 0.0))
"""Service voltage up to 600 V. The standard gives range A no share but "infrequent": 5 % are taken for that."""
ANSI_MEDIUM: Pair = (Band("ANSI C84.1 range A", 0.975, 1.05, 0.05), Band("ANSI C84.1 range B", 0.95, 127 / 120, 0.0))
"""Service voltage above 600 V."""
FREQUENCY: Pair = (Band("EN 50160, 99.5 %", 0.99, 1.01, 0.005), Band("EN 50160, always", 0.94, 1.04, 0.0))
"""EN 50160 clause 4.2.1, interconnected systems."""


def voltage_bands(standard: Standard, *, low: bool) -> Pair:
    """Return the bands of a voltage, `low` for low voltage."""
    if standard == "en50160":
        return EN_50160
    return ANSI_LOW if low else ANSI_MEDIUM
