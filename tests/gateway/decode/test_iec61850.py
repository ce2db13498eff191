"""`gridsentinel decode` of an IEC 61850 IED: the simulator's."""

from contextlib import asynccontextmanager

import pytest
from open61850.mms.types import ArrayType, PrimitiveType, StructureType

from gateway.config.loader import load
from protocols.driver import Outside
from protocols.iec61850.browse import address, values
from protocols.iec61850.driver import Iec61850Driver
from protocols.iec61850.layout import leaves
from protocols.model import Batch
from protocols.points import Points
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.iec61850 import Iec61850Bay
from simulator.iec61850_cid import addresses

ASK = ("--protocol", "iec61850", "--timeout", 5)
LD = "FEEDER1LD0"


@asynccontextmanager
async def serving():
    bay = Iec61850Bay("feeder1", Grid(), Conduct(), host="127.0.0.1", port=0)
    await bay.start()
    try:
        yield bay
    finally:
        await bay.stop()


async def test_what_an_ied_has(decode):
    """Devices, data sets, blocks, and each measurement at its address with its present value."""
    async with serving() as bay:
        said = await decode(f"tcp://127.0.0.1:{bay.port}", *ASK, "--json")

    assert said.code == 0, said.err
    found = said.json
    assert found["identity"] == "GridSentinel simulator 1"
    assert found["logical_devices"] == {LD: 4}
    assert found["data_sets"] == {f"{LD}/LLN0.dsMeas": 15, f"{LD}/LLN0.dsState": 2}
    assert {each["block"] for each in found["blocks"]} == {
        f"{LD}/LLN0.{name}{number:02}"
        for name in ("brcbMeas", "brcbState", "urcbMeas", "urcbState")
        for number in (1, 2, 3)
    }
    assert found["device"]["reports"] == [{"block": f"{LD}/LLN0.brcbMeas"}, {"block": f"{LD}/LLN0.brcbState"}]
    assert found["whole"]
    points = {point["address"]: point for point in found["device"]["points"]}
    assert points.keys() >= set(addresses("feeder1").values())
    assert points[f"{LD}/XCBR1.Pos.stVal[ST]"] == {
        "name": f"{LD}.XCBR1.Pos", "address": f"{LD}/XCBR1.Pos.stVal[ST]", "type": "dbpos",
    }  # fmt: skip
    assert found["now"][f"{LD}.XCBR1.Pos"] == "2"


async def test_what_is_pasted_works(decode, tmp_path):
    """The page loads as an include, and a driver of it takes the blocks and has every point."""
    async with serving() as bay:
        page = await decode(f"tcp://127.0.0.1:{bay.port}", *ASK)
        (tmp_path / "ied.yaml").write_text(page.out)
        main = tmp_path / "gateway.yaml"
        main.write_text("gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\ninclude: [ied.yaml]\n")
        [device] = load(main).devices
        driver = Iec61850Driver(device, Points.of([(device, device.points)]), Outside(clock=lambda: 1))
        await driver.connect()
        seen = []
        while len({row for each in seen for row in each.rows.tolist()}) < len(device.points):
            seen += [each for scan in driver.scans for each in await driver.read(scan) if isinstance(each, Batch)]
        blocks = [block.instance for block in driver._blocks.configured]
        await driver.close()

    assert blocks == ["brcbMeas01", "brcbState01"]
    assert "# now 2\n" in page.out
    assert f"# data set {LD}/LLN0.dsMeas: 15 members" in page.out


async def test_nothing_is_taken(decode):
    """No attribute is written, and every block stays free."""
    async with serving() as bay:
        written = []
        bay._server.write_hooks.insert(0, lambda *asked: written.append(asked))
        said = await decode(f"tcp://127.0.0.1:{bay.port}", *ASK, "--json")

    assert said.code == 0
    assert not written
    assert not any(block["enabled"] for block in said.json["blocks"])


async def test_points_are_bounded(decode):
    """--most bounds them, those in data sets come first, and it is said how many are left off."""
    async with serving() as bay:
        said = await decode(f"tcp://127.0.0.1:{bay.port}", *ASK, "--most", 17)
        few = await decode(f"tcp://127.0.0.1:{bay.port}", *ASK, "--most", 17, "--json")

    assert {point["address"] for point in few.json["device"]["points"]} == set(addresses("feeder1").values())
    assert "4 more points are left off: ask again with a higher --most" in said.out


async def test_nobody_answers(decode, unused_tcp_port):
    """Exit 1, and what to check."""
    said = await decode(f"tcp://127.0.0.1:{unused_tcp_port}", *ASK)

    assert said.code == 1
    assert "check address and port, then the selectors" in said.err


async def test_another_protocol_answers(decode, serve):
    """A Modbus server is no IED: exit 1 in one sentence."""
    async with serve({"holding": {0: 1}}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", *ASK[:2], "--timeout", 0.5)

    assert said.code == 1
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("more", [("holding:1",), ("--map",)])
async def test_what_is_for_modbus(decode, more):
    """Is wrong use."""
    said = await decode("tcp://h:102", *more)

    assert said.code == 2
    assert "for Modbus" in said.err


FLOAT, Q, T = PrimitiveType("float", 32), PrimitiveType("bit-string", -13), PrimitiveType("utc-time")
VECTOR = StructureType([("mag", StructureType([("f", FLOAT)])), ("ang", StructureType([("f", FLOAT)]))])


def test_what_is_worth_a_point():
    """Values, not what goes with them; the dead-banded measurand, not the instantaneous one as well."""
    beside = [("range", PrimitiveType("integer", 8)), ("q", Q), ("t", T)]
    objects = StructureType(
        [
            ("A", StructureType([("instCVal", VECTOR), ("cVal", VECTOR), *beside])),
            ("Only", StructureType([("instMag", StructureType([("f", FLOAT)])), *beside])),
            ("Text", PrimitiveType("visible-string", -255)),
        ]
    )
    found = values(("LD", "MMXU1", "MX"), leaves(objects))

    assert [".".join(path[3:]) for path, _ in found] == ["A.cVal.mag.f", "A.cVal.ang.f", "Only.instMag.f"]


def test_parts_of_arrays_are_left_out():
    """They have no address in the configuration."""
    [(path, _), _] = values(("LD", "MHAI1", "MX"), leaves(StructureType([("Har", ArrayType(2, FLOAT))])))

    with pytest.raises(ValueError, match="is not LDEVICE"):
        address(path)


def test_types():
    """As few as the configuration needs: by default a state is an enumeration."""
    objects = StructureType(
        [
            ("Beh", StructureType([("stVal", PrimitiveType("integer", 8)), ("q", Q)])),
            ("Pos", StructureType([("stVal", PrimitiveType("bit-string", 2)), ("q", Q)])),
            ("Op", StructureType([("general", PrimitiveType("boolean")), ("q", Q)])),
            ("SupWh", StructureType([("actVal", PrimitiveType("integer", 64)), ("q", Q)])),
        ]
    )
    found = values(("LD", "X1", "ST"), leaves(objects))

    assert [(address(path), kind) for path, kind in found] == [
        ("LD/X1.Beh.stVal[ST]", None),
        ("LD/X1.Pos.stVal[ST]", "dbpos"),
        ("LD/X1.Op.general[ST]", "bool"),
        ("LD/X1.SupWh.actVal[ST]", "int64"),
    ]
