"""Hourly and daily means of points: a week of hours and eight weeks of days, and the trend that both show.

A trend must not be a day's or a week's cycle, so only equal hours and equal weekdays are compared:

- days: each day with the one a week earlier, over three to eight weeks; the last week must still go the same way;
- hours: each hour with the same one a day earlier, over the last week: on `BLOCKS` days at least, which all agree on
  the direction, and none moved more than three times as much as the middle one: a weekend breaks that, or a step.

The slope is the median of these differences (Theil and Sen with pairs of one distance), its interval the order
statistics of the sign test. Neighbours are alike: a seventh of daily differences counts, an eighth of hourly ones.

Each hour, and each day, is a row of its own, in a ring; what is not known is 0 there. So a row takes memory from its
first mean on: 9 MB for 10,000 points after eight weeks, and nothing at first.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Ring = NDArray[np.uint32]
"""Means by hour or day and point: the bits of a float32, changed so that 0 is NaN: pages that nobody wrote are 0."""
HOUR_NS = 3600 * 1_000_000_000
HOURS, DAYS = 168, 56
BLOCKS = 5
FEWEST = 10
"""Days of three weeks that must have one a week earlier."""
Z = 1.96
NAN = np.array(np.nan, np.float32).view(np.uint32)
AT_ONCE = 1024
"""Points whose trends are computed together: a few MB beside the rings, however many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Change a day, its 95 % interval, and how many days it was seen over: float64[n] each, NaN for no trend."""

    slope: Reals
    low: Reals
    high: Reals
    days: Reals


class Means:
    """Means of `n` points, float32: their digits are the reading's, and nothing is added up in them."""

    MODEL = ("_hour", "_sum", "_count", "_hourly", "_daily")

    def __init__(self, n: int) -> None:
        self._hour = np.full((), -1, np.int64)
        self._sum, self._count = np.zeros(n), np.zeros(n)
        self._hourly, self._daily = np.zeros((HOURS, n), np.uint32), np.zeros((DAYS, n), np.uint32)

    def add(self, values: Reals, time_ns: int) -> bool:
        """Add a look at all points; return whether an hour was closed with it."""
        hour = time_ns // HOUR_NS
        passed = hour != self._hour
        if passed and self._hour >= 0:
            self._close(hour)
        self._hour[...] = hour
        known = ~np.isnan(values)
        self._sum += np.where(known, values, 0.0)
        self._count += known
        return bool(passed)

    def peaks(self) -> tuple[Reals, Reals]:
        """Return the least and the largest mean of the last day's hours."""
        day = _last(self._hourly, int(self._hour), 24)
        return np.fmin.reduce(day, axis=0).astype(np.float64), np.fmax.reduce(day, axis=0).astype(np.float64)

    def slopes(self) -> Slopes:
        """Return the trends: of the days where they show one, else of the hours."""
        found = list(self._slopes()) or [Slopes(*np.zeros((4, 0)))]
        return Slopes(*(np.concatenate([getattr(part, key) for part in found]) for key in Slopes.__slots__))

    def _slopes(self) -> Iterator[Slopes]:
        """Yield the trends of so many points at once."""
        for first in range(0, len(self._sum), AT_ONCE):
            at = slice(first, first + AT_ONCE)
            hourly = _last(self._hourly[:, at], int(self._hour)).T.astype(np.float64)
            daily = _last(self._daily[:, at], int(self._hour) // 24).T.astype(np.float64)
            yield _trends(hourly, daily)

    def _close(self, now: int) -> None:
        """End the hour; the hours until `now`, which nobody saw, are unknown."""
        mean = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        for hour in range(max(int(self._hour), now - 24 * DAYS), now):
            _put(self._hourly, hour, mean if hour == self._hour else np.full(len(mean), np.nan))
            if hour % 24 == 23:
                _put(self._daily, hour // 24, _mean(_last(self._hourly, hour + 1, 24)))
        self._sum.fill(0.0)
        self._count.fill(0.0)


def _trends(hourly: Reals, daily: Reals) -> Slopes:
    """Return the trends of `hourly` float64[n, HOURS] and `daily` float64[n, DAYS]."""
    moved = hourly[:, 24:] - hourly[:, :-24]
    days, hours = _of_days(daily), _found(moved, share=1 / 8, days=np.full(len(moved), HOURS / 24), least=72)
    lately = hours.slope * np.sign(days.slope) >= np.abs(days.slope) / 3
    sure = (days.low * days.high > 0) & lately & ~np.isnan(days.days)
    agreed = Slopes(hours.slope, hours.low, hours.high, np.where(_steady(moved), hours.days, np.nan))
    return Slopes(*(np.where(sure, getattr(days, key), getattr(agreed, key)) for key in Slopes.__slots__))


def _of_days(daily: Reals) -> Slopes:
    known = ~np.isnan(daily)
    weeks = np.where(known.any(axis=1), DAYS - known.argmax(axis=1), 0) // 7
    found = _found((daily[:, 7:] - daily[:, :-7]) / 7, share=1 / 7, days=7.0 * weeks, least=FEWEST)
    found.days[weeks < 3] = np.nan
    return found


def _steady(moved: Reals) -> NDArray[np.bool_]:
    """Return where all days of the last week moved the same way, and none far more than the others."""
    blocks = _medians(moved.reshape(len(moved), -1, 24))
    middle, known = _medians(blocks)[:, None], ~np.isnan(blocks)
    agree = (blocks * middle > 0) & (np.abs(blocks) <= 3 * np.abs(middle))
    steady: NDArray[np.bool_] = (agree | ~known).all(axis=1) & (known.sum(axis=1) >= BLOCKS)
    return steady


def _found(moved: Reals, *, share: float, days: Reals, least: int) -> Slopes:
    """Return the median of `moved` [row, pair] and its interval where `least` are known, of which `share` counts."""
    ordered, count = np.sort(moved, axis=1), (~np.isnan(moved)).sum(axis=1)
    reach = Z / (2 * np.sqrt(np.maximum(share * count, 1)))
    middle, low, high = _middle(ordered, count), _at(ordered, count, 0.5 - reach), _at(ordered, count, 0.5 + reach)
    return Slopes(middle, low, high, np.where(count >= least, days, np.nan))


def _medians(values: Reals) -> Reals:
    """Return the medians of the last axis, NaN left out."""
    return _middle(np.sort(values, axis=-1), (~np.isnan(values)).sum(axis=-1))


def _middle(ordered: Reals, count: NDArray[np.int64]) -> Reals:
    half = np.full(count.shape, 0.5)
    found: Reals = (_at(ordered, count, half) + _at(ordered, count, half, up=True)) / 2
    return found


def _at(ordered: Reals, count: NDArray[np.int64], share: Reals, *, up: bool = False) -> Reals:
    """Return the value below which `share` of the last axis lies, the ends beyond; NaN has been sorted to the end."""
    place = np.clip(share, 0, 1) * np.maximum(count - 1, 0)
    whole = (np.ceil(place) if up else np.floor(place)).astype(np.int64)
    found: Reals = np.take_along_axis(ordered, whole[..., None], axis=-1)[..., 0]
    return found


def _mean(hours: NDArray[np.float32]) -> Reals:
    """Return the mean of a day's `hours` float32[24, n] where half of them are known."""
    known = ~np.isnan(hours)
    count = known.sum(axis=0)
    total = np.where(known, hours, np.float32(0)).sum(axis=0, dtype=np.float64)
    return np.where(count >= len(hours) / 2, total / np.maximum(count, 1), np.nan)


def _put(ring: Ring, number: int, means: Reals) -> None:
    """Let `means` be those of the hour or day `number`."""
    ring[number % len(ring)] = np.where(np.isnan(means), np.float32(np.nan), means.astype(np.float32)).view(np.uint32)
    ring[number % len(ring)] ^= NAN


def _last(ring: Ring, end: int, count: int | None = None) -> NDArray[np.float32]:
    """Return float32[count, n]: the means of the last hours or days before `end`, the oldest first; all of the ring."""
    count = len(ring) if count is None else count
    means: NDArray[np.float32] = (ring[np.arange(end - count, end) % len(ring)] ^ NAN).view(np.float32)
    return means
