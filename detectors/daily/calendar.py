"""Days as a place counts them, with its time zone and its summer time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Day:
    """A local day: from `start_ns` to before `end_ns`, UTC; 23 or 25 hours where the clock changes."""

    date: date
    start_ns: int
    end_ns: int


def zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name; UTC needs no data of the system.

    Raises:
        ZoneInfoNotFoundError, ValueError: there is none of that name.
    """
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - only where another one is named

    return ZoneInfo(name)


def day_at(utc_ns: int, place: tzinfo) -> Day:
    """Return the local day of a moment."""
    found = (EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(place).date()
    return Day(found, _midnight_ns(found, place), _midnight_ns(found + timedelta(days=1), place))


def _midnight_ns(day: date, place: tzinfo) -> int:
    return int(datetime.combine(day, time(), place).timestamp()) * NS
