"""Checks of what moves in the plant: trips, outputs, several devices at once, counters and old times."""

from functools import partial

import numpy as np
import pytest
from sightings import NS, Bench, command, orphan, rate

from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Batch, Event, EventKind, Frame, Quality
from protocols.point import Role
from protocols.points import Points

HOST = "10.0.1.{}"
MASTER, STRANGER = "10.0.0.5", "10.0.0.66"
NAMES = ("cb", "va", "ia", "pickup", "close", "p", "e", "setting")


def points_of(bay):
    """Return a breaker, voltage, current, pickup, output, power and energy, and a register that is a set point."""
    role = partial(Role, bay=bay)
    return (
        ModbusPoint(name="cb", address="discrete:0", role=role(quantity="breaker")),
        ModbusPoint(name="va", address="input:0", role=role(quantity="voltage", rating=110.0)),
        ModbusPoint(name="ia", address="input:1", role=role(quantity="current", rating=400.0)),
        ModbusPoint(name="pickup", address="discrete:1"),
        ModbusPoint(name="close", address="coil:0"),
        ModbusPoint(name="p", address="input:2", role=role(quantity="active_power")),
        ModbusPoint(name="e", address="input:4", type="uint32", role=role(quantity="energy")),
        ModbusPoint(name="setting", address="holding:0", use="output"),
    )


class Bay(Bench):
    """Feeders f1 to f4, each of these points, polled once a second."""

    def __init__(self, **policy):
        names = [f"f{number}" for number in range(1, 5)]
        made = [
            ModbusDevice(name=name, protocol="modbus", url=f"tcp://{HOST.format(at)}:502", points=points_of(name))
            for at, name in enumerate(names, 1)
        ]
        super().__init__(Points.of([(device, device.points) for device in made]), **policy)
        normal = {"cb": 1.0, "va": 110.0, "ia": 200.0, "pickup": 0.0, "close": 1.0, "p": 30.0, "e": 0.0, "setting": 5.0}
        self.values = {name: dict(normal) for name in names}
        self.learned()
        self.wait(301, step_s=10)  # what is learned was seen by a tap, of which nothing is heard from then on
        self.poll(3)

    def poll(self, times=1, **changed):
        """Poll all, after changing `f1={"cb": 0}`."""
        for device, values in changed.items():
            self.values[device].update(values)
        for _ in range(times):
            self.wait(1)
            for device in self.values:
                self.batch(device)
            self.show()

    def show(self):
        """Show the plant as it was read."""
        told = [self.values.get(device, {}).get(name, np.nan) for device in self.points.devices for name in NAMES]
        values = np.array(told)
        self.shows(Frame(self.now_ns, self.now_ns, values, ~np.isnan(values)))

    def batch(self, device, time_ns=None, quality=Quality.GOOD):
        rows = np.array(self.points.rows_of[device], np.int32)
        values = np.array([self.values[device][name] for name in NAMES])
        times = np.full(len(rows), self.now_ns if time_ns is None else time_ns, np.int64)
        self.shows(Batch(rows, values, np.full(len(rows), quality, np.uint16), times, self.now_ns))


def test_a_breaker_opens_and_nothing_shows_why():
    """A note the first time; a warning when it happens again soon."""
    bay = Bay()
    bay.poll(f1={"cb": 0.0, "ia": 0.0})
    bay.poll(5)
    assert (bay.alarms["f1/cb/trip_without_cause"].technique, bay.warnings) == ("T0856", [])

    bay.poll(f1={"cb": 1.0, "ia": 200.0})
    bay.poll(60)
    bay.poll(f1={"cb": 0.0, "ia": 0.0})
    bay.poll(5)
    assert bay.warnings == ["f1/cb/trip_without_cause"]


OPEN = {"maintenance": (("2000-01-01", "2100-01-01"),)}


def test_a_breaker_that_is_timed_in_maintenance():
    """It opens again and again at its panel, and an output with it: notes. A command of a stranger is none."""
    bay = Bay(masters=[MASTER], **OPEN)
    bay.sees(rate(MASTER, HOST.format(1)))
    for _ in range(3):
        bay.poll(f1={"cb": 0.0, "ia": 0.0, "close": 0.0})
        bay.poll(20)
        bay.poll(f1={"cb": 1.0, "ia": 200.0, "close": 1.0})
        bay.poll(20)
    assert {"f1/cb/trip_without_cause", "f1/close/change_not_ours"} <= set(bay.alarms)
    assert bay.warnings == []

    bay.sees(command(STRANGER, HOST.format(2), function="5", action="control", protocol="modbus"))
    bay.poll(f2={"close": 0.0})
    bay.poll(10)
    assert "f2/close/change_not_ours" in bay.warnings


def test_a_breaker_opens_while_its_link_is_odd():
    """Two views agree: it is a warning at once."""
    bay = Bay()
    bay.sees(orphan(HOST.format(1), detail="an answer that nobody asked for", why="request"))
    bay.poll(f1={"cb": 0.0, "ia": 0.0})
    bay.poll(5)

    assert "f1/cb/trip_without_cause" in bay.warnings


@pytest.mark.parametrize("before", [{"ia": 2000.0}, {"va": 60.0}, {"pickup": 1.0}])
def test_a_breaker_that_protection_opens(before):
    """A current that rose, a voltage that sagged or a pickup in the poll before is the reason."""
    bay = Bay()
    bay.poll(f1=before)
    bay.poll(f1={"cb": 0.0, "ia": 0.0})
    bay.poll(10)

    assert not bay.said


