"""`gridsentinel decode` of a DNP3 outstation: the simulator's, and attributes as the standard writes them."""

from contextlib import asynccontextmanager

import pytest

from gateway.config.loader import load
from gateway.decode.dnp3 import attributes
from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Server

READ, CONFIRM = 1, 0


@asynccontextmanager
async def serving(outstation):
    server = Server({10: outstation})
    await server.start()
    try:
        yield f"tcp://127.0.0.1:{server.port}"
    finally:
        await server.stop()


@pytest.fixture
def outstation():
    """Have one with some points, and an event that its own master has not taken yet."""
    made = Outstation(clock_ms=lambda: 1_700_000_000_000)
    made.add("binary", 3, 1.0, event_class=1)
    made.add("analog", 0, 12.5)
    made.add("analog", 7, -3.0, event_class=2)
    made.add("counter", 1, 99.0)
    made.change("analog", 7, 4.0)
    return made


ASK = ("--protocol", "dnp3", "--set", "outstation=10", "--timeout", 2)


async def test_what_an_outstation_has(decode, outstation, tmp_path):
    """Kinds, indices and values; the YAML loads as an include."""
    async with serving(outstation) as url:
        said = await decode(url, *ASK, "--json")
        page = await decode(url, *ASK)

    assert said.code == 0, said.err
    found = said.json
    assert found["counts"] == {"binary": 1, "counter": 1, "analog": 2}
    assert found["now"] == {"binary_3": "1", "counter_1": "99", "analog_0": "12.5", "analog_7": "4"}
    assert "it has restarted (IIN 1.7)" in found["indications"]

    (tmp_path / "rtu.yaml").write_text(page.out)
    main = tmp_path / "gateway.yaml"
    main.write_text("gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\ninclude: [rtu.yaml]\n")
    [device] = load(main).devices
    assert (device.outstation, device.master) == (10, 1)
    assert [point.address for point in device.points] == ["binary:3", "counter:1", "analog:0", "analog:7"]
    assert "# now 12.5" in page.out
    assert "# binary: 1 point\n" in page.out
    assert "# analog: 2 points\n" in page.out


async def test_a_name_of_ones_own(decode, outstation):
    """`--set name=…` comes before a name made of the link address, so that two stations can be pasted side by side."""
    async with serving(outstation) as url:
        said = await decode(url, *ASK, "--set", "name=rtu7", "--json")

    assert said.json["device"]["name"] == "rtu7"


async def test_nothing_is_taken_from_its_master(decode, outstation):
    """Only reads of static data are sent; the event is still there, the restart indication too."""
    async with serving(outstation) as url:
        await decode(url, *ASK)

    assert {fragment[1] for fragment in outstation.received} <= {READ, CONFIRM}
    assert len(outstation.events) == 1
    assert outstation.restarted
    assert outstation.unsolicited


async def test_an_outstation_that_holds_its_answers_back(decode, outstation, monkeypatch):
    """Until its first unsolicited response, which has no events, is confirmed: that much is done."""
    monkeypatch.setattr("simulator.dnp3_server.LOOK_S", 0.0)
    async with serving(outstation) as url:
        said = await decode(url, *ASK)

    assert said.code == 0, said.err
    assert bytes([0xD0, CONFIRM]) in outstation.received
    assert len(outstation.events) == 1


async def test_more_points_than_asked_for(decode, outstation):
    """--most bounds the list, and it is said how many are left off."""
    async with serving(outstation) as url:
        said = await decode(url, *ASK, "--most", 2)

    assert "2 more points are left off" in said.out
    assert said.out.count("- {name") == 2


async def test_a_wrong_link_address(decode, outstation):
    """Exit 1, and both addresses are to be doubted."""
    async with serving(outstation) as url:
        said = await decode(url, "--protocol", "dnp3", "--set", "outstation=11", "--timeout", 0.2)

    assert said.code == 1
    assert "outstation 11 did not answer master 1 in 0.2 s: check both with --set outstation=N" in said.err


async def test_an_address_is_for_modbus(decode):
    """Exit 2."""
    said = await decode("tcp://127.0.0.1:20000", "holding:1")

    assert said.code == 2


async def test_attributes():
    """Texts and numbers by variation, to the first that is cut off."""
    data = (
        bytes([0, 252, 0, 0, 0, 1, 4])
        + b"Acme"
        + bytes([0, 217, 0, 0, 0, 2, 2, 1, 2])
        + bytes([0, 250, 0, 0, 0, 1, 9])
        + b"cut"
    )

    assert list(attributes(data)) == [(252, "Acme"), (217, "513")]
