"""How a person reads a number: a value with six digits, a counter with all of its, and how many there are of what."""

from math import isfinite

LONG, ENDLESS = 1e6, 1e15
"""From `LONG` on six digits would cut a counter; beyond `ENDLESS` a float has no more of them."""


def shown(value: float) -> str:
    """Return `value` for people."""
    if not isfinite(value):
        return "no number"
    return f"{value:.0f}" if LONG <= abs(value) < ENDLESS else f"{value:.6g}"


def number_of(many: int, what: str) -> str:
    """Return how many there are, in English: 1 device, 2 devices."""
    return f"{many} {what}" if many == 1 else f"{many} {what}s"
