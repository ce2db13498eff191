"""Each step does to the measurements what its fault does in a substation, and to no others; and it ends."""

import math

import numpy as np
import pytest

from simulator.gas import GASES, MIXTURES
from simulator.grid import Grid
from simulator.meter import BAYS, INDEX, NAMES, SIGMA
from simulator.play import Play
from simulator.scenario import parse
from simulator.steps import STEPS
from simulator.thermal import oil_rise

NOISE = 6 * SIGMA


def two(step: str, *, at_s: float = 5, for_s: float = 20) -> tuple[Play, Play]:
    """The same substation with `step` and without."""
    head = "name: x\nseed: 3\n"
    return (
        Play(parse(f"{head}steps:\n  - {{at_s: {at_s}, for_s: {for_s}, {step}}}", "x.yaml")),
        Play(parse(head, "x.yaml")),
    )


def to(plays: tuple[Play, Play], *times_s: float) -> tuple[Grid, Grid]:
    for time_s in times_s:
        for play in plays:
            play.to(time_s)
    return plays[0].grid, plays[1].grid


def differing(one: Grid, other: Grid) -> set[str]:
    """Return the points that are not the same; both sections are solved together, so rounding goes everywhere."""
    same = np.isclose(one.values, other.values, rtol=1e-9, atol=1e-9)
    return {NAMES[row] for row in np.flatnonzero(~same)}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("do: sensor_gain, point: feeder1.ia, factor: 1.1", 1.1),
        ("do: sensor_sign, point: t1.p", -1.0),
        ("do: sensor_drift, point: bus1.va, percent_per_hour: 360", 1.01),
        ("do: sensor_spike, point: feeder2.q, factor: 3", 3.0),
    ],
)
def test_a_wrong_instrument_shows_a_multiple_of_what_is_there(step, expected):
    """Ten seconds in, exactly this point is off, by exactly this factor; before and afterwards nothing is."""
    plays = two(step)
    assert differing(*to(plays, 1, 4)) == set()
    wrong, sound = to(plays, 5, 15)
    (point,) = plays[0].active[0].points
    assert differing(wrong, sound) == {point}
    assert wrong[point] / sound[point] == pytest.approx(expected)
    assert differing(*to(plays, 26)) == set()


def test_a_stuck_sensor_keeps_its_last_value():
    """It shows what it showed before, and measures again at the end."""
    plays = two("do: stuck_sensor, point: t2.oil")
    before = to(plays, 1, 4)[0]["t2.oil"]
    wrong, _ = to(plays, 5, 15)
    assert wrong["t2.oil"] == before
    assert differing(*to(plays, 26)) == set()


def test_a_noisy_sensor_has_the_noise_it_was_given():
    """Its deviation from what is there has this standard deviation, no bias, and ends."""
    plays = two("do: sensor_noise, point: feeder1.vb, percent: 2", for_s=400)
    off = []
    for time_s in range(5, 405):
        wrong, sound = to(plays, time_s)
        off.append(wrong["feeder1.vb"] / sound["feeder1.vb"] - 1)

    assert np.std(off) == pytest.approx(0.02, rel=0.15)
    assert abs(np.mean(off)) < 0.004
    assert differing(*to(plays, 406)) == set()


def test_swapped_points_show_each_other():
    """Each of the two has the other's value, and no third point is touched."""
    plays = two("do: swapped_points, point: feeder1.p, other: feeder2.p")
    wrong, sound = to(plays, 5, 15)

    assert (wrong["feeder1.p"], wrong["feeder2.p"]) == (sound["feeder2.p"], sound["feeder1.p"])
    assert differing(wrong, sound) == {"feeder1.p", "feeder2.p"}
    assert differing(*to(plays, 26)) == set()


