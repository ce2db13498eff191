"""Nominal voltage and frequency of points: as `role.rating` says, or as other points of the same bay or bus do."""

from collections.abc import Iterator

import numpy as np

from protocols.model import Rows, Values
from protocols.point import PointConfig, Role
from protocols.points import Points

LINE_TO_LINE = ("ab", "bc", "ca")
LINE_TO_NEUTRAL = ("a", "b", "c")
FREQUENCIES_HZ = (50.0, 60.0, 400 / 24)
"""Public grids, and railways with 16.7 Hz."""
VOLTS = {"V": 1.0, "kV": 1000.0, "mV": 0.001, "MV": 1e6}


def voltages(points: Points, rows: Rows) -> tuple[Rows, Values]:
    """Return those of `rows` that are voltages with a nominal value, and that, in each point's unit."""
    told, known = _told(points), dict[int, float]()
    for row in rows.tolist():
        role = _role(points.configs[row], "voltage")
        if role is not None:
            beside = (told[key] * _line(role) for key in _keys(role, points.configs[row].unit) if key in told)
            nominal = role.rating or next(beside, None)
            known |= {} if nominal is None else {row: nominal}
    return np.fromiter(known, np.int32), np.fromiter(known.values(), np.float64)


def without(points: Points, rows: Rows) -> Iterator[int]:
    """Yield those of `rows` that are voltages of which nobody says the nominal value."""
    known = set(voltages(points, rows)[0].tolist())
    yield from (int(row) for row in rows if _role(points.configs[row], "voltage") and int(row) not in known)


def frequencies(points: Points, rows: Rows) -> tuple[Rows, Values]:
    """Return those of `rows` that are frequencies, and their nominal values: NaN where only the value will tell."""
    roles = {int(row): role for row in rows if (role := _role(points.configs[row], "frequency"))}
    nominal = (np.nan if role.rating is None else role.rating for role in roles.values())
    return np.fromiter(roles, np.int32), np.fromiter(nominal, np.float64)


def low_voltage(points: Points, row: int, nominal: float) -> bool:
    """Whether it is one of up to 1 kV between lines; True, too, where the unit does not tell."""
    role = points.configs[row].role
    line = 3**0.5 if role is not None and role.phase in LINE_TO_NEUTRAL else 1.0
    return nominal * line * VOLTS.get(points.configs[row].unit, 0.0) <= 1000.0


def _role(config: PointConfig, quantity: str) -> Role | None:
    """A neutral's voltage has no nominal value, and a status measures nothing."""
    role = config.role
    found = role is not None and role.quantity == quantity and role.phase != "n" and not config.status
    return role if found else None


def _told(points: Points) -> dict[tuple[str, ...], float]:
    """Return the ratings of voltages between line and neutral, by place, side and unit; the first of each counts."""
    told: dict[tuple[str, ...], float] = {}
    for config in points.configs:
        role = _role(config, "voltage")
        if role is not None and role.rating is not None:
            for key in _keys(role, config.unit):
                told.setdefault(key, role.rating / _line(role))
    return told


def _keys(role: Role, unit: str) -> list[tuple[str, ...]]:
    """Return the places that share a rating with it, the nearest first."""
    places = (("bay", role.bay), ("bus", role.bus))
    return [(place, name, role.side or "", unit) for place, name in places if name is not None]


def _line(role: Role) -> float:
    """How large the voltage is beside that between line and neutral; without a phase it is one between lines."""
    return 1.0 if role.phase in LINE_TO_NEUTRAL else 3**0.5
