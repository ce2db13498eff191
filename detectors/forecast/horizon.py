"""The steps ahead, and the few of them at which errors are measured and weights are learned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AHEAD_H, DAY_H, WEEK_H = 48, 24, 168
KNOTS_H = (6, 12, 24, 36, 48)
"""Beside the first three steps: weights and errors change slowly with the horizon, and are interpolated between."""


@dataclass(frozen=True, slots=True, eq=False)
class Horizon:
    """Lengths and places, in steps.

    `day`, `week`, `ahead` are lengths; `knots` int64[k], the first is 1; `lag` int64[k], how far back from a
    step the same hour of a measured day lies; `spread` float64[ahead, k] takes what is at knots to every step.
    """

    day: int
    week: int
    ahead: int
    knots: NDArray[np.int64]
    lag: NDArray[np.int64]
    spread: NDArray[np.float64]

    @classmethod
    def of(cls, step_s: int) -> "Horizon":
        """Return the horizon of steps of `step_s`, which divides an hour."""
        per_h = 3600 // step_s
        day, ahead = DAY_H * per_h, AHEAD_H * per_h
        knots = np.array([1, 2, 3, *(hours * per_h for hours in KNOTS_H)])
        return cls(day, WEEK_H * per_h, ahead, knots, _lag(knots, day), _spread(knots, ahead, day))

    @property
    def day_ahead(self) -> int:
        """The knot that lies a day ahead."""
        return int(np.flatnonzero(self.knots == self.day)[0])

    def lags(self) -> NDArray[np.int64]:
        """Return int64[ahead]: `lag` of every step."""
        return _lag(np.arange(1, self.ahead + 1), self.day)


def _lag(steps: NDArray[np.int64], day: int) -> NDArray[np.int64]:
    return np.where(steps <= day, day, 2 * day)


def _spread(knots: NDArray[np.int64], ahead: int, day: int) -> NDArray[np.float64]:
    """Linear between knots, but not across the end of the first day, where the day that pulls becomes another."""
    near = knots <= day
    spread = np.zeros((ahead, len(knots)))
    for step in range(1, ahead + 1):
        side = np.flatnonzero(near == (step <= day))
        for k in side:
            spread[step - 1, k] = np.interp(step, knots[side], (side == k).astype(float))
    return spread