def test_swapped_current_phases_spoil_the_powers():
    """Two currents are exchanged, and the meter multiplies them by the wrong voltages; S^2 = P^2 + Q^2 still holds."""
    plays = two("do: swapped_phases, unit: feeder3, inputs: current, phases: bc")
    wrong, sound = to(plays, 5, 15)

    assert wrong["feeder3.ib"] == pytest.approx(sound["feeder3.ic"], rel=NOISE)
    assert wrong["feeder3.ia"] == pytest.approx(sound["feeder3.ia"], rel=NOISE)
    assert abs(wrong["feeder3.p"]) < 0.2 * sound["feeder3.p"]
    assert wrong["feeder3.s"] == pytest.approx(math.hypot(wrong["feeder3.p"], wrong["feeder3.q"]))
    assert differing(wrong, sound) <= {*plays[0].active[0].points, "feeder3.in"}  # the same sum of other noise
    assert differing(*to(plays, 26)) == set()


def test_swapped_voltage_phases_show_in_the_voltages_between():
    """Of the voltages between phases, only those with a third phase change places."""
    plays = two("do: swapped_phases, unit: feeder1, inputs: voltage, phases: ab")
    wrong, sound = to(plays, 5, 15)

    assert wrong["feeder1.va"] == pytest.approx(sound["feeder1.vb"], rel=NOISE)
    assert wrong["feeder1.vbc"] == pytest.approx(sound["feeder1.vca"], rel=NOISE)
    assert wrong["feeder1.vab"] == pytest.approx(sound["feeder1.vab"], rel=NOISE)
    assert differing(wrong, sound) <= {*plays[0].active[0].points, "feeder1.vab"}


def test_a_blown_fuse_takes_a_phase_and_a_third_of_the_power():
    """One phase voltage is next to nothing, the two voltages between that contain it fall to the phase voltage."""
    plays = two("do: vt_fuse, unit: feeder4, phase: b")
    wrong, sound = to(plays, 5, 15)

    assert wrong["feeder4.vb"] < 0.06 * sound["feeder4.vb"]
    assert wrong["feeder4.vab"] == pytest.approx(sound["feeder4.va"], rel=0.04)
    assert wrong["feeder4.vca"] == sound["feeder4.vca"]
    assert wrong["feeder4.p"] == pytest.approx(sound["feeder4.p"] * 2 / 3, rel=0.06)
    assert differing(wrong, sound) <= set(plays[0].active[0].points)
    assert differing(*to(plays, 26)) == set()


def test_a_reversed_current_transformer_takes_two_thirds_of_the_power():
    """Currents stay; one phase counts backwards; the neutral sees about twice a phase."""
    plays = two("do: ct_reversed, unit: feeder2, phase: a")
    wrong, sound = to(plays, 5, 15)

    assert wrong["feeder2.ia"] == pytest.approx(sound["feeder2.ia"])
    assert wrong["feeder2.p"] == pytest.approx(sound["feeder2.p"] / 3, rel=0.06)
    assert wrong["feeder2.in"] == pytest.approx(2 * sound["feeder2.ia"], rel=0.06)
    assert differing(*to(plays, 26)) == set()


@pytest.mark.parametrize("unit", ["feeder5", "all"])
def test_a_replay_serves_every_digit_once_more(unit):
    """The bay, or all, shows exactly what it showed one recording ago, twice over; the others go on; then it ends."""
    plays = two(f"do: replay, unit: {unit}, record_s: 10", at_s=30, for_s=20)
    shown = []
    for time_s in range(49):
        wrong, sound = to(plays, time_s)
        shown.append(wrong.values)
    rows = [row for row, name in enumerate(NAMES) if unit == "all" or name.startswith(unit)]
    live = [row for row in range(len(NAMES)) if row not in rows]

    for time_s in range(31, 40):
        np.testing.assert_array_equal(shown[time_s][rows], shown[time_s - 10][rows])
        np.testing.assert_array_equal(shown[time_s + 9][rows], shown[time_s - 1][rows])
    np.testing.assert_array_equal(wrong.values[live], sound.values[live])
    assert {NAMES[row] for row in rows} == set(plays[0].active[0].points)
    assert differing(*to(plays, 51)) == set()


