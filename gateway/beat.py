"""One beat for all that happens again and again, so that a gateway with little to do wakes up seldom.

A process that wakes up finds cold caches: twice the work at one moment takes less than the same at two.
"""

import math

EARLY = 1e-3
"""A sleep may end early by a trifle of an interval: then the next moment is meant, not this one again."""


def until_next(every_s: float, now_s: float) -> float:
    """Return the seconds from `now_s` to the next multiple of `every_s`, of the event loop's clock."""
    return (math.floor(now_s / every_s + EARLY) + 1) * every_s - now_s
