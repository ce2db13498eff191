"""Conditions with delays: which of them are active, for all assets at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Times = NDArray[np.int64]


def turn(
    state: tuple[Flags, Times], *, over: Flags, back: Flags, known: Flags, now_ns: int, delay_ns: int
) -> Sequence[tuple[int, int]]:
    """Move `state` and return (condition, asset) of what began or ended with it.

    `state` is active bool[k, n] and since int64[k, n] (0: does not want to move), changed in place. `over` begins a
    condition, `back` ends it, both when they hold for `delay_ns`; where nothing is `known` it stays as it is, and its
    delay counts anew.
    """
    active, since = state
    moving = np.where(active, back, over) & known
    if not moving.any():
        since.fill(0)
        return ()
    since[...] = np.where(moving, np.where(since == 0, now_ns, np.minimum(since, now_ns)), 0)
    fire = moving & (now_ns - since >= delay_ns)
    active ^= fire
    since[fire] = 0
    return [(int(k), int(n)) for k, n in zip(*np.nonzero(fire), strict=True)]
