"""A time that somebody wrote: ISO 8601, and UTC where it names no zone."""

from datetime import UTC, datetime


def seconds(text: str) -> float:
    """Return seconds since 1970, UTC.

    Raises:
        ValueError: it is no time like 2026-11-20T12:00:00Z.
    """
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except OverflowError as error:
        raise ValueError(str(error)) from error
