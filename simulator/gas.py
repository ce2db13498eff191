"""Gases in the oil of the transformers: what a healthy one has, and what each kind of fault adds, in ppm.

Healthy levels lie well below the 90 % typical values of IEC 60599:2022 table A.2. The mixtures keep to the ratios of
its table 1 and to the zones of Duval's triangle 1, so that a fault is what it is called by either method.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.load import HOUR_S
from simulator.noise import Drift

Reals = NDArray[np.float64]

GASES = {
    "h2": "hydrogen",
    "ch4": "methane",
    "c2h6": "ethane",
    "c2h4": "ethylene",
    "c2h2": "acetylene",
    "co": "carbon_monoxide",
    "co2": "carbon_dioxide",
}
"""What each measurement of them is called, and the quantity it is."""
HEALTHY = np.array([[28.0, 14, 17, 22, 0.6, 260, 2300], [35.0, 18, 12, 15, 0.4, 310, 2900]])
"""Of each transformer."""
MIXTURES: Mapping[str, Reals] = {
    "PD": np.array([1.0, 0.08, 0.03, 0.001, 0.0, 0.05, 0.2]),
    "D1": np.array([1.0, 0.25, 0.03, 0.12, 0.45, 0.05, 0.2]),
    "D2": np.array([1.0, 0.45, 0.10, 0.75, 0.70, 0.10, 0.4]),
    "T1": np.array([0.4, 1.0, 0.90, 0.15, 0.0, 0.40, 3.0]),
    "T2": np.array([0.4, 1.0, 0.30, 0.70, 0.005, 0.30, 2.0]),
    "T3": np.array([0.5, 0.8, 0.30, 1.60, 0.05, 0.20, 1.0]),
}
"""Partial discharge, discharges of low and of high energy, thermal below 300, up to 700 and above 700 degC."""
WANDER, WANDER_S = 0.02, 6 * HOUR_S
"""How healthy levels come and go with the temperature of the oil: relative, and how long it takes."""
SIGMA, LEAST_PPM = 0.01, 0.1
"""Noise of the analyser: relative, and where there is next to nothing."""


class Gases:
    """`rate` float64[transformer, gas] is what a fault adds in ppm an hour; what it has added stays in the oil."""

    def __init__(self, random: np.random.Generator) -> None:
        self.rate = np.zeros(HEALTHY.shape)
        self._added = np.zeros(HEALTHY.shape)
        self._random = random
        self._wander = Drift(random, HEALTHY.shape, sigma=WANDER, tau_s=WANDER_S)

    @property
    def ppm(self) -> Reals:
        """What is in the oil: float64[transformer, gas]."""
        dissolved: Reals = HEALTHY * (1 + self._wander.value) + self._added
        return dissolved

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        self._wander.step(dt_s)
        self._added = self._added + self.rate * (dt_s / HOUR_S)

    def measured(self) -> Reals:
        """Return what the analyser shows; it measures anew at every reading."""
        ppm = self.ppm
        return np.maximum(ppm + (SIGMA * ppm + LEAST_PPM) * self._random.standard_normal(ppm.shape), 0.0)
