"""Fifteen significant digits of many numbers at once: the very numbers that `%.15g` writes.

A number of 1e-8 to 1e15 times its power of ten has its 15 digits before the point; there it is rounded, and divided by
the same power again. Both powers and digits are whole numbers that a double holds, so the quotient is the double next
to these digits. What was rounded in the product could matter only where it ends on one half: there, and outside of
the range, the text decides.
"""

import numpy as np

from protocols.model import Values

LEAST, MOST = -8, 15
"""Powers of ten: 10^(14 + 8) is the largest that a double holds exactly."""
BOUNDS = np.array([5e-324, *(float(f"1e{power}") for power in range(LEAST, MOST + 1))])
SCALES = np.array([1.0, np.nan, *(float(f"1e{14 - power}") for power in range(LEAST, MOST)), np.nan])
"""By how many of BOUNDS a number reaches: 0 is itself, what is outside becomes NaN and so is left to the text."""


def rounded(values: Values) -> Values:
    """Return `values` with 15 significant digits; what they carry beyond the largest double is infinite."""
    scales = SCALES[BOUNDS.searchsorted(np.abs(values), side="right")]
    scaled = values * scales
    whole = np.rint(scaled)
    found = whole / scales
    (odd,) = (~(np.abs(scaled - whole) < 0.5)).nonzero()
    if len(odd):
        found[odd] = [float(f"{value:.15g}") for value in values[odd].tolist()]
    return found  # type: ignore[no-any-return]
