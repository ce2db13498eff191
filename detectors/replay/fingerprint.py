"""Fingerprints of readings: equal only where every bit of every value is."""

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

Mixed = NDArray[np.uint64]
# Finaliser of the splitmix64 generator (Steele, Lea and Flood 2014): every bit of a value moves half of the others.
STEP, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def keys(count: int) -> Mixed:
    """Return uint64[count], one a position, so that swapped values have another fingerprint."""
    return np.arange(1, count + 1, dtype=np.uint64) * STEP


def mixed(values: Values, own: Mixed) -> Mixed:
    """Return uint64[n], a fingerprint of each value at its position; add them to have that of several."""
    bits = (values + 0.0).view(np.uint64)  # -0 is 0
    bits = np.where(np.isnan(values), np.uint64(0), bits) ^ own
    bits = (bits ^ bits >> np.uint64(30)) * FIRST
    bits = (bits ^ bits >> np.uint64(27)) * SECOND
    return bits ^ bits >> np.uint64(31)


def prints(sums: Mixed) -> NDArray[np.uint32]:
    """Return uint32[n], 1 to 2**31 - 1: what a history keeps of each sum of fingerprints."""
    short = (sums >> np.uint64(33)).astype(np.uint32)
    return np.maximum(short, np.uint32(1))
