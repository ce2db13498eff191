"""`profile:` of a device: what it brings, what comes before it, and where its faults stand."""

from pathlib import Path

import pytest

from gateway.config import profile
from gateway.config.loader import load

HEAD = "gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\ndevices:\n"
METER = """\
protocol: modbus
max_registers: 50
every_s: 5
points:
  - {name: va, address: "holding:0", type: float32, unit: V, role: {quantity: voltage, phase: a}}
  - {name: ia, address: "holding:2", type: float32, unit: A}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Be in a folder with the profile meter.yaml."""
    monkeypatch.chdir(tmp_path)
    Path("meter.yaml").write_text(METER)
    return tmp_path


def devices(text):
    Path("gateway.yaml").write_text(HEAD + text)
    return load(Path("gateway.yaml")).devices


def test_points_of_the_profile_come_first(folder):
    """The device's own points are added behind them; its own keys come before those of the profile."""
    [device] = devices("""\
  - name: m1
    profile: meter.yaml
    url: tcp://h:502
    every_s: 1
    points: [{name: p, address: "holding:4", type: float32}]
""")

    assert [point.name for point in device.points] == ["va", "ia", "p"]
    assert (device.every_s, device.max_registers, device.protocol) == (1, 50, "modbus")


def test_a_point_of_the_same_name_takes_over(folder):
    """Keys it has come before the profile's; limits and role key by key."""
    [device] = devices("""\
  - {name: m1, profile: meter.yaml, url: "tcp://h:502", points: [{name: va, limits: {high: 253}, role: {bay: f1}}]}
""")

    va = device.points[0]
    assert len(device.points) == 2
    assert (va.address, va.unit, va.limits.high) == ("holding:0", "V", 253)
    assert (va.role.bay, va.role.quantity, va.role.phase) == ("f1", "voltage", "a")


def test_many_devices_share_a_profile(folder):
    """Also those of included files; the name of a file is relative to the file that has it."""
    (folder / "bays").mkdir()
    (folder / "bays" / "a.yaml").write_text("- {name: m2, profile: ../meter.yaml, url: 'tcp://h:503'}\n")
    Path("gateway.yaml").write_text(
        "include: [bays/*.yaml]\n" + HEAD + "  - {name: m1, profile: meter.yaml, url: 'tcp://h:502'}\n"
    )

    assert [len(device.points) for device in load(Path("gateway.yaml")).devices] == [2, 2]


def test_profiles_that_come_with_the_gateway_have_names(folder):
    """MAKER/KIND, wherever the configuration lies."""
    [device] = devices("  - {name: m1, protocol: modbus, profile: siemens/pac3200, url: 'tcp://h:502'}\n")

    assert "siemens/pac3200" in profile.names()
    assert device.points[0].address == "holding:1"


DEVICE = "  - {name: m1, profile: meter.yaml, url: 'tcp://h:502'"
FAULTS = {
    "unknown": (
        "  - {name: m1, protocol: modbus, profile: siemens/pac320, url: 'tcp://h:502'}\n",
        None,
        ["gateway.yaml:4:43: devices[0].profile: 'siemens/pac320' is unknown; allowed are abb/b23, "],
    ),
    "no_file": (
        "  - {name: m1, protocol: modbus, profile: other.yaml, url: 'tcp://h:502'}\n",
        None,
        ["gateway.yaml:4:43: devices[0].profile: other.yaml: no such file"],
    ),
    "fault_in_the_profile": (
        DEVICE + "}\n",
        METER.replace("holding:2", "holdin:2"),
        ["meter.yaml:6:25: points[1].address: address 'holdin:2' is none of coil:N"],
    ),
    "fault_in_a_point_of_both": (
        DEVICE + ", points: [{name: va, scale: x}]}\n",
        METER,
        ["gateway.yaml:4:84: devices[0].points[0].scale: 'x' is a text; a number is allowed (m1.va)"],
    ),
    "fault_in_an_own_point": (
        DEVICE + ", points: [{name: p, address: 'holding:x'}]}\n",
        METER,
        ["gateway.yaml:4:85: devices[0].points[0].address: address 'holding:x' is none of"],
    ),
    "own_point_overlaps_the_profile": (
        DEVICE + ", points: [{name: p, address: 'holding:3'}]}\n",
        METER,
        ["gateway.yaml:4:85: devices[0].points[0].address: holding:3 overlaps ia at holding:2 (m1.p)"],
    ),
    "own_point_twice": (
        DEVICE + ", points: [{name: va, scale: 2}, {name: va, address: 'holding:9'}]}\n",
        METER,
        ["gateway.yaml:4:95: devices[0].points[1].name: point 'va' is already in line 4; each of a device needs"],
    ),
    "profile_point_twice": (
        DEVICE + "}\n",
        METER.replace("name: ia", "name: va"),
        ["meter.yaml:6:12: points[1].name: point 'va' is already at meter.yaml:5; each of a device needs"],
    ),
    "limits_between_both": (
        DEVICE + ", points: [{name: va, limits: {high: 1}}]}\n",
        METER.replace("unit: V", "limits: {low: 2}"),
        ["gateway.yaml:4:92: devices[0].points[0].limits.high: high 1 is not above low 2"],
    ),
    "unknown_key_in_the_profile": (
        DEVICE + "}\n",
        "colour: red\n" + METER,
        ["meter.yaml:1:1: colour: unknown key; allowed are name, profile"],
    ),
    "missing_in_both": (
        "  - {name: m1, profile: meter.yaml}\n",
        METER,
        ["gateway.yaml:4:5: devices[0].url: this key is missing"],
    ),
    "no_mapping": (
        "  - {name: m1, protocol: modbus, profile: meter.yaml, url: 'tcp://h:502'}\n",
        "- {name: x}\n",
        ["meter.yaml:1:1: file: this is a list; a mapping, a device without name, is allowed"],
    ),
    "points_no_list": (
        DEVICE + "}\n",
        "protocol: modbus\npoints: 5\n",
        ["meter.yaml:2:9: points: 5 is a number; a list is allowed (m1)"],
    ),
    "of_a_profile": (
        DEVICE + "}\n",
        "profile: other.yaml\n" + METER,
        ["meter.yaml:1:1: profile: a profile cannot name another one"],
    ),
    "no_yaml": (
        DEVICE + ", protocol: modbus}\n",
        "protocol: [modbus\n",
        ["gateway.yaml:4:25: devices[0].profile: meter.yaml: "],
    ),
    "no_text": (
        "  - {name: m1, protocol: modbus, profile: 5, url: 'tcp://h:502'}\n",
        None,
        ["gateway.yaml:4:43: devices[0].profile: 5 is a number; a text is allowed"],
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faults_stand_where_the_value_stands(folder, said, case):
    """File, line and column of the profile or of the device, whichever has the value; each said once."""
    text, meter, expected = FAULTS[case]
    if meter is not None:
        Path("meter.yaml").write_text(meter)
    found = said(HEAD + text)

    assert len(found) == len(expected), found
    for fault, start in zip(found, expected, strict=True):
        assert fault.startswith(start), fault


def test_a_profile_cannot_be_reached_around_its_folder(folder, said):
    """A name that is no profile's is none, whatever it spells."""
    [fault] = said(HEAD + "  - {name: m1, protocol: modbus, profile: ../../x, url: 'tcp://h:502'}\n")

    assert "'../../x' is unknown" in fault
