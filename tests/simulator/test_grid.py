"""The grid obeys physics at any hour and with any seed."""

import math

import numpy as np
import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from simulator.grid import Grid
from simulator.load import DAY_S, HOUR_S
from simulator.meter import BAYS, INDEX, NAMES, SIGMA
from simulator.network import BUS_OF, IMPEDANCE, MV_V, NO_LOAD_VA, per_unit
from simulator.tapchanger import BAND_PU, DELAY_S, TARGET_PU
from simulator.thermal import ambient

FEEDERS = [bay for bay in BAYS if bay.startswith("feeder")]
TRANSFORMERS = ["t1", "t2"]
ANY_GRID = given(seed=st.integers(0, 2**32), hour=st.floats(0, 24), dt_s=st.floats(0.05, 30))


def stepped(seed: int, hour: float, dt_s: float) -> Grid:
    grid = Grid(seed, hour * HOUR_S)
    for _ in range(3):
        grid.step(dt_s)
    return grid


@ANY_GRID
@examples(40)
def test_true_power_balances(seed, hour, dt_s):
    """On each bus the transformer feeds exactly its feeders; above it, plus iron losses, plus R I^2 and X I^2."""
    flow = stepped(seed, hour, dt_s).flow
    mv = (flow.bus_v * flow.mv_i.conj()).sum(axis=1)
    feeders = (flow.bus_v[BUS_OF] * flow.feeder_i.conj()).sum(axis=1).reshape(2, 3).sum(axis=1)
    hv = (flow.hv_v * flow.hv_i.conj()).sum(axis=1)
    losses = NO_LOAD_VA + IMPEDANCE * (np.abs(flow.mv_i) ** 2).sum(axis=1)

    np.testing.assert_allclose(mv, feeders, rtol=1e-9)
    np.testing.assert_allclose(hv, mv + losses, rtol=1e-9)


@ANY_GRID
@examples(40)
def test_measurements_are_consistent(seed, hour, dt_s):
    """S^2 = P^2 + Q^2, pf = P / S, S is the sum of V I, and line voltages are root three of the phases'."""
    grid = stepped(seed, hour, dt_s)
    for bay in FEEDERS + TRANSFORMERS:
        of = {quantity: grid[f"{bay}.{quantity}"] for quantity in BAYS[bay]}
        volt_amperes = sum(of["v" + phase] * of["i" + phase] for phase in "abc") / 1000

        assert of["s"] == pytest.approx(math.hypot(of["p"], of["q"]))
        assert of["pf"] == pytest.approx(of["p"] / of["s"])
        assert of["s"] == pytest.approx(volt_amperes, rel=2e-3)
    for bay in [*FEEDERS, "bus1", "bus2"]:
        assert grid[f"{bay}.vab"] == pytest.approx(math.sqrt(3) * grid[f"{bay}.va"], rel=0.01)


@ANY_GRID
@examples(40)
def test_measured_feeders_balance_with_their_transformer(seed, hour, dt_s):
    """Kirchhoff holds between instruments as closely as their class allows."""
    grid = stepped(seed, hour, dt_s)
    for transformer, feeders in (("t1", FEEDERS[:3]), ("t2", FEEDERS[3:])):
        total = sum(grid[f"{feeder}.p"] for feeder in feeders)

        assert grid[f"{transformer}.p"] == pytest.approx(total, rel=8 * SIGMA)
        assert grid[f"{transformer}.p"] < grid[f"{transformer}.hp"]


def test_neutral_current_is_the_phasor_sum():
    """What the phases do not cancel returns through the neutral: less than their arithmetic spread allows."""
    grid = Grid(3)
    true = np.abs(grid.flow.feeder_i.sum(axis=1))
    for index, bay in enumerate(FEEDERS):
        phases = [grid[f"{bay}.i{phase}"] for phase in "abc"]
        noise = 4 * SIGMA * sum(phases)

        assert grid[f"{bay}.in"] == pytest.approx(true[index], abs=noise)
        assert grid[f"{bay}.in"] <= max(phases) - min(phases) + noise


def test_energy_is_the_integral_of_power():
    """The counter advances by what the true power integrates to."""
    grid, watt_seconds = Grid(5), np.zeros(6)
    before = grid.energy_wh.copy()
    for _ in range(100):
        grid.step(7.0)
        watt_seconds += grid.feeder_w() * 7.0

    np.testing.assert_allclose(grid.energy_wh - before, watt_seconds / HOUR_S, rtol=1e-6)
    assert grid["feeder4.e"] == pytest.approx(grid.energy_wh[3] / 1000)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_regulators_hold_the_band_all_day(seed):
    """The bus voltage leaves the dead-band, but never longer than the delay and one tap needs."""
    grid, outside_s, taps = Grid(seed, 0.0), np.zeros(2), set()
    for _ in range(int(DAY_S / 20)):
        grid.step(20.0)
        outside = np.abs(per_unit(grid.flow.bus_v) - TARGET_PU) > BAND_PU
        outside_s = np.where(outside, outside_s + 20.0, 0.0)
        taps.add(tuple(grid.taps.tap))

        assert outside_s.max() <= DELAY_S + 20.0
    assert len(taps) > 1


