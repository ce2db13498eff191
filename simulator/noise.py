"""Values that wander around zero the way loads, voltages and weather do."""

import math

import numpy as np
from numpy.typing import NDArray


class Drift:
    """An Ornstein-Uhlenbeck process, discretised exactly, so that any step width gives the same statistics.

    `value` float64[shape] has mean 0 and standard deviation `sigma`; it forgets where it was within `tau_s` seconds.
    """

    def __init__(self, random: np.random.Generator, shape: tuple[int, ...], *, sigma: float, tau_s: float) -> None:
        self._random = random
        self._sigma = sigma
        self._tau_s = tau_s
        self.value: NDArray[np.float64] = sigma * random.standard_normal(shape)

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        keep = math.exp(-dt_s / self._tau_s)
        fresh = self._sigma * math.sqrt(1 - keep * keep)
        self.value = keep * self.value + fresh * self._random.standard_normal(self.value.shape)
