"""Uneven: places whose three voltages are less alike than while their equations were learned."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from detectors.physics.equation import Equation
from detectors.physics.plan import LL, LN
from protocols.model import Values
from protocols.point import PointConfig
from protocols.points import Points

UNEVEN = 0.02
"""Voltages of one place are within 2 % of each other nearly all the time (EN 50160 clause 4.2.4)."""
Place: TypeAlias = tuple[object, ...]


class Uneven:
    """The voltages of the places of `equations`, where both phase and line voltages are measured."""

    def __init__(self, points: Points, equations: Sequence[Equation]) -> None:
        self._size = len(equations)
        self._which, self._rows = _volts(points, equations)

    def of(self, values: Values) -> NDArray[np.bool_]:
        """Return bool[equations]: at whose place both phase and line voltages differ by more than they may.

        `values` is float64[n]. A voltage that is measured wrong makes only one of both uneven.
        """
        found = np.zeros(self._size, bool)
        volts = np.abs(values[self._rows])
        with np.errstate(invalid="ignore"):
            apart = np.ptp(volts, axis=2) > UNEVEN * volts.max(axis=2)
        found[self._which] = apart.all(axis=1)
        return found


def _volts(points: Points, equations: Sequence[Equation]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which equations have several phase voltages, and the voltages of their places: int[those, 2, 3]."""
    places: dict[Place, dict[str, int]] = {}
    at = [_voltage(config) for config in points.configs]
    for row, place in enumerate(at):
        if place is not None:
            places.setdefault(place[0], {})[place[1]] = row
    which, rows = [], []
    for k, equation in enumerate(equations):
        known = [place for row in equation.rows if (place := at[row]) is not None and len(place[1]) == 1]
        of = places[known[0][0]] if len({phase for _, phase in known}) > 1 else {}
        if len({place for place, _ in known}) == 1 and of.keys() >= {*LN, *LL}:
            which.append(k)
            rows.append([[of[phase] for phase in LN], [of[phase] for phase in LL]])
    return np.array(which, np.intp), np.array(rows, np.intp).reshape(-1, 2, 3)


def _voltage(config: PointConfig) -> tuple[Place, str] | None:
    """Return place and phase of a voltage; None of anything else."""
    role = config.role
    if role is None or role.quantity != "voltage" or role.phase is None:
        return None
    return (role.bay, role.bus, role.transformer, role.side), role.phase
