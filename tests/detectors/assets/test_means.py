"""Means of hours and days: what they show, and what they take."""

import tracemalloc

import numpy as np

from detectors.assets.means import DAYS, HOUR_NS, HOURS, Means

MB = 1 << 20


def shown(means, value_of, hours):
    """Show one value an hour, of the hours since 1970; the last one is open."""
    for hour in hours:
        means.add(np.full(len(means._sum), float(value_of(hour))), hour * HOUR_NS)
    return means


def test_days_stay_where_they_are_over_a_long_silence():
    """A drift under a week that repeats is exact, and as long as it is, also when nothing was heard for twelve days."""
    week = [0.5, 0.125, 0.375, 0.25, 0.75, 0.25, 0.875]
    days = [*range(700, 728), *range(740, 756)]
    hours = [24 * day + hour for day in days for hour in range(24)] + [24 * 756]
    means = shown(Means(1), lambda hour: week[hour // 24 % 7] + 0.5 * (hour // 24), hours)

    found = means.slopes()
    assert [found.slope[0], found.low[0], found.high[0], found.days[0]] == [0.5, 0.5, 0.5, 56]


def test_what_nobody_saw_for_months_is_forgotten():
    """Neither hours nor days of before are taken for some of now."""
    means = shown(Means(1), float, range(24 * DAYS))
    shown(means, float, [24 * 1000])

    assert np.isnan(means.slopes().slope).all()
    assert np.isnan(means.peaks()).all()


def test_memory_of_a_trend_is_that_of_some_points():
    """Of ten times as many points it takes no more at once, beside what it returns."""

    def peak(n):
        means = shown(Means(n), float, range(HOURS + 1))
        tracemalloc.start()
        means.slopes()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(20_480) - peak(2048) < 4 * MB
