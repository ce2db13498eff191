"""The profiles in config/devices: each is served by a real server, at its addresses, and polled by the driver."""

import itertools
import struct
from pathlib import Path

import pytest

from gateway.config import profile
from gateway.config.loader import load
from protocols.driver import Outside
from protocols.modbus.config import WIDTH
from protocols.points import Points

FOLDER = Path(__file__).parents[3] / "config" / "devices"
FORMATS = {
    "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q",
    "float32": "f", "float64": "d",
}  # fmt: skip


def device_of(tmp_path, name, port=502):
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\n"
        f"devices:\n  - {{name: d, protocol: modbus, profile: {name}, url: 'tcp://127.0.0.1:{port}'}}\n"
    )
    return load(path).devices[0]


def raw_of(index, kind):
    """Return a raw value that is another one for every point, and negative where it can be."""
    raw = 1000 + 7 * index
    return -raw if kind.startswith("int") and index % 2 else raw


def registers_of(points):
    """Return tables with a value at each point; packed by the test's own arithmetic."""
    tables = {"holding": {}, "input": {}}
    for index, point in enumerate(points):
        raw = struct.pack(f">{FORMATS[point.kind]}", raw_of(index, point.kind))
        words = list(struct.unpack(f">{len(raw) // 2}H", raw))
        words = words[::-1] if point.order == "big_swapped" else words
        tables[point.place.table].update(enumerate(words, point.place.offset))
    return tables


def test_there_are_enough_of_them():
    """At least eight kinds of devices, each in the folder of its maker."""
    assert len(profile.names()) >= 8
    assert all("/" in name for name in profile.names())


@pytest.mark.parametrize("name", profile.names())
def test_a_profile_names_its_source(name):
    """Title, source and what was verified stand at the top, for whoever has to trust it."""
    comment = "".join(line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line.startswith("#"))

    assert "Source: " in comment
    assert "Verified: " in comment


@pytest.mark.parametrize("name", profile.names())
async def test_a_profile_is_polled(serve, tmp_path, name):
    """Every point comes back with the value at its address, good, and no request asks more than the device allows."""
    asked = []
    device = device_of(tmp_path, name)
    async with serve(registers_of(device.points), asked) as port:
        device = device_of(tmp_path, name, port)
        ticks = itertools.count(1)
        driver = device.driver([device], Points.of([(device, device.points)]), Outside(clock=lambda: next(ticks)))
        await driver.connect()
        [scan] = driver.scans
        [batch, *_] = await driver.read(scan)
        await driver.close()

    expected = [raw_of(index, point.kind) * point.scale for index, point in enumerate(device.points)]
    assert batch.values.tolist() == pytest.approx(expected, rel=1e-6)
    assert not batch.quality.any()
    assert max(count for _, _, count in asked) <= device.max_registers


@pytest.mark.parametrize("name", profile.names())
def test_points_have_a_meaning(tmp_path, name):
    """Units are there where the quantity has one, roles everywhere, and phases agree with the names."""
    for point in device_of(tmp_path, name).points:
        assert point.role is not None
        assert point.unit or point.role.quantity in ("power_factor", "other")
        assert point.role.bay is None
        if point.role.phase not in (None, "total"):
            assert point.name.endswith(point.role.phase)
        assert WIDTH[point.kind] * 2 == struct.calcsize(FORMATS[point.kind])
