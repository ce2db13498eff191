"""A time as files have it: ISO 8601, or a number of seconds, ms, us or ns since 1970, told apart by its size."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
UNITS = ((1e11, 1_000_000_000), (1e14, 1_000_000), (1e17, 1_000), (float("inf"), 1))
"""A number below the bound counts in units of so many ns: 1e11 s is the year 5138, 1e11 ms is 1973."""
ALLOWED = "ISO 8601 such as 2026-11-20T12:00:00Z, or seconds, ms, us or ns since 1970"


def instant_ns(text: str) -> int | None:
    """Return UTC nanoseconds, or None where `text` is no time; one without a zone is UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return _counted(text)
    if text.isdigit() and len(text) != len("20261120"):
        return _counted(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - EPOCH) // MICROSECOND * 1000


def counted_ns(number: float) -> int | None:
    """Return UTC nanoseconds of a number since 1970, or None where it is none."""
    for bound, unit in UNITS:
        if 0 <= number < bound:
            return int(number) * unit + round((number % 1) * unit)
    return None


def _counted(text: str) -> int | None:
    try:
        number: float = int(text)
    except ValueError:
        try:
            number = float(text)
        except ValueError:
            return None
    return counted_ns(number)
