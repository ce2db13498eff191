"""The substation as physics: time goes in, named measurements come out, the same ones for the same seed.

Asks no clock: whoever owns the grid hands the time in, so a day takes as long as its computation. A server of any
protocol asks `grid["feeder1.va"]`; all names are in `simulator.meter.NAMES`.
"""

import numpy as np
from numpy.typing import NDArray

from simulator import meter
from simulator.load import DAY_S, HOUR_S, Loads
from simulator.meter import INDEX, NAMES
from simulator.network import BUS_OF, HV_V, RATED_VA, ROTATION, Flow, Network, Phasors, per_unit
from simulator.noise import Drift
from simulator.tapchanger import TapChangers
from simulator.thermal import Thermal, ambient

MAX_STEP_S = 30.0
"""Longest step of `advance`: half the delay of the tap changers, so that none is skipped."""
HV_DIP = 0.02
"""How far the transmission voltage sinks at the evening peak, relative."""
FREQUENCY_HZ = 50.0
TEMPERATURE_SIGMA_K = 0.05
START_S = 10 * HOUR_S
SETTLE_STEPS = 16


class Grid:
    """A small substation. Seconds since midnight of its first day are its time.

    `values` float64[len(NAMES)] are the measurements; a switch is 0.0 or 1.0. `network` holds the breakers, `taps` the
    regulators, `flow` the true phasors without any instrument's noise.
    """

    def __init__(self, seed: int = 0, start_s: float = START_S) -> None:
        self._random = np.random.default_rng(seed)
        self.time_s = start_s
        self.network = Network()
        self.taps = TapChangers(2)
        self.energy_wh = self._random.uniform(1e9, 9e9, 6)
        self._loads = Loads(self._random)
        self._source = Drift(self._random, (3,), sigma=0.002, tau_s=600)
        self._frequency = Drift(self._random, (1,), sigma=0.015, tau_s=120)
        self._held = np.zeros(len(NAMES), np.bool_)
        self.flow = self._settle()
        self.thermal = Thermal(self._load_pu(), start_s)
        self.values = np.zeros(len(NAMES))
        self._measure()

    def __getitem__(self, name: str) -> float:
        """Return the measurement `name`, such as `feeder1.va`."""
        return float(self.values[INDEX[name]])

    def advance(self, time_s: float) -> None:
        """Let time pass until `time_s`, in as many steps as the regulators need."""
        while time_s - self.time_s > MAX_STEP_S:
            self.step(MAX_STEP_S)
        if time_s > self.time_s:
            self.step(time_s - self.time_s)

    def step(self, dt_s: float) -> None:
        """Let `dt_s` seconds pass."""
        self.time_s += dt_s
        for part in (self._loads, self._source, self._frequency):
            part.step(dt_s)
        self.taps.step(per_unit(self.flow.bus_v), dt_s)
        self.flow = self._solve()
        self.thermal.step(self._load_pu(), time_s=self.time_s, dt_s=dt_s)
        self.energy_wh = self.energy_wh + self.feeder_w() * dt_s / HOUR_S
        self._measure()

    def feeder_w(self) -> NDArray[np.float64]:
        """Return float64[feeder]: true active power."""
        watts: NDArray[np.float64] = (self.flow.bus_v[BUS_OF] * self.flow.feeder_i.conj()).sum(axis=1).real
        return watts

    def switch(self, feeder: str, *, closed: bool) -> None:
        """Open or close the breaker of `feeder`."""
        self.network.feeders[int(feeder.removeprefix("feeder")) - 1] = closed

    def force(self, bus: str, level: float | None) -> None:
        """Drive `bus` (bb1, bb2) to `level` per unit, its regulator blocked as when it fails; None lets go."""
        index = int(bus.removeprefix("bb")) - 1
        self.network.forced_pu[index] = np.nan if level is None else level
        self.taps.blocked[index] = level is not None

    def hold(self, name: str, *, held: bool) -> None:
        """Let the instrument behind `name` stick at its value, or let go."""
        self._held[INDEX[name]] = held

    def _settle(self) -> Flow:
        flow = self._solve()
        for _ in range(SETTLE_STEPS):
            if not self.taps.settle(per_unit(flow.bus_v)):
                break
            flow = self._solve()
        return flow

    def _solve(self) -> Flow:
        return self.network.solve(self._hv_v(), self.taps.ratio, self._loads.demand(self.time_s))

    def _hv_v(self) -> Phasors:
        evening = np.exp(-(((self.time_s % DAY_S) / HOUR_S - 19.5) ** 2) / 8)
        level: Phasors = HV_V * (1 + self._source.value - HV_DIP * evening) * ROTATION
        return level

    def _load_pu(self) -> NDArray[np.float64]:
        apparent: NDArray[np.float64] = np.abs((self.flow.bus_v * self.flow.mv_i.conj()).sum(axis=1))
        return apparent / RATED_VA

    def _measure(self) -> None:
        flow, random = self.flow, self._random
        hertz = FREQUENCY_HZ + self._frequency.value[0] + 0.001 * random.standard_normal(8)
        feeders = meter.feeder_rows(
            meter.noisy(random, flow.bus_v[BUS_OF]),
            meter.noisy(random, flow.feeder_i),
            hertz=hertz[:6],
            energy=self.energy_wh / meter.KILO,
            closed=self.network.feeders,
        )
        transformers = meter.transformer_rows(
            (meter.noisy(random, flow.hv_v), meter.noisy(random, flow.hv_i)),
            (meter.noisy(random, flow.bus_v), meter.noisy(random, flow.mv_i)),
            self._transformer_state(),
        )
        buses = meter.bus_rows(meter.noisy(random, flow.bus_v), hertz=hertz[6:], coupler=self.network.coupler)
        fresh = np.concatenate([feeders.ravel(), transformers.ravel(), buses.ravel()])
        self.values = np.where(self._held, self.values, fresh)

    def _transformer_state(self) -> NDArray[np.float64]:
        true = np.stack([self.thermal.oil, self.thermal.winding, np.full(2, ambient(self.time_s))])
        temperatures = true + TEMPERATURE_SIGMA_K * self._random.standard_normal(true.shape)
        return np.column_stack([self.taps.tap, *temperatures, self.network.transformers, ~self.taps.blocked])