def test_a_slow_injection_keeps_every_balance():
    """The told load grows to its factor, the transformer with it, both sides; currents, powers and voltages agree."""
    plays = two("do: slow_injection, feeder: feeder2, factor: 1.5", at_s=10, for_s=600)
    early = to(plays, 11)[0]["feeder2.p"] / plays[1].grid["feeder2.p"]
    for time_s in range(20, 600, 20):
        wrong, sound = to(plays, time_s)

    assert early == pytest.approx(1, abs=0.01)
    assert wrong["feeder2.p"] / sound["feeder2.p"] == pytest.approx(1 + 0.5 * 570 / 600, rel=0.01)
    assert wrong["t1.p"] == pytest.approx(sum(wrong[f"feeder{n}.p"] for n in (1, 2, 3)), rel=8 * SIGMA)
    assert wrong["t1.hp"] > wrong["t1.p"] > sound["t1.p"]
    apparent = sum(wrong[f"feeder2.v{phase}"] * wrong[f"feeder2.i{phase}"] for phase in "abc") / 1000
    assert wrong["feeder2.s"] == pytest.approx(apparent, rel=2e-3)
    assert wrong["feeder2.e"] > sound["feeder2.e"]
    np.testing.assert_array_equal(wrong.thermal.oil, sound.thermal.oil)
    assert "feeder2.e" in differing(*to(plays, 611))  # a counter does not forget
    assert {name for name in differing(*to(plays, 612)) if not name.endswith(".e")} == set()


def test_an_overload_grows_as_long_as_it_should():
    """Half way up the ramp it is half the way; then it stays, and the oil becomes warmer; then it is over."""
    plays = two("do: overload, of: t1, factor: 2, ramp_s: 100", for_s=4000)
    wrong, sound = to(plays, 5, 55)
    half = wrong["t1.s"] / sound["t1.s"]
    wrong, sound = to(plays, *range(60, 3600, 60))

    assert half == pytest.approx(1.5, rel=0.03)
    assert wrong["t1.s"] / sound["t1.s"] == pytest.approx(2, rel=0.06)
    assert wrong["t1.oil"] > sound["t1.oil"] + 3
    assert wrong["t2.s"] == pytest.approx(sound["t2.s"], rel=1e-9)
    wrong, sound = to(plays, 4010)
    assert wrong["feeder1.p"] / sound["feeder1.p"] == pytest.approx(1, rel=0.05)


def test_a_load_step_is_the_feeders_alone():
    """Its currents change by the factor; those of the other section not at all."""
    plays = two("do: load_step, feeder: feeder6, factor: 1.3")
    wrong, sound = to(plays, 5, 15)

    assert wrong["feeder6.ia"] / sound["feeder6.ia"] == pytest.approx(1.3, rel=0.01)
    assert not {name for name in differing(wrong, sound) if name.partition(".")[0] in ("feeder1", "t1", "bus1")}


def test_without_its_coolers_oil_gets_hotter_than_the_load_explains():
    """The oil goes towards the rise it was given, at its own pace; the load is what it was."""
    plays = two("do: cooling_failure, transformer: t2, rise: 2", for_s=80_000)
    wrong, sound = to(plays, 5, *range(600, 4 * 3600, 600))
    load = np.array([sound["t2.s"] / 16_000])

    assert wrong["t2.s"] == sound["t2.s"]
    assert 0.7 * oil_rise(load)[0] < wrong["t2.oil"] - sound["t2.oil"] < 1.1 * oil_rise(load)[0]
    assert wrong["t1.oil"] == sound["t1.oil"]


def test_a_hunting_tap_changer_goes_up_and_down():
    """Two moves a period, and back where it was at the end of each."""
    plays = two("do: tap_hunting, transformer: t1, period_s: 20", at_s=5, for_s=200)
    taps = [to(plays, time_s)[0]["t1.tap"] for time_s in range(205)]

    assert np.count_nonzero(np.diff(taps)) == pytest.approx(20, abs=1)
    assert np.ptp(taps) <= 2


