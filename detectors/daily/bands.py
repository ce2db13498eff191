"""How many intervals of a day voltage and frequency of each bay lay outside of their bands, and how far they went."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept
from detectors.supply.bands import EN_50160, FREQUENCY, Band, voltage_bands
from detectors.supply.nominal import low_voltage
from detectors.supply.ratios import Closed, Ratios
from protocols.model import Values
from protocols.points import Points

VOLTAGE = ("en50160_10_percent", "en50160_always", "ansi_a", "ansi_b")
"""The bands of EN 50160 for 95 % of a week and for always, and the ranges of ANSI C84.1."""
HERTZ = ("1_percent", "always")


class Bands(Kept):
    """Counts of a day; an interval of a bay is outside when one of its voltages, or its frequency, is."""

    KEPT = ("_voltage", "_voltages", "_lowest", "_highest", "_frequency", "_frequencies", "_slowest", "_fastest")

    def __init__(self, points: Points, bays: tuple[str, ...], ratios: Ratios) -> None:
        self._bays = len(bays)
        place = {bay: index for index, bay in enumerate(bays)}
        found = [place.get(getattr(points.configs[row].role, "bay", None) or "", -1) for row in ratios.voltage]
        self._bay_of, self._in_bay = np.array(found, np.intp), np.array(found, np.intp) >= 0
        self._bay_of = self._bay_of[self._in_bay]
        self._nearest = _nearest(points, bays, ratios.frequency.tolist())
        pairs = [
            (*EN_50160, *voltage_bands("ansi_c84_1", low=low_voltage(points, int(row), float(nominal))))
            for row, nominal in zip(ratios.voltage, ratios.nominal, strict=True)
        ]
        self._low, self._high = _edges(pairs, len(VOLTAGE))
        self._slow, self._fast = _edges([FREQUENCY] * len(ratios.frequency), len(HERTZ))
        self._hertz = ratios.hertz
        count = len(bays)
        self._voltage, self._voltages = np.zeros((len(VOLTAGE), count), np.int64), np.zeros(count, np.int64)
        self._frequency, self._frequencies = np.zeros((len(HERTZ), count), np.int64), np.zeros(count, np.int64)
        self._lowest, self._highest = np.full(count, np.inf), np.full(count, -np.inf)
        self._slowest, self._fastest = np.full(count, np.inf), np.full(count, -np.inf)

    def count(self, closed: Closed) -> None:
        """Take in the intervals that have ended."""
        if closed.voltage is not None:
            ratio, bay_of = closed.voltage[self._in_bay], self._bay_of
            outside = (closed.voltage < self._low) | (closed.voltage > self._high)
            self._voltage += _any(bay_of, outside[:, self._in_bay], self._bays)
            self._voltages += _any(bay_of, np.isfinite(ratio)[np.newaxis], self._bays)[0]
            np.fmin.at(self._lowest, bay_of, ratio)
            np.fmax.at(self._highest, bay_of, ratio)
        if closed.frequency is not None:
            ratio, hertz = closed.frequency, (closed.frequency * self._hertz)[self._nearest]
            self._frequency += ((ratio < self._slow) | (ratio > self._fast))[:, self._nearest]
            self._frequencies += np.isfinite(hertz)
            np.fmin(self._slowest, hertz, out=self._slowest)
            np.fmax(self._fastest, hertz, out=self._fastest)

    def reset(self) -> None:
        """Begin a day."""
        for counts in (self._voltage, self._voltages, self._frequency, self._frequencies):
            counts.fill(0)
        for least, most in ((self._lowest, self._highest), (self._slowest, self._fastest)):
            least.fill(np.inf)
            most.fill(-np.inf)

    def told(self, bay: int) -> dict[str, object]:
        """Return what is told of a bay."""
        volts = {"intervals": int(self._voltages[bay])}
        volts |= {name: int(self._voltage[k, bay]) for k, name in enumerate(VOLTAGE)}
        hertz = {"intervals": int(self._frequencies[bay])}
        hertz |= {name: int(self._frequency[k, bay]) for k, name in enumerate(HERTZ)}
        return {
            "voltage": {
                **volts,
                "lowest_percent": _number(100 * self._lowest[bay]),
                "highest_percent": _number(100 * self._highest[bay]),
            },
            "frequency": {**hertz, "lowest": _number(self._slowest[bay]), "highest": _number(self._fastest[bay])},
        }


def _edges(bands: Sequence[Sequence[Band]], kinds: int) -> tuple[Values, Values]:
    low, high = (
        np.array([[getattr(band, edge) for band in each] for each in bands], np.float64).reshape(len(bands), kinds).T
        for edge in ("low", "high")
    )
    return low, high


def _any(bay_of: NDArray[np.intp], flags: NDArray[np.bool_], bays: int) -> NDArray[np.bool_]:
    """Return bool[kinds, bays]: whether a flag of bool[kinds, rows] is set in one of the rows of each bay."""
    return np.stack([np.bincount(bay_of, each, bays) > 0 for each in flags])


def _nearest(points: Points, bays: tuple[str, ...], rows: list[int]) -> NDArray[np.intp]:
    """Return int[bays]: which of `rows` tells the frequency of each bay: its own, one of its bus, or any."""
    roles = [(config.role.bay, config.role.bus) for config in points.configs if config.role is not None]
    bus_of = {bay: bus for bay, bus in reversed(roles) if bay is not None and bus is not None}
    numbered = [(k, points.configs[row].role) for k, row in reversed([*enumerate(rows)])]
    own, beside = ({getattr(role, place): k for k, role in numbered} for place in ("bay", "bus"))
    return np.array([own.get(bay, beside.get(bus_of.get(bay, ""), 0)) for bay in bays], np.intp)


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
