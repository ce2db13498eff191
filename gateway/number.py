"""How a person reads a value: six digits, and a counter with all of its."""

from math import isfinite

LONG, ENDLESS = 1e6, 1e15
"""From `LONG` on six digits would cut a counter; beyond `ENDLESS` a float has no more of them."""


def shown(value: float) -> str:
    """Return `value` for people."""
    if not isfinite(value):
        return "no number"
    return f"{value:.0f}" if LONG <= abs(value) < ENDLESS else f"{value:.6g}"
