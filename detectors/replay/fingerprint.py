"""Fingerprints of readings: equal only where every bit of every value is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

Mixed = NDArray[np.uint64]
# Finaliser of the splitmix64 generator (Steele, Lea and Flood 2014): every bit of a value moves half of the others.
STEP, FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
HALF, UPPER = np.array(32, np.uint64), np.array(33, np.uint64)
ODD, ZERO = np.array(0x9FB21C651E98DF25, np.uint64), np.array(0.0)
LEAST = np.array(1 << 16, np.uint64)
# Arrays, as a scalar is made one with every call.


class Fingerprints:
    """Sums of what each value is multiplied to by an odd number of its position (Carter and Wegman 1979).

    One value that is another always moves the sum; and so do values that change their places.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._ends = np.cumsum(sizes, dtype=np.int64) - 1
        self._keys = _keys(sum(sizes))
        self._bits, self._upper = np.zeros(sum(sizes), np.uint64), np.zeros(sum(sizes), np.uint64)

    def of(self, values: Values, *, known: bool) -> NDArray[np.int64]:
        """Return int64[groups + 1], 2**16 to 2**31 - 1: a print of each group of float64[n] `values`, and of all.

        `known` is whether all are numbers; NaN, whatever its bits, is one of them else.
        """
        bits = self._bits
        np.add(values, ZERO, out=bits.view(np.float64))  # -0 is 0
        if not known:
            bits[np.isnan(values)] = 0
        np.right_shift(bits, HALF, out=self._upper)
        np.bitwise_xor(bits, self._upper, out=bits)  # of few digits, all bits are in the upper half
        np.multiply(bits, self._keys, out=bits)
        np.add.accumulate(bits, out=bits)
        ends = bits.take(self._ends)
        sums = np.empty(len(ends) + 1, np.uint64)
        sums[:-1], sums[-1] = ends, ends[-1]
        sums[1:-1] -= ends[:-1]
        sums ^= sums >> HALF
        sums *= ODD
        sums >>= UPPER
        return np.maximum(sums, LEAST, out=sums).view(np.int64)


def _keys(count: int) -> Mixed:
    """Return uint64[count]: an odd number a position, in which no pattern is left."""
    bits = np.arange(1, count + 1, dtype=np.uint64) * STEP
    bits = (bits ^ bits >> np.uint64(30)) * FIRST
    bits = (bits ^ bits >> np.uint64(27)) * SECOND
    return bits ^ bits >> np.uint64(31) | np.uint64(1)