def test_a_tap_moved_by_hand_moves_the_voltage():
    """One position up is 1.25 % more."""
    plays = two("do: tap_change, transformer: t2, by: 1")
    wrong, sound = to(plays, 5, 6)

    assert wrong["t2.tap"] == sound["t2.tap"] + 1
    assert wrong["bus2.va"] / sound["bus2.va"] == pytest.approx(1.0125, abs=0.002)


@pytest.mark.parametrize("fault", MIXTURES)
def test_gas_grows_in_the_proportions_of_its_fault_and_stays(fault):
    """After two hours the foremost gas has grown by twice its rate; afterwards all of it is still there."""
    plays = two(f"do: incipient_gas, transformer: t1, fault: {fault}, ppm_per_h: 500", at_s=0, for_s=7200)
    wrong, sound = to(plays, *range(0, 7201, 300), 9000)
    grown = np.array([wrong[f"t1.{gas}"] - sound[f"t1.{gas}"] for gas in GASES])
    mixture = MIXTURES[fault] / MIXTURES[fault][:5].max()

    np.testing.assert_allclose(grown, 1000 * mixture, atol=0.05 * 1000 + 100 * mixture[6])
    assert wrong["t2.h2"] == sound["t2.h2"]


@pytest.mark.parametrize("fault", MIXTURES)
def test_gas_is_what_its_fault_is_called(fault):
    """Methane, ethylene and acetylene lie in the zone of Duval's triangle 1 of this name."""
    _, ch4, _, c2h4, c2h2 = MIXTURES[fault][:5]
    methane, ethylene, acetylene = 100 * np.array([ch4, c2h4, c2h2]) / (ch4 + c2h4 + c2h2)
    zones = {
        "PD": methane >= 98,
        "D1": acetylene > 13 and ethylene < 23,
        "D2": (acetylene > 13 and 23 <= ethylene <= 40) or (acetylene > 29 and ethylene > 40),
        "T1": methane < 98 and ethylene < 20 and acetylene < 4,
        "T2": 20 <= ethylene < 50 and acetylene < 4,
        "T3": ethylene >= 50 and acetylene < 15,
    }

    assert [zone for zone, inside in zones.items() if inside] == [fault]


def test_a_worn_breaker_opens_once_a_period():
    """It is open for the first half of each, and closed at the end."""
    plays = two("do: breaker_wear, feeder: feeder1, period_s: 10", at_s=5, for_s=100)
    closed = [to(plays, time_s)[0]["feeder1.cb52"] for time_s in range(107)]

    assert np.count_nonzero(np.diff(closed) < 0) == 10
    assert closed[-1] == 1


def test_a_sagging_phase_is_unbalance_everywhere_below():
    """Phase a of each section is low, the others are not."""
    plays = two("do: voltage_unbalance, percent: 6")
    wrong, sound = to(plays, 5, 15)
    for bus in ("bus1", "bus2"):
        assert wrong[f"{bus}.va"] / sound[f"{bus}.va"] == pytest.approx(0.94, abs=0.01)
        assert wrong[f"{bus}.vb"] / sound[f"{bus}.vb"] == pytest.approx(1, abs=0.01)
    recovered, sound = to(plays, 26)

    assert recovered["t1.hva"] == sound["t1.hva"]


def test_a_frequency_goes_where_it_was_sent():
    """Half way within its ramp, there after it, everywhere, and back."""
    plays = two("do: frequency_excursion, offset_hz: -0.8")
    wrong, sound = to(plays, 5, 7.5)
    assert wrong["bus1.f"] - sound["bus1.f"] == pytest.approx(-0.4)
    wrong, sound = to(plays, 12)
    assert {round(wrong[f"{bay}.f"] - sound[f"{bay}.f"], 6) for bay in BAYS if "f" in BAYS[bay]} == {-0.8}
    assert differing(*to(plays, 26)) == set()


