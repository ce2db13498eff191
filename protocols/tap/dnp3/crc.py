"""The check sequence of DNP3 link frames, two octets a step (IEEE 1815-2012 clause 9.2.4.2)."""

from array import array
from struct import Struct
from typing import Final

import numpy as np

REFLECTED: Final = 0xA6BC
"""The polynomial 0x3D65, lowest power in the highest bit."""
BLOCK: Final = 16
"""Octets that have one check sequence, at most."""


def _table() -> "array[int]":
    """Return what sixteen shifts make of each word: 128 KB, for half the steps of the usual table of octets."""
    found = np.arange(0x10000, dtype=np.uint32)
    for _ in range(16):
        found = np.where(found & 1, found >> 1 ^ REFLECTED, found >> 1)
    return array("H", found.astype(np.uint16).tobytes())


WORDS: Final = _table()
GOOD: Final = WORDS[0xFFFF]
"""What is left of octets with their own check sequence behind them, which is sent inverted."""
_UNPACK: Final = [Struct(f"<{(octets + 1) // 2 + 1}H").unpack_from for octets in range(BLOCK + 1)]
_BLOCK: Final = _UNPACK[BLOCK]


def whole(data: bytes, at: int) -> bool:
    """Return `good` of a block of 16 octets, in two thirds of the time."""
    words: tuple[int, ...] = _BLOCK(data, at)
    a, b, c, d, e, f, g, h, check = words
    w = WORDS
    return w[w[w[w[w[w[w[w[w[a] ^ b] ^ c] ^ d] ^ e] ^ f] ^ g] ^ h] ^ check] == GOOD


def good(data: bytes, at: int, octets: int) -> bool:
    """Return whether the check sequence behind up to 16 octets from `at` is theirs; something must lie before them.

    An odd number begins with the octet before, which the first step takes out again.
    """
    odd = octets & 1
    found = data[at - 1] if odd else 0
    for word in _UNPACK[octets](data, at - odd):
        found = WORDS[found ^ word]
    return found == GOOD


def crc(data: bytes) -> int:
    """Return the check sequence of up to 16 octets."""
    words = Struct(f"<{len(data) // 2}H").unpack_from(data)
    found = 0
    for word in words:
        found = WORDS[found ^ word]
    if len(data) & 1:
        found = found >> 8 ^ WORDS[((found ^ data[-1]) & 0xFF) << 8]
    return found ^ 0xFFFF