def test_top_oil_follows_the_load_late():
    """After all load is gone the oil cools by about a time constant's share, and ends a little above the air."""
    grid = Grid(2, 20 * HOUR_S)
    warm = grid["t1.oil"]
    for feeder in FEEDERS[:3]:
        grid.switch(feeder, closed=False)
    grid.advance(grid.time_s + 60)
    soon = grid["t1.oil"]
    grid.advance(grid.time_s + 24 * HOUR_S)

    assert warm - soon < 1
    assert grid["t1.oil"] == pytest.approx(ambient(grid.time_s) + 11, abs=3)
    assert grid["t1.winding"] == pytest.approx(grid["t1.oil"], abs=0.5)


def test_the_coupler_ties_the_sections():
    """With the coupler closed both sections have one voltage; it carries what one transformer lends the other."""
    grid = Grid(4)
    grid.step(1.0)
    grid.network.coupler = True
    grid.step(1.0)
    flow = grid.flow
    own = flow.feeder_i[:3].sum(axis=0)

    np.testing.assert_allclose(flow.bus_v[0], flow.bus_v[1], rtol=1e-3)
    np.testing.assert_allclose(flow.mv_i[0] - flow.coupler_i, own, rtol=1e-6)
    assert grid["bus1.coupler"] == 1.0


def test_a_bus_without_a_source_is_dead():
    """With its transformer off and the coupler open a section has no voltage, no current, and no NaN."""
    grid = Grid(4)
    grid.network.transformers[0] = False
    grid.step(1.0)

    assert grid["bus1.va"] == 0
    assert grid["feeder1.ia"] == 0
    assert grid["t1.cb52"] == 0
    assert np.isfinite(grid.values).all()
    assert grid["bus2.va"] == pytest.approx(MV_V, rel=0.05)


@pytest.mark.parametrize("level", [0.5, 0.9, 1.09, 1.2])
def test_a_forced_bus_has_the_asked_voltage(level):
    """A forced bus shows what was asked for, with the regulator blocked, and returns when let go."""
    grid = Grid(6)
    grid.force("bb1", level)
    grid.advance(grid.time_s + 300)
    forced = per_unit(grid.flow.bus_v)
    assert grid["t1.avr"] == 0
    grid.force("bb1", None)
    grid.step(1.0)

    assert forced[0] == pytest.approx(level, rel=1e-3)
    assert forced[1] == pytest.approx(TARGET_PU, abs=0.02)
    assert per_unit(grid.flow.bus_v)[0] == pytest.approx(TARGET_PU, abs=0.02)
    assert grid["t1.avr"] == 1


def test_an_open_feeder_carries_nothing():
    """Current and power of a tripped feeder are exactly zero; its voltage stays; it comes back when closed."""
    grid = Grid(6)
    grid.switch("feeder2", closed=False)
    grid.step(1.0)
    zero = {quantity: grid[f"feeder2.{quantity}"] for quantity in ("ia", "ib", "ic", "in", "p", "q", "s", "cb52")}
    volts = grid["feeder2.va"]
    grid.switch("feeder2", closed=True)
    grid.step(1.0)

    assert set(zero.values()) == {0.0}
    assert volts == pytest.approx(MV_V, rel=0.05)
    assert grid["feeder2.ia"] > 10


def test_a_held_instrument_keeps_its_value():
    """Only the held point stands still, to its last digit."""
    grid = Grid(6)
    grid.hold("feeder3.ia", held=True)
    held, free = grid["feeder3.ia"], grid["feeder3.ib"]
    grid.step(1.0)
    assert (grid["feeder3.ia"], grid["feeder3.ib"] != free) == (held, True)
    grid.hold("feeder3.ia", held=False)
    grid.step(1.0)

    assert grid["feeder3.ia"] != held


def test_the_seed_decides_everything():
    """Two grids of one seed and the same steps agree to the last bit; another seed differs everywhere it may."""
    one, two, other = Grid(11), Grid(11), Grid(12)
    for grid in (one, two, other):
        grid.advance(grid.time_s + 100)

    np.testing.assert_array_equal(one.values, two.values)
    assert (one.values != other.values).mean() > 0.85


def test_every_measurement_has_noise_digits():
    """No analogue value repeats from one reading to the next, so a stuck one can be told."""
    grid = Grid(1)
    before = grid.values
    grid.step(1.0)
    still = {NAMES[row].split(".")[1] for row in np.flatnonzero(before == grid.values)}

    assert still <= {"cb52", "avr", "tap", "coupler"}
    assert len(INDEX) == len(NAMES)
