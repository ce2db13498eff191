"""How hot transformers get: top oil and winding hot spot by the differential equations of IEC 60076-7 clause 8.2.2."""

import math

import numpy as np
from numpy.typing import NDArray

from simulator.load import DAY_S, HOUR_S

# IEC 60076-7 table 4 and table E.1, medium power transformer, ONAN
LOSS_RATIO = 6.0
OIL_RISE_K = 52.0
OIL_EXPONENT = 0.8
OIL_TAU_S = 210 * 60.0
HOT_SPOT_RISE_K = 26.0
WINDING_EXPONENT = 1.3
WINDING_TAU_S = 10 * 60.0
K11, K21, K22 = 0.5, 2.0, 2.0

AMBIENT_MEAN_C = 19.0
AMBIENT_SWING_K = 6.0
WARMEST_S = 15 * HOUR_S


def ambient(time_s: float) -> float:
    """Return the air's temperature in degC at `time_s`, seconds since midnight."""
    return AMBIENT_MEAN_C + AMBIENT_SWING_K * math.cos(2 * math.pi * (time_s - WARMEST_S) / DAY_S)


def oil_rise(load: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the top-oil rise over ambient in K that a constant `load` (per unit of rating) ends at."""
    rise: NDArray[np.float64] = OIL_RISE_K * ((1 + LOSS_RATIO * load**2) / (1 + LOSS_RATIO)) ** OIL_EXPONENT
    return rise


class Thermal:
    """Temperatures of all transformers, degC: `oil` and `winding` float64[transformer].

    `hindered` float64[transformer] is how many times the normal rise of the oil it takes to get rid of the losses: 1
    with the coolers well, 2 or so when fans and pumps stand still.
    """

    def __init__(self, load: NDArray[np.float64], time_s: float) -> None:
        gradient = HOT_SPOT_RISE_K * load**WINDING_EXPONENT
        self.hindered = np.ones(len(load))
        self.oil = ambient(time_s) + oil_rise(load)
        self._quick = K21 * gradient
        self._slow = (K21 - 1) * gradient

    @property
    def winding(self) -> NDArray[np.float64]:
        """The hot spot: the oil reacts late, so the gradient overshoots after a step of load."""
        return self.oil + self._quick - self._slow

    def step(self, load: NDArray[np.float64], *, time_s: float, dt_s: float) -> None:
        """Let `dt_s` seconds pass at `load`, per unit of rating."""
        gradient = HOT_SPOT_RISE_K * load**WINDING_EXPONENT
        end = ambient(time_s) + oil_rise(load) * self.hindered
        self.oil = _towards(self.oil, end, dt_s / (K11 * OIL_TAU_S))
        self._quick = _towards(self._quick, K21 * gradient, dt_s / (K22 * WINDING_TAU_S))
        self._slow = _towards(self._slow, (K21 - 1) * gradient, dt_s * K22 / OIL_TAU_S)


def _towards(value: NDArray[np.float64], end: NDArray[np.float64], steps: float) -> NDArray[np.float64]:
    return end + (value - end) * math.exp(-steps)
