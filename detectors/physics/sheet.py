"""The sheet: both sides of every equation at one moment, worked out once, whoever looks at it."""

from collections.abc import Sequence

import numpy as np

from detectors.physics.channels import Channels, Recipe
from detectors.physics.conditions import Conditions
from detectors.physics.equation import Equation
from protocols.model import Frame, Values
from protocols.points import Points

LEFT, RIGHT, SIZE, ALONG, BESIDE = range(5)
"""What `look` returns of each equation, in this order."""


class Sheet:
    """`equations` with their channels. What `sides` and `fits` return is written over with the next frame."""

    def __init__(self, points: Points, equations: Sequence[Equation], recipe: Recipe) -> None:
        self.channels = Channels(recipe)
        self._conditions = Conditions(points, equations, self.channels)
        at = self.channels.at
        picked = [[at(e.left), at(e.right), at(e.size), at(e.along), at(e.beside)] for e in equations]
        self._picked = np.array(picked, np.intp).reshape(-1, 5).T.copy()
        self._sides, self._fits = np.empty((3, len(equations))), np.empty((2, len(equations)))
        self._filled = self.channels.blank()
        self._frame: Frame | None = None
        self._fitted = False

    def sides(self, frame: Frame) -> Values:
        """Return float64[3, equations]: LEFT (NaN where it cannot be judged), RIGHT and the absolute SIZE."""
        if frame is not self._frame:
            self._frame, self._fitted = frame, False
            self.channels.fill(self._filled, frame.values)
            self._filled.take(self._picked[: SIZE + 1], out=self._sides, mode="clip")
            self._sides[LEFT, self._conditions.void(self._filled, frame.values)] = np.nan
            np.abs(self._sides[SIZE], out=self._sides[SIZE])
        return self._sides

    def fits(self) -> Values:
        """Return float64[2, equations]: ALONG and BESIDE of the last frame."""
        if not self._fitted:
            self._filled.take(self._picked[ALONG:], out=self._fits, mode="clip")
            self._fitted = True
        return self._fits

    def look(self, values: Values) -> Values:
        """Return float64[..., 5, equations] of any `values` float64[..., n] of the points.

        LEFT is NaN where an equation cannot be judged.
        """
        channels = self.channels.of(values)
        found: Values = channels.take(self._picked, axis=-1)
        cases = (-1, len(values.T))
        self._conditions.strike(
            found.reshape(-1, *found.shape[-2:])[:, LEFT],
            channels.reshape(-1, channels.shape[-1]),
            values.reshape(cases),
        )
        return found
