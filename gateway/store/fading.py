"""Two windows of a device become one, pure: what was counted stays counted, only the time between them is forgotten."""

import numpy as np

from gateway.core.messages import Summary

COUNT_MAX = (1 << 32) - 1
"""A count is a u32: more readings than that are not merged into one window."""


def mergeable(older: Summary, newer: Summary) -> bool:
    """Return whether one window may tell both.

    They have the same points, in time order, and the time between them is no longer than both: else one window would
    pretend to know what was in a long silence, or in the year that a clock was wrong.
    """
    end_ns = older.start_ns + older.length_ns
    return (
        (older.device, older.points) == (newer.device, newer.points)
        and older.start_ns <= newer.start_ns
        and newer.start_ns - end_ns <= older.length_ns + newer.length_ns
        and bool((_sum(older, newer) <= COUNT_MAX).all())
    )


def merged(older: Summary, newer: Summary) -> Summary:
    """Return one window from the start of `older` to the end of whichever ends last.

    Counts add up, extremes and the union of flags are kept, the mean is weighted by the counts, `last` is that of the
    newer where it has one: all as if the readings had been counted in one window, the mean to double rounding.
    """
    count = _sum(older, newer)
    few, many = older.count == 0, newer.count == 0
    end_ns = max(older.start_ns + older.length_ns, newer.start_ns + newer.length_ns)
    least, greatest = np.fmin(older.min, newer.min), np.fmax(older.max, newer.max)
    share = newer.count / np.maximum(count, 1)
    # by shares, not by sums: the sum of two means may be more than a double holds
    both = np.clip(older.mean * (1 - share) + newer.mean * share, least, greatest)
    return Summary(
        device=older.device,
        start_ns=older.start_ns,
        length_ns=end_ns - older.start_ns,
        points=older.points,
        count=count.astype(np.uint32),
        min=least,
        max=greatest,
        mean=np.where(few, newer.mean, np.where(many, older.mean, both)),
        last=np.where(many, older.last, newer.last),
        quality=older.quality | newer.quality,
        synchronised=older.synchronised and newer.synchronised,
    )


def _sum(older: Summary, newer: Summary) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return older.count.astype(np.uint64) + newer.count.astype(np.uint64)
