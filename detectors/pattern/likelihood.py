"""How unlikely each tag's latest reading is, in one number: vectorised over all tags, causal, of a fixed state.

Three things of the residual r to the profile of the hour are watched:

    level       its mean over about two readings
    trend       its mean over about fifty: off for long, even if by little
    unrest      the logarithm of how much it moves, over about twenty readings, less what that is in the long run

Each, y, is set against its own long mean of y^4, apart for above and below. The fourth moment is led by the tail:
where there always were peaks it is wide, so the same score is as rare on a restless tag as on a calm one; with the
square, each would need a limit of its own. The score is the fourth root of the sum:

    score^4 = sum of y^4 / E[y^4]        1 is usual; 2.3 is 3 deviations of a normal distribution

A score is told once: afterwards only a higher one counts, until the mark that it left fades (refractory time).
"""

import numpy as np
from numpy.typing import NDArray

from detectors.kept import Kept, put
from detectors.pattern.profile import HOUR_NS, HOURS, Profile
from protocols.model import Rows, Values

SHORT = 0.6
"""Weight of a reading in the level: two or three in a row say more than one."""
LONG = 1 / 50
"""Weight of a reading in the trend."""
RESTLESS = 1 / 20
"""Weight of a move in the unrest."""
MEMORY = 1 / 4000
"""Weight of a reading in what is usual. In float64: with float32, 110,000 would never move towards 110,005."""
CALM = 1 / 2000
"""Weight of a reading in the usual unrest."""
STILL = 0.1
"""Unrest is told from this part of the usual move on: below it are the digits of a tag that stands still."""
APART = 0.7**0.5
"""Root of how much above and below are judged apart: a tag that peaks upwards each day never dips."""
HUBER = 3.0
"""An hour moves its profile by so many deviations of the residual at most: an anomaly is not learned at once."""
WARM = 50
"""Readings against a known profile before anything is said."""
CLIP = 15.0**4
"""Most that one part may say, to the fourth."""
REST = 50
"""Readings for which the mark of a told score stands."""
FADE = 1 / 150
"""How fast it fades then."""
TINY = 1e-300
"""In place of no variance at all: a tag that never moved has y = 0, too."""

BEFORE, MOVE, USUAL_MOVE, LEVEL, TREND, UNREST, SPREAD, MARK, RESTED, KNOWN, USUAL, SCORE = range(12)
PARTS, TOTAL, SIDES = slice(12, 15), slice(15, 18), slice(18, 21)
CELLS = 21
"""What is kept of a tag: one row each, so that a few tags are taken out and put back in one go."""


