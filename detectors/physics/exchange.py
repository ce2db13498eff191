"""Exchange: two points that show each other's value, as a mistake in a list of points makes it.

Neither of them alone explains what fails: set right, the one would break the balances that the other broke back. With
both the other way round everything must hold, and nothing was fitted for it.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.physics.judge import Judge
from detectors.physics.suspect import CLEAR, SPREADS, Measure
from protocols.model import Values
from protocols.points import Points

MOST_PAIRS = 64
"""Where so much fails that there are more to try, it is no exchange of two."""

HOPELESS = 1e12
"""No pair that costs so much explains anything; numbers beyond it cannot be told apart."""


def exchanged(judge: Judge, points: Points, values: Values, equation: int) -> tuple[int, int] | None:
    """Return the two points, one of `equation`, with which exchanged all of their equations hold; None if not clear."""
    fails = judge.known & (judge.score > 1)
    pairs = _pairs(judge, points, equation, np.flatnonzero(fails & (np.arange(len(fails)) != equation)))
    if not 0 < len(pairs) <= MOST_PAIRS:
        return None
    with np.errstate(all="ignore"):  # what is off by all of float64 has no suspect
        cases = np.tile(values, (len(pairs), 1))
        for case, (one, other) in zip(cases, pairs, strict=True):
            case[[one, other]] = values[[other, one]]
        apart = np.abs(Measure(judge, values).of(cases))
        cost = np.minimum((apart**2).sum(axis=1), HOPELESS)
    first, *others = np.argsort(cost, kind="stable").tolist()
    clear = not others or bool(cost[others[0]] - cost[first] >= CLEAR)
    return pairs[first] if clear and _holds(judge, fails, apart[first], pairs[first]) else None


def _pairs(judge: Judge, points: Points, equation: int, others: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return pairs of alike points: one of `equation`, one that is in another equation that fails, but not in it."""
    own = judge.system.equations[equation].rows
    rows = dict.fromkeys(row for k in others.tolist() for row in judge.system.equations[k].rows if row not in own)
    return [(one, other) for one in own for other in rows if _kind(points, one) == _kind(points, other)]


def _kind(points: Points, row: int) -> tuple[str | None, str]:
    config = points.configs[row]
    return (None if config.role is None else config.role.quantity), config.unit


def _holds(judge: Judge, fails: NDArray[np.bool_], apart: Values, pair: tuple[int, int]) -> bool:
    """Whether all equations of both hold then, and at least one of each that fails now."""
    one, other = (judge.system.holding(row) for row in pair)
    both = np.union1d(one, other)
    return bool(fails[one].any() and fails[other].any() and (apart[both] < SPREADS).all())
