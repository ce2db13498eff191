"""How hot a transformer gets and how it ages: the differential equations of IEC 60076-7 clause 8.2, in closed form.

Between two looks load and ambient are held, so each first-order equation has an exact solution and no step is too long:

    oil'   = (ambient + rise(K) - oil) / (k11 tau_o)          rise(K) = oil_rise ((1 + R K^2) / (1 + R))^x
    quick' = (k21 gradient(K) - quick) / (k22 tau_w)          gradient(K) = hot_spot_rise K^y
    slow'  = ((k21 - 1) gradient(K) - slow) / (tau_o / k22)
    hot spot = oil + quick - slow

Temperatures in degC, rises in K, times in minutes, load K per unit of the rating. The state is the top oil itself, as
in the standard, so that a measured oil temperature can take its place.
"""

from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Build:
    """How one transformer is built."""

    oil_rise: float
    hot_spot_rise: float
    loss_ratio: float
    oil_exponent: float
    winding_exponent: float
    k11: float
    k21: float
    k22: float
    oil_minutes: float
    winding_minutes: float


BUILDS = {
    ("distribution", "onan"): Build(55, 23, 5, 0.8, 1.6, 1.0, 1.0, 2.0, 180, 4),
    ("power", "onan"): Build(52, 26, 6, 0.8, 1.3, 0.5, 2.0, 2.0, 210, 10),
    ("power", "onaf"): Build(52, 26, 6, 0.8, 1.3, 0.5, 2.0, 2.0, 150, 7),
    ("power", "ofaf"): Build(56, 22, 6, 1.0, 1.3, 1.0, 1.3, 1.0, 90, 7),
    ("power", "odaf"): Build(49, 29, 6, 1.0, 2.0, 1.0, 1.0, 1.0, 90, 7),
}
"""By size and cooling: exponents and constants of IEC 60076-7 table 4, rises and loss ratios of its table E.1."""


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """The builds of all transformers, float64[n] each."""

    oil_rise: Reals
    hot_spot_rise: Reals
    loss_ratio: Reals
    oil_exponent: Reals
    winding_exponent: Reals
    k11: Reals
    k21: Reals
    k22: Reals
    oil_minutes: Reals
    winding_minutes: Reals

    @classmethod
    def of(cls, builds: list[Build]) -> "Fleet":
        """Gather `builds`."""
        return cls(*(np.array([getattr(each, key.name) for each in builds], np.float64) for key in fields(Build)))

    def one(self, n: int) -> "Fleet":
        """Return transformer `n` alone."""
        return Fleet(*(getattr(self, key.name)[n : n + 1] for key in fields(Build)))

    def oil_end(self, load: Reals) -> Reals:
        """Return the rise of the top oil over the ambient that a constant `load` ends at."""
        losses: Reals = (1 + self.loss_ratio * load**2) / (1 + self.loss_ratio)
        rise: Reals = self.oil_rise * losses**self.oil_exponent
        return rise

    def gradient(self, load: Reals) -> Reals:
        """Return the rise of the hot spot over the top oil that a constant `load` ends at."""
        rise: Reals = self.hot_spot_rise * load**self.winding_exponent
        return rise

    def oil_after(self, oil: Reals, end: Reals, minutes: float | Reals) -> Reals:
        """Return the top oil after `minutes` towards `end`, both in degC."""
        return towards(oil, end, minutes / (self.k11 * self.oil_minutes))

    def winding_after(self, quick: Reals, slow: Reals, load: Reals, minutes: float | Reals) -> tuple[Reals, Reals]:
        """Return the two parts of the hot spot's rise over the top oil after `minutes` at `load`."""
        end = self.gradient(load)
        return (
            towards(quick, self.k21 * end, minutes / (self.k22 * self.winding_minutes)),
            towards(slow, (self.k21 - 1) * end, minutes * self.k22 / self.oil_minutes),
        )


def towards(value: Reals, end: Reals, steps: Reals) -> Reals:
    """Return `value` after so many time constants on its way to `end`."""
    there: Reals = end + (value - end) * np.exp(-steps)
    return there


def ageing(hot_spot: Reals, *, upgraded: NDArray[np.bool_]) -> Reals:
    """Return the relative ageing rate, 1 at 110 degC for thermally upgraded paper and at 98 degC for plain kraft.

    IEC 60076-7 clause 6.3, formulas for upgraded (Arrhenius, 15000 K) and non-upgraded paper (doubling each 6 K). The
    hot spot is held between -50 and 250 degC, where the formulas and the paper end.
    """
    held = np.minimum(np.maximum(hot_spot, -50.0), 250.0)
    rate: Reals = np.where(upgraded, np.exp(15000 / 383 - 15000 / (held + 273)), 2.0 ** ((held - 98) / 6))
    return rate