def test_a_reason_that_is_read_after_the_trip():
    """Points of one device come in several scans: the pickup may be read a second later."""
    bay = Bay()
    bay.poll(f1={"cb": 0.0, "ia": 0.0})
    bay.poll(f1={"pickup": 1.0})
    bay.poll(10)

    assert not bay.said


def test_a_breaker_that_the_control_room_opens():
    """A command of a master explains it; and so does a device that was just reached again."""
    bay = Bay(masters=[MASTER])
    bay.sees(command(MASTER, HOST.format(1), function="5", action="control", protocol="modbus"))
    bay.poll(f1={"cb": 0.0, "ia": 0.0})
    bay.sees(Event("f2", EventKind.CONNECTED, "answers", 0))
    bay.poll(f2={"cb": 0.0, "ia": 0.0})
    bay.poll(10)

    assert not [name for name in bay.alarms if "trip" in name]


def test_bad_quality_is_no_trip():
    """What a device does not vouch for is nothing that has moved."""
    bay = Bay()
    bay.values["f1"]["cb"] = 0.0
    bay.batch("f1", quality=Quality.INVALID)
    bay.values["f1"]["cb"] = 1.0
    bay.poll(10)

    assert not bay.said


@pytest.mark.parametrize(("point", "value"), [("close", 0.0), ("setting", 9.0)])
def test_an_output_that_nobody_wrote(point, value):
    """A note where others may write unseen, a warning where a tap would have seen them: coils, and marked registers."""
    bay = Bay()
    bay.poll(f1={point: value})
    bay.poll(5)
    assert ([*bay.alarms], bay.warnings) == ([f"f1/{point}/change_not_ours"], [])

    bay.sees(rate("10.0.0.7", "10.0.0.8", per_s=1.0))
    bay.poll(f2={point: value})
    bay.poll(5)
    assert bay.warnings == [f"f2/{point}/change_not_ours"]


def test_an_output_that_a_stranger_wrote():
    """Who it was is told."""
    bay = Bay(masters=[MASTER])
    bay.sees(command(STRANGER, HOST.format(1), function="5", action="control", protocol="modbus"))
    bay.poll(f1={"close": 0.0})
    bay.poll(5)

    assert STRANGER in bay.alarms["f1/close/change_not_ours"].text


def test_outputs_with_a_reason():
    """The master's command, the local/remote switch or a protection trip, and a restart all move outputs."""
    bay = Bay(masters=[MASTER])
    bay.sees(command(MASTER, HOST.format(1), function="5", action="control", protocol="modbus"))
    bay.poll(f1={"close": 0.0})
    bay.poll(f2={"close": 0.0, "pickup": 1.0})
    bay.sees(Event("f3", EventKind.CONNECTED, "answers", 0))
    bay.poll(f3={"close": 0.0})
    bay.poll(10)

    assert not [name for name in bay.alarms if "change" in name]


def test_outputs_of_three_devices_at_once():
    """That is a plan; two are a change-over, and three within a minute are an operator at work."""
    bay = Bay(checks={"change_not_ours": "off"})
    bay.poll(f1={"close": 0.0}, f2={"close": 0.0})
    bay.poll(20)
    for device in ("f1", "f2", "f3"):
        bay.poll(20, **{device: {"close": 1.0 if device != "f3" else 0.0}})
    assert not bay.said

    bay.poll(f1={"close": 0.0}, f2={"close": 0.0})
    bay.poll(f4={"close": 0.0})
    bay.poll(5)
    assert bay.warnings == ["f1/together/coordinated_change"]


def test_a_fault_that_trips_three_bays():
    """Protection of several bays acts together: the voltage sags in all of them."""
    bay = Bay()
    sag = {"va": 40.0}
    bay.poll(f1=sag, f2=sag, f3=sag)
    bay.poll(**{device: {"cb": 0.0, "close": 0.0, "ia": 0.0} for device in ("f1", "f2", "f3")})
    bay.poll(10)

    assert not bay.said


def test_energy_that_stands_while_power_flows():
    """A counter that has counted every second for a while and stands for two minutes."""
    bay = Bay()
    for count in range(40):
        bay.poll(f1={"e": float(count)})
    assert not bay.said
    bay.poll(130)

    assert bay.warnings == ["f1/e/replay_frozen"]
    assert bay.alarms["f1/e/replay_frozen"].technique == "T0832"


def test_energy_that_stands_for_a_reason():
    """Without power nothing is counted; of a device that is silent, or a counter that never counted, nobody knows."""
    bay = Bay()
    for count in range(40):
        bay.poll(f1={"e": float(count)}, f2={"e": float(count)})
    bay.poll(f1={"p": 0.0})
    del bay.values["f2"]
    bay.poll(200)

    assert not bay.said


def test_times_that_go_back():
    """Three readings older than those before them are a replay; right after a reconnection they are a buffer."""
    bay = Bay()
    for device in ("f1", "f2"):
        bay.batch(device, time_ns=bay.now_ns - NS // 10)
    bay.sees(Event("f2", EventKind.CONNECTED, "answers", 0))
    bay.batch("f2", time_ns=bay.now_ns - 600 * NS)
    assert not bay.said

    bay.batch("f1", time_ns=bay.now_ns - 600 * NS)
    assert bay.warnings == ["f1/times/replay_frozen"]