def test_the_coupler_makes_both_sections_one():
    """While it is closed both bus sections have one voltage; each tells it; then it is open."""
    plays = two("do: coupler")
    wrong, _ = to(plays, 5, 15)

    assert wrong["bus1.va"] == pytest.approx(wrong["bus2.va"], rel=NOISE)
    assert (wrong["bus1.coupler"], wrong["bus2.coupler"]) == (1, 1)
    assert to(plays, 26)[0]["bus1.coupler"] == 0


def test_bays_that_look_at_moments_of_their_own_agree_on_average():
    """Spread looks make balances rustle within a second, never drift: the mean over minutes is as close as ever."""
    grid, off = Grid(5, spread=True), []
    for _ in range(300):
        grid.step(1.0)
        off.append(grid["t1.p"] / sum(grid[f"feeder{n}.p"] for n in (1, 2, 3)) - 1)

    assert abs(np.mean(off)) < SIGMA
    assert 1.2 * SIGMA < np.std(off) * math.sqrt(3) < 8 * SIGMA


def test_every_step_names_points_and_bays_that_exist(a_step_of_each_kind):
    """And some kinds of finding, unless it is an ordinary day's."""
    ordinary = {"feeder_trip", "load_step", "tap_change", "coupler"}
    for step in a_step_of_each_kind:
        assert set(step.points) <= set(INDEX)
        assert set(step.devices) <= set(BAYS)
        assert step.devices
        assert bool(step.FINDS) is (step.do not in ordinary)
        assert len(set(step.points)) == len(step.points)


@pytest.fixture
def a_step_of_each_kind():
    keys = {
        "over_voltage": "bus: bb1, per_unit: 1.1",
        "feeder_trip": "feeder: feeder1",
        "load_step": "feeder: feeder1, factor: 1.2",
        "tap_change": "transformer: t1, by: 1",
        "coupler": "",
        "voltage_unbalance": "percent: 5",
        "frequency_excursion": "offset_hz: 1",
        "stuck_sensor": "point: t1.oil",
        "sensor_gain": "point: t1.oil, factor: 2",
        "sensor_sign": "point: t1.p",
        "sensor_drift": "point: t1.p, percent_per_hour: 5",
        "sensor_spike": "point: t1.p, factor: 5",
        "sensor_noise": "point: t1.p, percent: 5",
        "swapped_points": "point: t1.p, other: t1.q",
        "swapped_phases": "unit: t1, inputs: voltage, phases: ca",
        "ct_reversed": "unit: t1, phase: c",
        "vt_fuse": "unit: bus1, phase: c",
        "replay": "unit: all, record_s: 60",
        "slow_injection": "feeder: feeder5, factor: 2",
        "overload": "of: feeder5, factor: 2",
        "cooling_failure": "transformer: t1",
        "tap_hunting": "transformer: t1",
        "incipient_gas": "transformer: t1, fault: D2, ppm_per_h: 5",
        "breaker_wear": "feeder: feeder1",
        "dead_unit": "unit: t1",
        "closed_unit": "unit: t1",
        "cut_frame": "unit: t1",
        "garbage": "unit: t1",
        "slow_unit": "unit: t1, delay_s: 3",
        "illegal_address": "point: t1.oil",
        "clock_step": "unit: t1, by_s: 60",
        "coordinated_trip": "",
        "restart_unit": "unit: t1",
        "forged_trip": "feeder: feeder1",
        "frozen_counter": "feeder: feeder1",
        "man_in_the_middle": "unit: t1",
        "other_firmware": "unit: t1",
        "stolen_coil": "",
        "strange_exceptions": "unit: t1",
        "unasked_reports": "unit: t1",
        "wrong_unit": "unit: t1",
    }
    assert keys.keys() == STEPS.keys()
    lines = (f"  - {{at_s: 1, for_s: 1, do: {do}, {more}}}" for do, more in keys.items())
    return parse("name: x\nsteps:\n" + "\n".join(lines).replace(", }", "}"), "x.yaml").steps
