"""Rates: what an operator is told an hour, against EEMUA 191, over a day."""

import pytest

from gateway.core.rates import ACTORS_MAX, Rates, benchmark

S, H = 10**9, 3600 * 10**9
START = 480_000 * H


@pytest.fixture
def rates():
    return Rates()


@pytest.mark.parametrize(
    ("per_hour", "word"),
    [(0, "acceptable"), (6, "acceptable"), (6.1, "manageable"), (12, "manageable"), (12.1, "over-demanding"),
     (60, "over-demanding"), (60.1, "unacceptable")],
)  # fmt: skip
def test_benchmark(per_hour, word):
    """One in ten minutes, one in five, one a minute."""
    assert benchmark(per_hour) == word


def test_a_day(rates):
    """Eight an hour for a day are manageable; the hour, the mean and the worst ten minutes are counted."""
    for hour in range(24):
        for n in range(8):
            rates.raised(f"a{n}", START + hour * H + n)
            rates.told(START + hour * H + n)
    told = rates.overview(START + 24 * H - 1)

    assert told["mean_per_hour"] == 8
    assert (told["benchmark"], told["most_in_10_min"], told["last_hour"]) == ("manageable", 8, 8)
    assert rates.overview(START + 25 * H)["last_hour"] == 0
    assert rates.overview(START + 50 * H)["mean_per_hour"] == 0


def test_the_first_hour_is_an_hour(rates):
    """Ten alarms in the first minute are ten an hour, not six hundred."""
    for n in range(10):
        rates.told(START + n * S)

    assert rates.overview(START + 60 * S)["mean_per_hour"] == 10


def test_the_share_of_floods(rates):
    """Six hours of a day are a quarter."""
    rates.told(START)
    for minute in range(360):
        rates.flooded(60 * S, START + minute * 60 * S)

    assert rates.overview(START + 24 * H - 1)["flood_percent"] == 25


def test_the_worst_actors(rates):
    """Those that come often stay, however many others come once; their number is bounded."""
    for n in range(10 * ACTORS_MAX):
        rates.raised(f"once{n}", START)
        rates.raised("often", START)
    [(name, count), *others] = rates.actors(10**6)

    assert (name, count, len(others) + 1) == ("often", 10 * ACTORS_MAX, ACTORS_MAX)


def test_what_came_long_ago_counts_less(rates):
    """With each day half."""
    for n in range(8):
        rates.raised("a", START + n)
    rates.raised("b", START + 49 * H)
    assert rates.actors(2) in ([("a", 4), ("b", 1)], [("a", 2), ("b", 1)])


def test_a_clock_that_is_set(rates):
    """A year forward or back loses nothing."""
    for at, by in ((0, 0), (365 * 24 + 1, 365 * 24), (2, -365 * 24)):
        rates.step(by * H)
        rates.told(START + at * H)

    assert rates.overview(START + 3 * H)["mean_per_hour"] == 1
