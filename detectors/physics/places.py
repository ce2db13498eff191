"""Places: where in the substation points are measured together, made out from their roles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from detectors.physics.units import factor, known
from protocols.model import Rows
from protocols.point import PointConfig, Role
from protocols.points import Points

DEFAULT_CLASS = 0.5
"""Class of CT, VT and meter in percent where the role states none: metering cores of IEC 61869-2 and -3."""
MEASURED = ("voltage", "current", "active_power", "reactive_power", "apparent_power", "power_factor", "frequency")
STATES = ("breaker", "tap")
TIES = ("coupler", "section", "tie")
"""A breaker whose point or bay is called so joins buses."""

Key = tuple[str, str]
"""Quantity and phase; the phase is `ab`, `bc`, `ca`, `a`, `b`, `c`, `n`, `total`, or `ll` of a single voltage."""


@dataclass(slots=True)
class Place:
    """A bay, or one side of a transformer: `tags` are its rows by quantity and phase."""

    bay: str
    side: str = ""
    transformer: str = ""
    bus: str = ""
    device: str = ""
    tags: dict[Key, int] = field(default_factory=dict)
    doubles: set[Key] = field(default_factory=set)
    unknown: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.bay} {self.side}".strip()

    @property
    def carries(self) -> bool:
        """Whether something flows through it: it has a current, a power, or a breaker that joins no buses."""
        measured = {quantity for quantity, _ in self.tags}
        return bool(measured & {"current", "active_power", "apparent_power"}) or measured == {"breaker"}


def places(points: Points, rows: Rows) -> list[Place]:
    """Return the places that `rows` are measured in, in the order of the points."""
    found: dict[tuple[str, str], Place] = {}
    for row in rows.tolist():
        role = points.configs[row].role
        if role is not None and role.quantity in (*MEASURED, *STATES, "energy"):
            _add(found, points, row, role)
    made = list(found.values())
    for place in made:
        for key in place.doubles:
            place.tags.pop(key, None)
    return made


def _add(found: dict[tuple[str, str], Place], points: Points, row: int, role: Role) -> None:
    bay, side = role.bay or role.transformer or points.device(row), _side(role)
    place = found.setdefault((bay, side), Place(bay, side))
    place.device = place.device or points.device(row)
    place.bus = place.bus or role.bus or ""
    place.transformer = place.transformer or role.transformer or ""
    assert role.quantity is not None
    if role.quantity not in STATES and factor(role.quantity, points.configs[row].unit) is None:
        place.unknown.append(row)
        return
    key = (role.quantity, _phase(role))
    if key in place.tags:
        place.doubles.add(key)
    place.tags.setdefault(key, row)


def _side(role: Role) -> str:
    """Return the side of a transformer; what stands on a bus without saying so is on the low side."""
    if role.transformer is None:
        return ""
    return role.side or ("lv" if role.bus else "hv" if role.quantity not in STATES else "lv")


def _phase(role: Role) -> str:
    if role.quantity == "voltage":
        return "ll" if role.phase in (None, "total") else str(role.phase)
    return str(role.phase) if role.phase is not None else "total"


def share(config: PointConfig) -> float:
    """Return the class of a point as a share of its value."""
    accuracy = config.role.accuracy_class if config.role else None
    return (DEFAULT_CLASS if accuracy is None else accuracy) / 100


def toward(config: PointConfig, place: Place) -> float:
    """Return +1 where positive power flows into the bus, or through the transformer to its low side; else -1.

    Without a direction, a transformer feeds (its high side draws from its own bus), and everything else draws.
    """
    direction = config.role.direction if config.role else None
    if direction is None:
        return 1.0 if place.transformer else -1.0
    into = 1.0 if direction == "in" else -1.0
    return -into if place.side == "hv" else into


def complaints(points: Points, found: Sequence[Place]) -> Iterator[tuple[str, str]]:
    """Yield place and reason of every point with a role that no equation can take."""
    for place in found:
        for row in place.unknown:
            config = points.configs[row]
            assert config.role is not None and config.role.quantity is not None  # noqa: PT018 - they come together
            units = known(config.role.quantity)
            yield place.name, f"{points.label(row)} is in '{config.unit}': understood are {units}"
        for quantity, phase in sorted(place.doubles):
            yield place.name, f"two points claim {quantity} {phase}: give them a bay or a side of their own"
