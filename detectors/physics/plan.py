"""The plan: what all compilers of equations share - the points, their places, the recipe of channels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.physics.channels import Recipe, Ref
from detectors.physics.equation import Equation
from detectors.physics.places import MEASURED, Place, places, share
from detectors.physics.units import factor
from protocols.model import Rows
from protocols.points import Points

OWN_SKEW_S = 0.2
"""One device is read within a fraction of a second, however seldom; several devices at any moment of their scans."""
TIGHTEST = 0.2
"""Learning makes a tolerance at most five times tighter: a quiet stretch is no proof of a better instrument."""
LN, LL, PHASES = ("a", "b", "c"), ("ab", "bc", "ca"), ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Missing:
    """A check that the roles do not allow, and what it lacks."""

    check: str
    subject: str
    text: str


Made = Equation | Missing


class Plan:
    """Points and places, with the channels that several equations need."""

    def __init__(self, points: Points, rows: Rows) -> None:
        self.points = points
        self.places = places(points, rows)
        self.recipe = Recipe([_factor(points, row) for row in range(len(points))])

    def raw(self, place: Place, quantity: str, phase: str) -> Ref:
        """Return the channel of a tag that is known to be there."""
        return self.recipe.raw(place.tags[quantity, phase])

    def has(self, place: Place, quantity: str, phases: Iterable[str]) -> bool:
        """Return whether the place has this quantity in all `phases`."""
        return all((quantity, phase) in place.tags for phase in phases)

    def mean(self, place: Place, quantity: str, phases: tuple[str, ...], weight: float = 1.0) -> Ref:
        """Return the mean over `phases`, times `weight`."""
        return self.recipe.sum([(self.raw(place, quantity, phase), weight / len(phases)) for phase in phases])

    def rows(self, place: Place, quantity: str, phases: Iterable[str]) -> tuple[int, ...]:
        """Return the rows of a quantity in `phases`."""
        return tuple(place.tags[quantity, phase] for phase in phases)

    def voltage(self, place: Place) -> tuple[Ref, tuple[int, ...]] | None:
        """Return the voltage between phases of a place, and its rows; of its bus where it has none of its own."""
        for each in (place, *self._at_bus(place)):
            for phases, weight in ((LN, 3**0.5), (LL, 1.0), (("ll",), 1.0), (("a",), 3**0.5), (("ab",), 1.0)):
                if self.has(each, "voltage", phases):
                    return self.mean(each, "voltage", phases, weight), self.rows(each, "voltage", phases)
        return None

    def current(self, place: Place) -> tuple[Ref, tuple[int, ...]] | None:
        """Return the mean current of a place, and its rows."""
        for phases in (PHASES, ("total",), ("a",)):
            if self.has(place, "current", phases):
                return self.mean(place, "current", phases), self.rows(place, "current", phases)
        return None

    def power(self, place: Place, quantity: str) -> tuple[Ref, tuple[int, ...]] | None:
        """Return the total of a power of a place, and its rows."""
        for phases in (("total",), PHASES):
            if self.has(place, quantity, phases):
                return self.mean(place, quantity, phases, len(phases)), self.rows(place, quantity, phases)
        return None

    def apparent(self, place: Place) -> tuple[Ref, tuple[int, ...]] | None:
        """Return sqrt(P^2 + Q^2), or S where P and Q are not both there."""
        active, reactive = self.power(place, "active_power"), self.power(place, "reactive_power")
        if active and reactive:
            return self.recipe.vector(active[0], reactive[0], 0.0), active[1] + reactive[1]
        return self.power(place, "apparent_power")

    def share(self, *groups: tuple[int, ...]) -> float:
        """Return the sum over `groups` of the worst class in each, as a share."""
        return sum(max(share(self.points.configs[row]) for row in rows) for rows in groups)

    def _skew_s(self, rows: tuple[int, ...]) -> float:
        """Return by how much the moments may differ at which `rows` are read."""
        slowest = float(np.max(self.points.every_s[list(rows)]))
        return slowest if len(set(self.points.device_of[list(rows)].tolist())) > 1 else min(slowest, OWN_SKEW_S)

    def equation(self, rows: tuple[int, ...], share: float, *, tightest: float = TIGHTEST, **keys: Any) -> Equation:
        """Return an equation of `rows`: `keys` are what its points do not tell, its unit is that of the first.

        Learning may lead to `tightest` times its share; 0 forbids learning.
        """
        unit = self.points.configs[rows[0]].unit
        return Equation(
            rows=rows,
            share=share,
            unit=unit,
            worth=self.recipe.factor(rows[0]),
            skew_s=self._skew_s(rows),
            tightest=tightest * share,
            **keys,
        )

    def on_bus(self, bus: str) -> list[Place]:
        """Return the places that stand on a bus."""
        return [place for place in self.places if place.bus == bus]

    def buses(self) -> Iterator[str]:
        """Yield every bus once."""
        yield from dict.fromkeys(place.bus for place in self.places if place.bus)

    def _at_bus(self, place: Place) -> list[Place]:
        """Return the other places on the bus, those first that measure the bus itself."""
        others = [each for each in self.on_bus(place.bus) if each is not place] if place.bus else []
        return sorted(others, key=lambda each: each.carries)


def _factor(points: Points, row: int) -> float | None:
    role = points.configs[row].role
    return factor(role.quantity, points.configs[row].unit) if role and role.quantity in (*MEASURED, "energy") else None
