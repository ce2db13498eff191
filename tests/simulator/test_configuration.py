"""config/demo.yaml is what the register maps say, loads as a gateway's configuration, and alarms when it should."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import TypeAdapter

from gateway.config.model import Config
from simulator.configuration import configuration, demo_urls, device_name
from simulator.grid import Grid
from simulator.load import DAY_S, HOUR_S
from simulator.meter import BAYS, INDEX
from simulator.registers import MAPS, image
from simulator.scenario import load
from simulator.speakers import POLYGLOTS, SPEAKERS

DEMO = Path(__file__).parents[2] / "config" / "demo.yaml"


def limits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, lowest and highest permitted value of every point with limits, as configured."""
    config = TypeAdapter(Config).validate_python(yaml.safe_load(DEMO.read_text("utf-8")))
    found = [
        (INDEX[f"{device.name}.{point.name}"], point.limits.low, point.limits.high)
        for device in config.devices
        for point in device.points
        if point.limits is not None
    ]
    rows, low, high = zip(*found, strict=True)
    return np.array(rows), np.array([-np.inf if v is None else v for v in low]), np.array(high, float)


def test_the_demo_configuration_is_fresh():
    """The committed file is what the register maps give; otherwise `python -m simulator.configuration` renews it."""
    assert DEMO.read_text("utf-8") == configuration(demo_urls())


def test_it_is_a_valid_configuration_with_every_measurement():
    """The gateway accepts it, with no fault between keys, and each measurement of each bay is a point."""
    config = TypeAdapter(Config).validate_python(yaml.safe_load(configuration(demo_urls())))

    assert [fault for device in config.devices for fault in device.faults()] == []
    twins = {device_name(word, bay): set(BAYS[bay]) for word in SPEAKERS for bay in POLYGLOTS}
    assert {device.name: {p.name for p in device.points} for device in config.devices} == {
        bay: set(quantities) for bay, quantities in BAYS.items()
    } | twins
    assert {p.kind for device in config.devices for p in device.points} >= {
        "float32",
        "int32",
        "uint16",
        "int16",
        "bool",
    }
    assert {p.place.table for d in config.devices if d.protocol == "modbus" for p in d.points} == {
        "coil",
        "discrete",
        "holding",
        "input",
    }


@pytest.mark.parametrize(("scenario", "seed"), [("normal", 1), pytest.param("demo", 7, marks=pytest.mark.slow)])
def test_a_normal_day_crosses_no_limit(scenario, seed):
    """24 simulated hours without steps stay within every configured limit."""
    start = load(scenario).start_s
    grid, (rows, low, high) = Grid(seed, start), limits()
    for second in range(30, int(DAY_S), 30):
        grid.advance(start + second)
        values = grid.values[rows]

        assert (values > low).all()
        assert (values < high).all()


def test_the_over_voltage_of_the_demo_is_high_on_the_three_phases_of_its_bus_only():
    """While it lasts exactly bus1's phases are above high, for longer than the delay; none is above high_high."""
    step = load("demo").steps[0]
    grid, (rows, low, high) = Grid(7, 18.5 * HOUR_S), limits()
    step.begin(type("Stage", (), {"grid": grid})())
    for _ in range(int(step.for_s)):
        grid.step(1.0)
        values = grid.values[rows]
        crossed = {name for name, row in INDEX.items() if row in rows[values > high]}

        assert crossed == {"bus1.va", "bus1.vb", "bus1.vc"}
        assert (values > low).all()
        assert grid.values[[INDEX[name] for name in crossed]].max() < 7110
    on_delay_s = next(r.limits["on_delay_s"] for r in MAPS["bus1"] if r.name == "va")
    assert step.at_s + on_delay_s + 2 < 12


def test_values_beyond_a_type_stop_at_its_end():
    """A register never wraps around: what does not fit is the largest or smallest it can show."""
    words = image(MAPS["feeder1"], "holding", lambda name: {"ia": 1e6, "ib": -5.0}.get(name, 0.0))

    assert words[9:11] == [0xFFFF, 0]


def test_no_two_measurements_share_a_register():
    """Every map is free of overlaps, its own bits apart."""
    for registers in MAPS.values():
        taken = [(r.table, r.offset + n, r.bit) for r in registers for n in range(r.width)]

        assert len(set(taken)) == len(taken)
