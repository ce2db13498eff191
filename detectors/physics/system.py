"""The system: all equations of a substation as flat arrays, and how far each is from holding."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.physics.bays import of_bay
from detectors.physics.buses import of_buses
from detectors.physics.channels import Channels, Recipe
from detectors.physics.equation import Equation
from detectors.physics.plan import Missing, Plan
from detectors.physics.transformers import of_transformer
from protocols.model import Rows, Values
from protocols.points import Points

Mask = NDArray[np.bool_]


LEFT, RIGHT, SIZE, ALONG, BESIDE = range(5)
"""What `look` returns of each equation, in this order."""


def compiled(points: Points, rows: Rows) -> tuple[list[Equation], list[Missing], Recipe]:
    """Return every equation that the roles of `rows` make possible, what is missing for others, and their channels."""
    plan = Plan(points, rows)
    made = [each for place in plan.places for each in of_bay(plan, place)]
    sides = {(place.transformer, place.side): place for place in plan.places if place.transformer}
    for name in dict.fromkeys(place.transformer for place in plan.places if place.transformer):
        if (name, "hv") in sides and (name, "lv") in sides:
            made += of_transformer(plan, sides[name, "hv"], sides[name, "lv"])
        else:
            made.append(Missing("losses and ratio", name, "needs measurements of both sides (side: hv, lv)"))
    made += of_buses(plan)
    equations = [each for each in made if isinstance(each, Equation)]
    return equations, [each for each in made if isinstance(each, Missing)], plan.recipe


class System:
    """`equations` with their channels. `rows` int[terms] and `starts` int[equations] are the points of each."""

    def __init__(self, points: Points, equations: Sequence[Equation], recipe: Recipe) -> None:
        self.equations = tuple(equations)
        self.channels = Channels(recipe)
        at = self.channels.at
        picked = [[at(e.left), at(e.right), at(e.size), at(e.along), at(e.beside)] for e in equations]
        self._picked = np.array(picked, np.intp).reshape(-1, 5).T.copy()
        self.share, self.low, self.high, self.idle, self.skew_s, self.tightest = (
            np.array([getattr(e, key) for e in equations], np.float64)
            for key in ("share", "low", "high", "idle", "skew_s", "tightest")
        )
        self.rows = np.array([row for e in equations for row in e.rows], np.intp)
        self.of_term = np.repeat(np.arange(len(equations)), [len(e.rows) for e in equations])
        self.starts = np.cumsum([0, *(len(e.rows) for e in equations)])[:-1].astype(np.intp)
        switches = [(k, row, True) for k, e in enumerate(equations) for row in e.closed]
        switches += [(k, row, False) for k, e in enumerate(equations) for row in e.open]
        self._switched, self._switch = (np.array([s[i] for s in switches], np.intp) for i in (0, 1))
        self._state = np.array([_state(points, row, closed=closed) for _, row, closed in switches], np.float64)
        alike = [(k, at(a), at(b), share) for k, e in enumerate(equations) for a, b, share in e.alike]
        self._alike = np.array([pair[:3] for pair in alike], np.intp).reshape(-1, 3).T
        self._least = np.array([pair[3] for pair in alike], np.float64)

    def __len__(self) -> int:
        return len(self.equations)

    def look(self, values: Values) -> Values:
        """Return float64[..., 5, equations] of the points' `values` float64[..., n]: LEFT, RIGHT, SIZE, ALONG, BESIDE.

        LEFT is NaN where an equation cannot be judged.
        """
        channels = self.channels.of(values)
        found: Values = channels.take(self._picked, axis=-1)
        if len(self._least):
            which, a, b = self._alike
            one, other = channels.take(a, axis=-1), channels.take(b, axis=-1)
            apart = one < self._least * other
            apart |= other < self._least * one
            if apart.any():
                _void(found, which, apart)
        if len(self._switch):
            wrong = values.take(self._switch, axis=-1) != self._state
            if wrong.any():
                _void(found, self._switched, wrong)
        return found

    def holding(self, row: int) -> NDArray[np.intp]:
        """Return the equations that contain the point `row`."""
        return np.unique(self.of_term[self.rows == row])


def _void(found: Values, which: NDArray[np.intp], void: Mask) -> None:
    """Make NaN those equations of which one of the conditions `void` is not met."""
    case = np.nonzero(void)
    found[..., LEFT, :][(*case[:-1], which[case[-1]])] = np.nan


def _state(points: Points, row: int, *, closed: bool) -> float:
    """Return the value of a breaker that is closed or open; a double-point position is 2 or 1, a bit 1 or 0."""
    return float(closed) + (1.0 if points.configs[row].kind == "dbpos" else 0.0)
