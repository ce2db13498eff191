"""Times on the command line."""

import argparse

from gateway.recording.instants import ALLOWED, instant_ns


def moment(text: str) -> int:
    """Return UTC nanoseconds; for `type=` of argparse."""
    found = instant_ns(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not {ALLOWED}")
    return found


def stretch(text: str) -> tuple[int, int]:
    """Return begin and end of FROM/TO, as ISO 8601 writes an interval."""
    begin, found, end = text.partition("/")
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is not FROM/TO")
    return moment(begin), moment(end)
