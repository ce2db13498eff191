"""The system: all equations of a substation as flat arrays, with the sheet on which their sides stand."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from detectors.physics.bays import of_bay
from detectors.physics.buses import of_buses
from detectors.physics.channels import Recipe
from detectors.physics.equation import Equation
from detectors.physics.plan import Missing, Plan
from detectors.physics.sheet import Sheet
from detectors.physics.transformers import of_transformer
from protocols.model import Frame, Rows, Values
from protocols.points import Points


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
    """Equations that are judged together: all of a sheet, or a part of it.

    `rows` int[terms] and `starts` int[equations] are the points of each.
    """

    def __init__(self, equations: Sequence[Equation], sheet: Sheet, span: slice = slice(None)) -> None:
        self.equations = tuple(equations)
        self.sheet, self._span = sheet, span
        self.share, self.low, self.high, self.idle, self.skew_s, self.tightest = (
            np.array([getattr(e, key) for e in equations], np.float64)
            for key in ("share", "low", "high", "idle", "skew_s", "tightest")
        )
        self.rows = np.array([row for e in equations for row in e.rows], np.intp)
        self.of_term = np.repeat(np.arange(len(equations)), [len(e.rows) for e in equations])
        self.starts = np.cumsum([0, *(len(e.rows) for e in equations)])[:-1].astype(np.intp)

    def __len__(self) -> int:
        return len(self.equations)

    def part(self, span: slice) -> "System":
        """Return a system of some of the equations; whoever looks at it looks at the same sheet."""
        return System(self.equations[span], self.sheet, span)

    def sides(self, frame: Frame) -> Values:
        """Return float64[3, equations]: LEFT (NaN where it cannot be judged), RIGHT and the absolute SIZE."""
        return self.sheet.sides(frame)[:, self._span]

    def fits(self) -> Values:
        """Return float64[2, equations]: ALONG and BESIDE of the last frame."""
        return self.sheet.fits()[:, self._span]

    def look(self, values: Values) -> Values:
        """Return float64[..., 5, equations] of any `values` float64[..., n]: LEFT, RIGHT, SIZE, ALONG, BESIDE."""
        return self.sheet.look(values)[..., self._span]

    def holding(self, row: int) -> NDArray[np.intp]:
        """Return the equations that contain the point `row`."""
        return np.flatnonzero(np.bincount(self.of_term[self.rows == row]))


@lru_cache(maxsize=1)
def _shared(points: Points, rows: bytes) -> System:
    equations, _, recipe = compiled(points, np.frombuffer(rows, np.int32))
    return System(equations, Sheet(points, equations, recipe))


def shared(points: Points, rows: Rows) -> System:
    """Return the system of all equations of `rows`: the same one to all who ask one after the other.

    They share what is the same for all of them: the equations, and their numbers with the last frame.
    """
    return _shared(points, rows.astype(np.int32).tobytes())
