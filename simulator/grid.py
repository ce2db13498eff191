"""The substation as physics: time goes in, named measurements come out, the same ones for the same seed.

Asks no clock: whoever owns the grid hands the time in, so a day takes as long as its computation. A server of any
protocol asks `grid["feeder1.va"]`; all names are in `simulator.meter.NAMES`.

    loads, source, taps ── network ── flow ── told ── instruments ── tape ── values
                                       │      (a lie, if there is one)
                                    thermal, gases
"""

import copy

import numpy as np
from numpy.typing import NDArray

from simulator import meter
from simulator.gas import Gases
from simulator.instruments import VOLT_INPUTS, Instruments
from simulator.load import DAY_S, FEEDERS, HOUR_S, Loads
from simulator.meter import INDEX, NAMES
from simulator.network import BUS_OF, HV_V, RATED_VA, ROTATION, Flow, Network, Phasors, per_unit
from simulator.noise import Drift
from simulator.tapchanger import TapChangers
from simulator.tape import Tape
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
    regulators, `flow` the true phasors without any instrument's noise. What scenarios change: `loads.factor`,
    `thermal.hindered`, `gases.rate`, `instruments`, `tape`; `source` float64[phase], the transmission voltage relative
    to normal; `offset_hz`; and `told`, float64[feeder]: how many times its load each feeder is told to have, with all
    that hangs on it, 1 for the truth.

    `spread` lets each bay's instruments look at a moment of their own within each step, as devices do that are polled
    one after the other; otherwise all look at its end.
    """

    def __init__(self, seed: int = 0, start_s: float = START_S, *, spread: bool = False) -> None:
        self._random = np.random.default_rng(seed)
        self.time_s = start_s
        self.network = Network()
        self.taps = TapChangers(2)
        self.energy_wh = self._random.uniform(1e9, 9e9, FEEDERS)
        self.loads = Loads(self._random)
        self.source, self.offset_hz, self.told = np.ones(3), 0.0, np.ones(FEEDERS)
        self.instruments = Instruments(seed)
        self.tape: Tape | None = None
        self._level = Drift(self._random, (3,), sigma=0.002, tau_s=600)
        self._frequency = Drift(self._random, (1,), sigma=0.015, tau_s=120)
        self.gases = Gases(self._random)
        self._age = _ages(self._random) if spread else None
        self.flow = self._settle()
        self._shown = self._before = self.flow
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
        for part in (self.loads, self._level, self._frequency, self.gases):
            part.step(dt_s)
        self.taps.step(per_unit(self.flow.bus_v), dt_s)
        self.flow = self._solve(self.network)
        self._before, self._shown = self._shown, self._telling()
        self.thermal.step(self._load_pu(), time_s=self.time_s, dt_s=dt_s)
        self.energy_wh = self.energy_wh + feeder_w(self._shown) * dt_s / HOUR_S
        self._measure()

    def feeder_w(self) -> NDArray[np.float64]:
        """Return float64[feeder]: true active power."""
        return feeder_w(self.flow)

    def switch(self, feeder: str, *, closed: bool) -> None:
        """Open or close the breaker of `feeder`."""
        self.network.feeders[feeder_index(feeder)] = closed

    def force(self, bus: str, level: float | None) -> None:
        """Drive `bus` (bb1, bb2) to `level` per unit, its regulator blocked as when it fails; None lets go."""
        index = int(bus.removeprefix("bb")) - 1
        self.network.forced_pu[index] = np.nan if level is None else level
        self.taps.blocked[index] = level is not None

    def hold(self, name: str, *, held: bool) -> None:
        """Let the instrument behind `name` stick at its value, or let go."""
        self.instruments.hold(name, held=held)

    def _settle(self) -> Flow:
        flow = self._solve(self.network)
        for _ in range(SETTLE_STEPS):
            if not self.taps.settle(per_unit(flow.bus_v)):
                break
            flow = self._solve(self.network)
        return flow

    def _solve(self, network: Network, told: NDArray[np.float64] | None = None) -> Flow:
        demand = self.loads.demand(self.time_s)
        return network.solve(self._hv_v(), self.taps.ratio, demand if told is None else demand * told[:, None])

    def _telling(self) -> Flow:
        """Return the flow that instruments are made to show: another solution of the same network, so it balances."""
        if (self.told == 1).all():
            return self.flow
        return self._solve(copy.copy(self.network), self.told)

    def _hv_v(self) -> Phasors:
        evening = np.exp(-(((self.time_s % DAY_S) / HOUR_S - 19.5) ** 2) / 8)
        level: Phasors = HV_V * (1 + self._level.value - HV_DIP * evening) * self.source * ROTATION
        return level

    def _load_pu(self) -> NDArray[np.float64]:
        apparent: NDArray[np.float64] = np.abs((self.flow.bus_v * self.flow.mv_i.conj()).sum(axis=1))
        return apparent / RATED_VA

    def _measure(self) -> None:
        fresh = self.instruments.show(self._measured(), self.values)
        self.values = fresh if self.tape is None else self.tape.pass_on(fresh, self.time_s)

    def _measured(self) -> NDArray[np.float64]:
        """Return what sound instruments show: the noise is that of the inputs, what is computed follows them."""
        random, wired = self._random, self.instruments
        volts, amperes = self._inputs()
        volts = meter.noisy(random, wired.volts.through(volts))
        amperes = meter.noisy(random, wired.amperes.through(amperes))
        hertz = FREQUENCY_HZ + self.offset_hz + self._frequency.value[0] + 0.001 * random.standard_normal(8)
        feeders = np.column_stack([self.energy_wh / meter.KILO, self.network.feeders])
        state, coupler = self._transformer_state(), self.network.coupler
        return meter.rows(volts, amperes, hertz=hertz, feeders=feeders, transformers=state, coupler=coupler)

    def _inputs(self) -> tuple[Phasors, Phasors]:
        """Return what there is at the inputs for voltages and for currents: [set, phase] of `simulator.instruments`."""
        volts, amperes = _at_inputs(self._shown)
        if self._age is None:
            return volts, amperes
        volts_before, amperes_before = _at_inputs(self._before)
        age = self._age[:, None]
        return volts + age * (volts_before - volts), amperes + age[: len(amperes)] * (amperes_before - amperes)

    def _transformer_state(self) -> NDArray[np.float64]:
        true = np.stack([self.thermal.oil, self.thermal.winding, np.full(2, ambient(self.time_s))])
        temperatures = true + TEMPERATURE_SIGMA_K * self._random.standard_normal(true.shape)
        switches = (self.network.transformers, ~self.taps.blocked)
        return np.column_stack([self.taps.tap, *temperatures, *switches, self.gases.measured()])


def feeder_index(feeder: str) -> int:
    """Return the place of `feeder` in arrays of feeders."""
    return int(feeder.removeprefix("feeder")) - 1


def feeder_w(flow: Flow) -> NDArray[np.float64]:
    """Return float64[feeder]: active power in `flow`."""
    watts: NDArray[np.float64] = (flow.bus_v[BUS_OF] * flow.feeder_i.conj()).sum(axis=1).real
    return watts


def _at_inputs(flow: Flow) -> tuple[Phasors, Phasors]:
    volts = np.concatenate([flow.bus_v[BUS_OF], flow.hv_v, flow.bus_v, flow.bus_v])
    return volts, np.concatenate([flow.feeder_i, flow.hv_i, flow.mv_i])


def _ages(random: np.random.Generator) -> NDArray[np.float64]:
    """Return float64[set]: how much of a step ago each bay is looked at; both sides of a transformer are one bay."""
    age = random.uniform(0, 1, len(VOLT_INPUTS))
    age[8:10] = age[6:8]
    return age
