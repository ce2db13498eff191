"""History as rows: all chosen points at one moment, from a recording that is read once and never kept whole."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.recording.source import Told, seen
from protocols.model import Batch, Event, EventKind, Rows, Times, span, usable
from protocols.points import Points

ROWS_MOST = 20_000
"""Rows that a training needs; of a longer recording every second, fourth, … is kept. 64 points of them take 10 MB."""
ROWS_LEAST = 500
"""Fewer say nothing about a threshold: a fifth of them calibrates it."""
POINTS_LEAST, POINTS_MOST = 4, 64
"""Below, a bottleneck is none; above, take groups: what belongs together physically is smaller."""


class TooLittle(Exception):
    """The operator gave a recording, or points, from which nothing can be learned; says what is needed."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """`values` float64[m, n] finite, `times_ns` int64[m] ascending; `stride`: one of so many moments was kept."""

    values: NDArray[np.float64]
    times_ns: Times
    stride: int


def chosen(points: Points, patterns: Sequence[str]) -> Rows:
    """Return the rows of the measured values that match; what only switches is no measured value.

    Raises:
        TooLittle: they are too few, or too many for one model.
    """
    rows = [row for row in points.matching(patterns).tolist() if not points.configs[row].status]
    if not POINTS_LEAST <= len(rows) <= POINTS_MOST:
        raise TooLittle(
            f"{len(rows)} measured points match {' '.join(patterns)}; a model takes {POINTS_LEAST} to {POINTS_MOST}:"
            " choose them with --points 'feeder1.*'"
        )
    return np.array(rows, np.int32)


def gathered(
    told: Iterable[Told], points: Points, rows: Rows, *, without: Callable[[int], bool] = lambda _: False
) -> History:
    """Return the moments at which every one of `rows` was known, save those that are to be left out.

    Raises:
        TooLittle: they are too few.
    """
    kept = _Kept(len(rows))
    image = np.full(len(points), np.nan)
    fresh = False
    for each in seen(told):
        if isinstance(each, Batch):
            image[span(each.rows)] = np.where(usable(each.quality) & np.isfinite(each.values), each.values, np.nan)
            fresh = True
        elif isinstance(each, Event):
            if each.kind is EventKind.LOST and each.device in points.rows_of:
                lost = points.rows_of[each.device]
                image[lost.start : lost.stop] = np.nan
        elif fresh and not without(each.time_ns):
            kept.take(image[rows], each.time_ns)
            fresh = False
    if kept.count < ROWS_LEAST:
        raise TooLittle(f"{kept.count} moments with all {len(rows)} points known; {ROWS_LEAST} are needed")
    return History(kept.values[: kept.count].copy(), kept.times_ns[: kept.count].copy(), kept.stride)


class _Kept:
    """At most `ROWS_MOST` rows, evenly from all that were offered."""

    def __init__(self, width: int) -> None:
        self.values, self.times_ns = np.empty((ROWS_MOST, width)), np.empty(ROWS_MOST, np.int64)
        self.count, self.stride = 0, 1
        self._offered = 0

    def take(self, row: NDArray[np.float64], time_ns: int) -> None:
        """Offer a row; one with a hole is none."""
        if np.isnan(row).any():
            return
        self._offered += 1
        if (self._offered - 1) % self.stride:
            return
        if self.count == ROWS_MOST:
            self._halve()
            if (self._offered - 1) % self.stride:
                return
        self.values[self.count], self.times_ns[self.count] = row, time_ns
        self.count += 1

    def _halve(self) -> None:
        half = ROWS_MOST // 2
        self.values[:half], self.times_ns[:half] = self.values[::2].copy(), self.times_ns[::2].copy()
        self.count, self.stride = half, self.stride * 2
