"""A moment as bodies of reports and texts of findings tell it: UTC, ISO 8601 with milliseconds."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(utc_ns: int) -> str | None:
    """Return `utc_ns` as `2026-11-20T10:00:00.000Z`; None where no calendar has it."""
    try:
        instant = EPOCH + timedelta(microseconds=utc_ns // 1000)
    except OverflowError:
        return None
    return instant.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
