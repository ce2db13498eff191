"""The wires: two transformers, two bus sections and a coupler, six feeders; solved as phasors, so that power balances.

    HV 66 kV ──┬── t1 ── bb1 ──┬── feeder1, feeder2, feeder3
               │               ╪ coupler
               └── t2 ── bb2 ──┴── feeder4, feeder5, feeder6        MV 11 kV, 50 Hz

Loads are admittances that follow the voltage, so the linear system is solved exactly at every iteration: the currents
balance to rounding, and only the loads' dependence on voltage converges.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Phasors = NDArray[np.complex128]

HV_V = 66e3 / math.sqrt(3)
MV_V = 11e3 / math.sqrt(3)
"""Nominal phase to neutral voltages."""
RATED_VA = 16e6
IMPEDANCE = (0.006 + 0.10j) * (11e3**2 / RATED_VA)
"""Short-circuit impedance of a transformer seen from MV, ohm: 10 % and 0.6 %."""
NO_LOAD_VA = 14e3 + 60e3j
"""What a transformer draws without load: iron losses and magnetisation."""
COUPLER_S = 1000.0
"""Admittance of the closed coupler, siemens: one milliohm of bus bar."""
STRAY_S = 1e-12
"""Admittance of an insulator, so that a dead bus has a voltage (0) and not 0 / 0."""
EXPONENT = 1.3
"""How loads follow the voltage: power ~ V^1.3; below LOW_PU they are constant impedances."""
LOW_PU = 0.7
ITERATIONS = 2
"""The dependence shrinks the error about tenfold an iteration, and each step starts from the last one's answer: a per
mille that a load is off by for one step is nothing, and no balance is ever off."""
ROTATION = np.exp(-2j * np.pi / 3 * np.arange(3))
"""Unit phasors of phases a, b, c."""

BUS_OF = np.array([0, 0, 0, 1, 1, 1])


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """One solution: voltages to neutral in V, currents in A, complex128.

    `hv_v`, `hv_i`, `mv_i` [transformer, phase], `bus_v` [bus, phase], `feeder_i` [feeder, phase], `coupler_i` [phase]
    from bb1 to bb2.
    """

    hv_v: Phasors
    hv_i: Phasors
    bus_v: Phasors
    mv_i: Phasors
    feeder_i: Phasors
    coupler_i: Phasors


def admittances(demand: Phasors, volts: Phasors) -> Phasors:
    """Return siemens[feeder, phase] of loads that want `demand` volt-amperes at nominal voltage, at `volts`."""
    level = np.maximum(np.abs(volts) / MV_V, LOW_PU)
    siemens: Phasors = demand.conj() * (level ** (EXPONENT - 2) / MV_V**2).astype(np.complex128)
    return siemens


def nodes(source: Phasors, series: Phasors, loads: Phasors, coupler: float) -> Phasors:
    """Return the voltages [bus, phase] of two nodes: `source` behind `series` siemens, `loads` siemens to ground."""
    own = series + loads + coupler + STRAY_S
    pushed = series * source
    volts: Phasors = (pushed * own[::-1] + coupler * pushed[::-1]) / (own[0] * own[1] - coupler**2)
    return volts


class Network:
    """Breakers and what has been forced; remembers the last voltages to start the next solution from.

    `feeders`, `transformers` bool[n], True is closed; `coupler` likewise. `forced_pu` float64[bus] is a voltage that a
    bus is driven to, NaN for none.
    """

    def __init__(self) -> None:
        self.feeders = np.ones(6, np.bool_)
        self.transformers = np.ones(2, np.bool_)
        self.coupler = False
        self.forced_pu = np.full(2, np.nan)
        self._boost = np.ones(2)
        self._bus_v: Phasors = np.tile(MV_V * ROTATION, (2, 1))

    def solve(self, hv_v: Phasors, ratio: NDArray[np.float64], demand: Phasors) -> Flow:
        """Return the flow at the source voltages `hv_v` [phase], the taps' `ratio` [transformer] and `demand`."""
        series: Phasors = np.where(self.transformers, 1 / IMPEDANCE, 0)[:, None]
        coupler = COUPLER_S if self.coupler else 0.0
        bus_v, turns = self._bus_v, np.ones(2)
        loads: Phasors = np.zeros((6, 3), np.complex128)
        boost = np.where(np.isnan(self.forced_pu), 1.0, self._boost)
        for _ in range(ITERATIONS):
            loads = admittances(demand, bus_v[BUS_OF]) * self.feeders[:, None]
            turns = MV_V / HV_V * ratio * boost
            bus_v = nodes(turns[:, None] * hv_v, series, loads.reshape(2, 3, 3).sum(axis=1), coupler)
            boost = boost * self._correction(bus_v)
        self._bus_v, self._boost = bus_v, boost
        mv_i = (turns[:, None] * hv_v - bus_v) * series
        no_load = np.conj(NO_LOAD_VA / 3 / hv_v)
        return Flow(
            hv_v=np.tile(hv_v, (2, 1)),
            hv_i=turns[:, None] * mv_i + no_load,
            bus_v=bus_v,
            mv_i=mv_i,
            feeder_i=loads * bus_v[BUS_OF],
            coupler_i=(bus_v[0] - bus_v[1]) * coupler,
        )

    def _correction(self, bus_v: Phasors) -> NDArray[np.float64] | float:
        if np.isnan(self.forced_pu).all():
            return 1.0
        level = np.maximum(per_unit(bus_v), 1e-3)
        return np.where(np.isnan(self.forced_pu), 1.0, self.forced_pu / level)


def per_unit(volts: Phasors) -> NDArray[np.float64]:
    """Return the mean of the phases, per unit of the nominal MV voltage."""
    mean: NDArray[np.float64] = np.abs(volts).mean(axis=1) / MV_V
    return mean
