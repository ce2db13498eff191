"""The temperatures of all transformers, followed from load and ambient, whatever is missing in between.

- Where load or ambient are unknown, the model goes on with the last ones: it is the best guess, and bounded. Nothing
  is judged and no ageing counted meanwhile.
- After more than `FORGET_NS` of that the guess is worth nothing: when they are known again, the top oil begins at its
  measured temperature, or else at what load and ambient of now would end at, and the winding at its end.
- The measured top oil differs from the model by an error of parameters and thermometer. It is learned (`OilError`), but
  never while the transformer is found too warm.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.assets.iec60076 import Fleet, Reals, ageing
from detectors.assets.oil_error import FORGET_H, OilError

NS = 1_000_000_000
MINUTE_NS = 60 * NS
HOUR_NS = 60 * MINUTE_NS
STEP_NS = 60 * NS
"""How often the model moves: a quarter of the shortest time constant, 4 minutes; each step is exact."""
FORGET_NS = 6 * HOUR_NS
"""About four time constants of the oil (k11 tau_o is 90 to 180 minutes): the start is forgotten to 2 % by then."""
AMBIENT_C = (-60.0, 70.0)
OIL_C = (-20.0, 150.0)
"""Readings outside are a broken thermometer: the oil is never 20 K colder than the air, and ignites at 150 degC."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What is measured now, float64[n] each, NaN where it is not known: loads per unit, temperatures in degC."""

    oil_load: Reals
    winding_load: Reals
    ambient: Reals
    oil: Reals


class Temperatures:
    """`oil` and `hot_spot` degC, `known` whether they rest on present readings, `excess` measured minus expected, K."""

    MODEL = (
        "_time_ns", "_known_ns", "_oil", "_quick", "_slow", "_oil_load", "_winding_load", "_ambient",
        "_measured", "_sums", "_scatter", "_offset", "_share", "_learned_h", "_life_h", "_day_rate", "_counted_h",
    )  # fmt: skip
    """The arrays that outlive a restart."""

    def __init__(self, fleet: Fleet, upgraded: Sequence[bool]) -> None:
        n = len(upgraded)
        self._fleet, self._upgraded = fleet, np.array(upgraded, bool)
        self._time_ns = np.zeros((), np.int64)
        self._known_ns = np.zeros(n, np.int64)
        self._oil, self._quick, self._slow = np.full(n, np.nan), np.zeros(n), np.zeros(n)
        self._oil_load, self._winding_load = np.zeros(n), np.zeros(n)
        self._ambient, self._measured = np.zeros(n), np.full(n, np.nan)
        self._error, self._learned_h = OilError(n), np.zeros(n)
        self._sums, self._scatter = self._error.sums, self._error.scatter
        self._offset, self._share = self._error.offset, self._error.share
        self._life_h, self._day_rate, self._counted_h = np.zeros(n), np.zeros(n), np.zeros(n)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where load and ambient were known at the last step."""
        known: NDArray[np.bool_] = (self._known_ns == self._time_ns) & (self._known_ns > 0)
        return known

    @property
    def expected(self) -> Reals:
        """The top oil that the model expects, its learned error included."""
        return self._oil + self._error.of(self._oil - self._ambient)

    @property
    def excess(self) -> Reals:
        """By how much the measured top oil is warmer than expected; NaN where it is not measured."""
        return self._measured - self.expected

    @property
    def hot_spot(self) -> Reals:
        """The winding's hot spot: over the measured top oil where there is one."""
        return np.where(np.isnan(self._measured), self.expected, self._measured) + self._quick - self._slow

    def due(self, now_ns: int) -> bool:
        """Whether it is time for a step."""
        return not 0 <= now_ns - int(self._time_ns) < STEP_NS

    def step(self, now_ns: int, inputs: Inputs, too_warm: NDArray[np.bool_]) -> None:
        """Follow the time to `now_ns`; a transformer that is `too_warm` learns no error."""
        minutes = max(now_ns - int(self._time_ns), 0) / MINUTE_NS if self._time_ns else 0.0
        ambient = np.where((inputs.ambient > AMBIENT_C[0]) & (inputs.ambient < AMBIENT_C[1]), inputs.ambient, np.nan)
        known = ~np.isnan(inputs.oil_load + ambient)
        self._measured[...] = np.where((inputs.oil > ambient + OIL_C[0]) & (inputs.oil < OIL_C[1]), inputs.oil, np.nan)
        self._oil_load[...] = np.where(known, inputs.oil_load, self._oil_load)
        self._winding_load[...] = np.where(known, inputs.winding_load, self._winding_load)
        self._ambient[...] = np.where(known, ambient, self._ambient)
        self._advance(minutes)
        self._begin(known & (np.isnan(self._oil) | ((now_ns - self._known_ns > FORGET_NS) & ~too_warm)))
        hours = np.minimum((now_ns - self._known_ns) / HOUR_NS, minutes / 60)
        counted = np.where(known & (hours > 0) & (hours <= FORGET_NS / HOUR_NS), hours, 0.0)
        self._known_ns[known] = now_ns
        self._time_ns[...] = now_ns
        self._learn(counted, too_warm)
        self._age(counted)

    def _advance(self, minutes: float) -> None:
        end = self._ambient + self._fleet.oil_end(self._oil_load)
        self._oil[...] = self._fleet.oil_after(self._oil, end, minutes)
        self._quick[...], self._slow[...] = self._fleet.winding_after(
            self._quick, self._slow, self._winding_load, minutes
        )

    def _begin(self, anew: NDArray[np.bool_]) -> None:
        if not anew.any():
            return
        end = self._ambient + self._fleet.oil_end(self._oil_load)
        rise = np.maximum((self._measured - self._ambient - self._offset) / np.maximum(1 + self._share, 0.5), 0.0)
        begins = np.where(np.isnan(self._measured), end, self._ambient + rise)
        gradient = self._fleet.gradient(self._winding_load)
        self._oil[anew] = begins[anew]
        self._quick[anew] = (self._fleet.k21 * gradient)[anew]
        self._slow[anew] = ((self._fleet.k21 - 1) * gradient)[anew]

    def _learn(self, hours: Reals, too_warm: NDArray[np.bool_]) -> None:
        hours = np.where(too_warm | np.isnan(self._measured), 0.0, hours)
        self._learned_h[...] = np.minimum(self._learned_h + hours, FORGET_H)
        rise = np.where(hours > 0, self._oil - self._ambient, 0.0)
        self._error.learn(self._measured - self._oil, rise, hours)

    def _age(self, hours: Reals) -> None:
        """Count life at the hot spot of now; the mean of a day forgets with a time constant of 24 hours."""
        rate = np.where(hours > 0, ageing(np.fmax(self.hot_spot, -50.0), upgraded=self._upgraded), 0.0)
        self._life_h += rate * hours
        self._counted_h += hours
        share = hours / np.maximum(np.minimum(self._counted_h, 24.0), np.maximum(hours, 1e-9))
        self._day_rate += share * (rate - self._day_rate)
