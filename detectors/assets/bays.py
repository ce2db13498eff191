"""Breakers: what is known of one, which points they are, and which currents they interrupt."""

from collections.abc import Sequence

from protocols.point import Role
from protocols.points import Points
from protocols.settings import Field, settings


@settings
class Breaker:
    """What is known of one breaker."""

    point: str = Field(min_length=3, max_length=129)
    """Its position, as DEVICE.POINT."""
    breaking_ka: float | None = Field(default=None, gt=0)
    """Rated short-circuit breaking current, kA; the detector's when left out."""
    breaking_operations: float | None = Field(default=None, gt=0)
    """Openings at that current that the contacts bear; the detector's when left out."""
    operations: int = Field(default=0, ge=0)
    """Openings before the gateway began to count."""
    worn: float = Field(default=0.0, ge=0, le=1)
    """Share of the contacts that was worn before."""


def breakers(points: Points, rows: Sequence[int]) -> list[int]:
    """Return those of `rows` that are positions of breakers."""
    return [row for row in rows if _role(points, row).quantity == "breaker"]


def _role(points: Points, row: int) -> Role:
    return points.configs[row].role or Role()


def currents(points: Points, rows: Sequence[int]) -> dict[int, list[int]]:
    """Return the phase currents of each breaker's bay, of its side where it is one of a transformer."""
    bays: dict[str, list[int]] = {}
    for row in range(len(points)):
        role = _role(points, row)
        if role.bay is not None and role.quantity == "current" and role.phase in ("a", "b", "c", "total", None):
            bays.setdefault(role.bay, []).append(row)
    return {row: _of_side(points, bays.get(_role(points, row).bay or "", []), _role(points, row).side) for row in rows}


def _of_side(points: Points, currents: list[int], side: str | None) -> list[int]:
    own = [row for row in currents if side is None or _role(points, row).side in (None, side)]
    return own or currents
