"""What gases dissolved in the oil of a transformer tell: Duval's triangle 1 and the ratios of IEC 60599.

All functions take ppm (microlitres a litre), arrays of one shape, NaN where a gas is not measured, and return a fault
for each entry, 0 for none. Borders belong to the more serious side.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.float64]
Faults: TypeAlias = NDArray[np.int8]

GASES = ("hydrogen", "methane", "ethane", "ethylene", "acetylene", "carbon_monoxide", "carbon_dioxide")
NONE, PD, D1, D2, T1, T2, T3, DT = range(8)
WORDS = ("-", "PD", "D1", "D2", "T1", "T2", "T3", "DT")
MEANING = (
    "no recognised fault", "partial discharges", "discharges of low energy", "discharges of high energy",
    "thermal fault below 300 °C", "thermal fault of 300 to 700 °C", "thermal fault above 700 °C",
    "thermal fault and discharges",
)  # fmt: skip
"""The faults of IEC 60599 table 1, and DT of the triangle."""

SERIOUS = (D1, D2, T3, DT)
"""Faults that can end in a breakdown within days."""

TYPICAL = np.array([150.0, 130.0, 90.0, 280.0, 20.0, 600.0, 14_000.0])
"""ppm of each of `GASES` that 90 % of power transformers stay below: the upper ends of IEC 60599:2015 table A.2, of
transformers whose oil is apart from that of the tap changer."""
TYPICAL_PER_YEAR = np.array([132.0, 120.0, 90.0, 146.0, 4.0, 1060.0, 10_000.0])
"""ppm a year, likewise of table A.3."""
SHARED_ACETYLENE, SHARED_ACETYLENE_PER_YEAR = 280.0, 37.0
"""The same of acetylene where the tap changer's oil communicates with the main tank."""


def fault_of(both: Faults) -> Faults:
    """Return the fault of [zone of the triangle, row of the ratios]: the ratios', and where they fit none, the zone."""
    found: Faults = np.where(both[1] != NONE, both[1], both[0])
    return found


def typical(*, shared_oil: bool) -> tuple[Reals, Reals]:
    """Return what is typical of each of `GASES`: ppm, and ppm a year."""
    acetylene = np.array(GASES) == "acetylene"
    return (
        np.where(acetylene & shared_oil, SHARED_ACETYLENE, TYPICAL),
        np.where(acetylene & shared_oil, SHARED_ACETYLENE_PER_YEAR, TYPICAL_PER_YEAR),
    )


def triangle(methane: Reals, ethylene: Reals, acetylene: Reals) -> Faults:
    """Return the zone of Duval's triangle 1 (IEC 60599 annex B.3); 0 where all three are 0 or one is not known."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        total = methane + ethylene + acetylene
        ch4, c2h4, c2h2 = (100 * gas / total for gas in (methane, ethylene, acetylene))
    zones = [
        (ch4 >= 98, PD),
        ((c2h2 < 4) & (c2h4 < 20), T1),
        ((c2h2 < 4) & (c2h4 < 50), T2),
        ((c2h2 < 15) & (c2h4 >= 50), T3),
        ((c2h2 >= 13) & (c2h4 < 23), D1),
        ((c2h2 >= 13) & (c2h4 < 40), D2),
        ((c2h2 >= 29) & (c2h4 >= 40), D2),
    ]
    known = np.isfinite(total) & (total > 0)
    chosen = np.select([where for where, _ in zones], [zone for _, zone in zones], DT)
    return np.where(known, chosen, NONE).astype(np.int8)


def ratios(hydrogen: Reals, methane: Reals, ethane: Reals, ethylene: Reals, acetylene: Reals) -> Faults:
    """Return the fault by the basic gas ratios of IEC 60599 table 1; 0 where they fit none or a gas is not known."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        r2, r1, r5 = acetylene / ethylene, methane / hydrogen, ethylene / ethane
        known = np.isfinite(hydrogen + methane + ethane + ethylene + acetylene)
    cases = [
        ((r2 >= 0.6) & (r2 <= 2.5) & (r1 >= 0.1) & (r1 <= 1) & (r5 > 2), D2),
        ((r2 > 1) & (r1 >= 0.1) & (r1 <= 0.5) & (r5 > 1), D1),
        ((r1 < 0.1) & ~(r5 >= 0.2), PD),
        ((r2 < 0.2) & (r1 > 1) & (r5 > 4), T3),
        ((r2 < 0.1) & (r1 > 1) & (r5 >= 1) & (r5 <= 4), T2),
        ((r1 > 1) & (r5 < 1), T1),
    ]
    chosen = np.select([where for where, _ in cases], [fault for _, fault in cases], NONE)
    return np.where(known, chosen, NONE).astype(np.int8)
