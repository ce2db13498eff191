"""What is usual: a size that follows what is read, quickly upwards and slowly down."""

import numpy as np
from numpy.typing import NDArray

from protocols.model import Values

RISE, FALL = 1 / 16, 1e-5
"""Shares of the way that it goes with each look: so that a single wrong value is none; downwards in days at 1 Hz."""


def paces(usual: Values) -> Values:
    """Return float64[n]: how quickly each rises; at once where nothing was read yet."""
    return np.where(usual > 0, RISE, 1.0)


def follow(usual: Values, size: Values, unknown: NDArray[np.bool_] | NDArray[np.intp], pace: Values) -> None:
    """Move `usual` float64[n] towards `size`, at its `pace` upwards, but where that is `unknown`."""
    step = size - usual
    step[unknown] = 0.0
    down = step * FALL
    step *= pace
    usual += np.maximum(step, down)  # the greater one is the quicker rise, and the slower fall