class Likelihood(Kept):
    """The scores of `n` tags, float64[21, n] with the rows named above, and their profiles."""

    KEPT = ("_cells",)

    def __init__(self, n: int) -> None:
        self.profile = Profile(n)
        self._cells = np.zeros((CELLS, n))
        self._cells[[BEFORE, USUAL]] = np.nan
        self._mature = False  # found out again after a restart

    @property
    def score(self) -> Values:
        """float64[n]: how unlikely the latest reading was; 0 where the mark of an earlier one stands above it."""
        score: Values = self._cells[SCORE]
        return score

    @property
    def parts(self) -> NDArray[np.float64]:
        """float64[3, n]: what level, trend and unrest say of the latest reading, to the fourth."""
        return self._cells[PARTS]

    @property
    def usual(self) -> Values:
        """float64[n]: what the profile expected of the latest reading; NaN while the hour is new."""
        usual: Values = self._cells[USUAL]
        return usual

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return its array and those of the profile."""
        return {**super().state(), **{f"profile{name}": array for name, array in self.profile.state().items()}}

    def observe(self, at: slice | Rows, values: Values, utc_ns: int, *, learn: bool) -> Values:
        """Take one reading of each of the rows `at`, ascending; `learn` is whether it says what is usual.

        Return how unlikely each is, float64[rows], whatever was told before; 0 while little is known.
        """
        hour = utc_ns // HOUR_NS % HOURS
        moves = values - self._cells[BEFORE, at]
        self._cells[BEFORE, at] = values
        if learn:
            self.profile.learn(at, values, hour, self._most)
        known = self.profile.known(at, hour)
        if np.count_nonzero(known) < len(known):
            at = np.arange(self._cells.shape[1], dtype=np.int32)[at]
            self._cells[SCORE, at[~known]] = 0.0
            at, values, moves = at[known], values[known], moves[known]
        cells = self._cells[:, at]  # a view of all rows, or a copy of some
        with np.errstate(over="ignore"):  # y^4 / TINY, which is clipped
            score = _judge(cells, values, moves, self.profile.expected(at, hour), learn=learn, mature=self._mature)
        put(self._cells.T, at, cells.T)
        self._mature = self._mature or bool((self._cells[KNOWN] >= 1 / MEMORY).all())
        if len(score) == len(known):
            return score
        scores = np.zeros(len(known))
        scores[known] = score
        return scores

    def _most(self, rows: Rows) -> Values:
        """Return by how much an hour may move the profiles of `rows`."""
        cells = self._cells[:, rows]
        return np.where(cells[KNOWN] > WARM, HUBER * np.sqrt(cells[SPREAD]), np.inf)


def _judge(cells: Values, values: Values, moves: Values, usual: Values, *, learn: bool, mature: bool) -> Values:
    """Take a reading of each column of `cells`, in place; return how unlikely each is.

    `mature` is whether all have a history, so that the weights are the same for all.
    """
    if not len(values):
        return np.zeros(0)
    known = cells[KNOWN]
    known += 1.0
    first = None if mature else 1.0 / known
    residual = values - usual
    moves = np.abs(moves)
    if learn:
        _follow(cells[USUAL_MOVE], moves, _weight(MEMORY, first))
    y = _deviations(cells, residual, moves, first, learn=learn)
    y4 = np.square(y)
    y4 *= y4
    sign = np.copysign(APART, y)
    scale = sign * cells[SIDES]
    scale += cells[TOTAL]
    scale += TINY
    level, trend, unrest = np.minimum(np.divide(y4, scale, out=scale), CLIP, out=cells[PARTS])
    score: Values = level + trend
    score += unrest
    np.sqrt(np.sqrt(score, out=score), out=score)
    if first is not None:
        score[known <= WARM] = 0.0
    _tell(cells, score)
    cells[USUAL] = usual
    if learn:
        weight = _weight(MEMORY, first)
        _follow(cells[TOTAL], y4, weight)
        sign *= y4
        _follow(cells[SIDES], sign, weight)
        residual *= residual
        _follow(cells[SPREAD], residual, weight)
    return score


def _deviations(cells: Values, residual: Values, moves: Values, first: Values | None, *, learn: bool) -> Values:
    """Return y of level, trend and unrest, float64[3, n]; `first` is the weight while there is little history."""
    y = np.empty((3, len(residual)))
    y[0] = _follow(cells[LEVEL], residual, _weight(SHORT, first))
    y[1] = _follow(cells[TREND], residual, _weight(LONG, first))
    unrest = _follow(cells[MOVE], moves, _weight(RESTLESS, first)) / (cells[USUAL_MOVE] + TINY)
    unrest += STILL
    unrest = np.log(unrest.astype(np.float32))  # four times as fast, and exact enough for a logarithm
    np.subtract(unrest, cells[UNREST], out=y[2])
    if learn:
        cells[UNREST] += _weight(CALM, first) * y[2]
    if first is not None:
        y[2, first == 1] = 0.0
    return y


def _weight(usual: float, first: Values | None) -> Values | float:
    """Return the `usual` weight, or `first` where there is less history than it asks for."""
    return usual if first is None else np.maximum(usual, first)


def _follow(mean: Values, now: Values, weight: Values | float) -> Values:
    """Move `mean` by `weight` of the way to `now`, in place, and return it."""
    step = now - mean
    step *= weight
    mean += step
    return mean


def _tell(cells: Values, score: Values) -> None:
    """Let a score be told where no mark stands above it, and let the marks fade."""
    mark, rested = cells[MARK], cells[RESTED]
    new = score > mark
    np.multiply(score, new, out=cells[SCORE])
    rested += 1.0
    np.copyto(rested, 0.0, where=new)
    np.multiply(mark, 1 - FADE, out=mark, where=rested >= REST)
    np.maximum(mark, score, out=mark)
