"""The suspect: which one point, were it another value, would let all equations hold that contain it.

Leave one out: each point of a failing equation is set free in turn, and the value is sought (Gauss-Newton, from where
it stands and from its negative) that brings every equation with it nearest to zero, in units of what is normal there.
The suspect is the point whose freedom explains most. A point that stands in many equations which hold is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.physics.judge import Judge
from protocols.model import Values

SPREADS = 4.0
"""Spreads in a tolerance, about: what makes failures of different equations comparable."""
STEPS = 3
NUDGE = 1e-4
LOST = 10.0
"""What it costs, in spreads, when an equation that is judged now could not be judged any more."""
CLEAR = 4.0
"""Two spreads: so much better than any other must the first be. Nearer than that, nobody is named."""
ENOUGH = 0.6
"""Share of the failure that a single point must explain."""
STILL = 9.0
"""Credit, three spreads, for a reading that repeats the one before to the last digit, while others move."""
JUMPED = 9.0
"""Credit for a reading that has just moved away from the value that would fit, by a quarter at most beside it."""
BESIDE = 0.25
SIGN = 9.0
"""Credit for a value that is as wrong as a wrong sign makes it: that is common, and hardly chance."""
ALONE = 9.0
"""What it costs when nothing but balances would notice the change: such a point can explain anything."""
NOTICED = 3.0
"""Spreads by which an equation must move to notice."""
SAME = 0.05


@dataclass(frozen=True, slots=True)
class Suspect:
    """A point and the value, in its unit, with which everything would hold; `share` of the failure it explains."""

    row: int
    expected: float
    share: float


def find(judge: Judge, values: Values, equation: int, still: NDArray[np.bool_], held: Values) -> Suspect | None:
    """Return the one point that explains why `equation` fails with `values` float64[n]; None if none is clear.

    `still` bool[n] are those that repeat themselves, `held` float64[n] the values with which all held last.
    """
    with np.errstate(all="ignore"):  # what is off by all of float64 has no suspect
        found = _found(judge, values, equation, still, held)
    return found if found is not None and np.isfinite(found.expected) else None


def _found(judge: Judge, values: Values, equation: int, still: NDArray[np.bool_], held: Values) -> Suspect | None:
    system = judge.system
    rows = _candidates(judge, values, equation, still)
    if not rows:
        return None
    contains = np.array([np.isin(np.arange(len(system)), system.holding(row)) for row in rows])
    measure = Measure(judge, values)
    before = measure.of(values) ** 2
    solved, after = _solved(measure, values, rows, contains)
    gains = (contains * before).sum(axis=1) - after
    signed: NDArray[np.bool_] = np.abs(solved + values[rows]) < SAME * np.abs(values[rows])
    wrong = values[rows] - solved
    jumped: NDArray[np.bool_] = np.abs(values[rows] - held[rows] - wrong) < BESIDE * np.abs(wrong)
    credit = gains + STILL * still[rows] + SIGN * signed + JUMPED * jumped
    sure: NDArray[np.bool_] = np.ones(len(rows), bool)
    if system.equations[equation].family == "balance":
        sure &= signed | _noticed(measure, values, rows, solved) | still[list(rows)]
        credit -= ALONE * ~sure
    order = np.argsort(-credit, kind="stable")
    best = int(order[0])
    share = float(gains[best] / max((contains[best] * before).sum(), 1e-12))
    clear = bool(sure[best]) and (len(order) == 1 or credit[best] - credit[order[1]] >= CLEAR)
    return Suspect(rows[best], float(solved[best]), share) if clear and share >= ENOUGH else None


def _candidates(judge: Judge, values: Values, equation: int, still: NDArray[np.bool_]) -> list[int]:
    """Return the points that may be at fault.

    Where active and reactive power of a bus are both out of balance, no single point is, but a bay; it can only be
    told from the others where it stands still.
    """
    system = judge.system
    rows = [row for row in system.equations[equation].rows if np.isfinite(values[row])]
    if system.equations[equation].family != "balance":
        return rows
    place = system.equations[equation].place
    both = [k for k, each in enumerate(system.equations) if each.family == "balance" and each.place == place]
    return [row for row in rows if still[row]] if (judge.score[both] > 1).all() and len(both) > 1 else rows


def _noticed(measure: "Measure", values: Values, rows: Sequence[int], solved: Values) -> NDArray[np.bool_]:
    """Return bool[rows]: whether an equation other than a balance would notice the solved value."""
    cases = np.tile(values, (len(rows), 1))
    cases[np.arange(len(rows)), rows] = solved
    moved = np.abs(measure.of(cases) - measure.of(values)) > NOTICED
    noticed: NDArray[np.bool_] = np.any(moved[:, [each.family != "balance" for each in measure.equations]], axis=1)
    return noticed


class Measure:
    """How far each equation is from holding, in spreads, for any values of the points."""

    def __init__(self, judge: Judge, values: Values) -> None:
        self._judge, self.equations = judge, judge.system.equations
        self._known = judge.known
        self._spread = judge.limit / SPREADS
        holding = judge.known & ~judge.learning.sharp & (np.abs(judge.offset) <= judge.still)
        self._usual = np.where(holding, self._apart(values), 0.0)

    def of(self, values: Values) -> Values:
        """Return float64[..., equations]; an equation that could not be judged before counts nothing."""
        apart = (self._apart(values) - self._usual) / self._spread
        return np.where(self._known, np.where(np.isfinite(apart), apart, LOST), 0.0)

    def _apart(self, values: Values) -> Values:
        return self._judge.apart(self._judge.system.look(values), self._judge.usual)


def _solved(
    measure: Measure, values: Values, rows: Sequence[int], contains: NDArray[np.bool_]
) -> tuple[Values, Values]:
    """Return the best value of each of `rows`, and what is left of the failure of its equations with it."""
    count, at = len(rows), np.arange(2 * len(rows))
    columns, mask = np.tile(rows, 2), np.tile(contains, (2, 1))
    cases = np.tile(values, (2 * count, 1))
    cases[at[count:], columns[count:]] *= -1
    best, least = values[columns].copy(), np.full(2 * count, np.inf)
    for _ in range(STEPS):
        there = cases[at, columns]
        apart = measure.of(cases) * mask
        cost = (apart**2).sum(axis=1)
        better = cost < least
        best, least = np.where(better, there, best), np.where(better, cost, least)
        step = np.where(there == 0, 1e-3, NUDGE * np.abs(there))
        cases[at, columns] = there + step
        slope = (measure.of(cases) * mask - apart) / step[:, None]
        weight = (slope**2).sum(axis=1)
        down = np.divide((slope * apart).sum(axis=1), weight, out=np.zeros(2 * count), where=weight > 0)
        cases[at, columns] = there - np.nan_to_num(down, posinf=0.0, neginf=0.0)
    turned = least[count:] < least[:count] - 1  # by more than a spread, or the sign does not matter
    pick = turned * count + np.arange(count)
    return best[pick], least[pick]
