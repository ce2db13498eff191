"""`gridsentinel decode URL` of a device with SunSpec models."""

import struct
from itertools import chain

import pytest

from gateway.config.loader import load
from gateway.decode import sunspec

SUNS = [0x5375, 0x6E53]
END = [0xFFFF, 0]


def text(value, registers):
    return list(struct.unpack(f">{registers}H", value.encode().ljust(2 * registers, b"\0")))


def common():
    fields = [text("Acme", 16), text("Sun 5000", 16), text("", 8), text("1.2", 8), text("SN42", 16), [1, 0x8000]]
    return [1, 66, *chain(*fields)]


def signed(value):
    return value & 0xFFFF


def inverter():
    """Model 103 as its layout table lists it: L is 50."""
    amperes = [1234, 411, 412, 413, signed(-2)]
    volts = [4001, 4002, 4003, 2301, 2302, 2303, signed(-1)]
    rest = [8765, 0, 5001, signed(-2), 8800, 0, signed(-300), 0, signed(-9950), signed(-2)]
    energy = [0x0001, 0x86A0, 1]
    dc = [0xFFFF, 0x8000, 6000, signed(-1), 9000, 0]
    temperatures = [415, 0x8000, 0x8000, 0x8000, signed(-1)]
    body = [*amperes, *volts, *rest, *energy, *dc, *temperatures, 4, 0xFFFF, *[0] * 12]
    return [103, len(body), *body]


def meter():
    """Model 213: floats, with one that is not implemented."""
    floats = [50.5, 10.5, 20.0, 20.0, 231.0, 230.0, 231.0, 232.0, float("nan"), 400.0, 401.0, 402.0, 49.98]
    body = list(struct.unpack(f">{2 * len(floats)}H", struct.pack(f">{len(floats)}f", *floats)))
    body += [0] * (124 - len(body))
    return [213, 124, *body]


def at(base, *models):
    return dict(enumerate([*SUNS, *chain(*models), *END], base))


@pytest.mark.parametrize("base", [40_000, 50_000, 0])
async def test_a_device_is_found_and_written(serve, decode, tmp_path, base):
    """At each of the three places; names, registers and scales as the models say; the YAML loads as an include."""
    unknown = [64_001, 3, 1, 2, 3]
    async with serve({"holding": at(base, common(), inverter(), unknown, meter())}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "--json")
        page = await decode(f"tcp://127.0.0.1:{port}")
        written = await decode(f"tcp://127.0.0.1:{port}", "--output", tmp_path / "device.yaml")

    assert said.code == written.code == 0
    assert [one["id"] for one in said.json["models"]] == [1, 103, 64_001, 213]
    assert said.json["common"] == {"maker": "Acme", "model": "Sun 5000", "version": "1.2", "serial": "SN42"}
    points = {one["name"]: one for one in said.json["device"]["points"]}
    start = base + 2 + 68
    assert points["AphB"] == {
        "name": "AphB", "address": f"holding:{start + 4}", "type": "uint16", "scale": 0.01, "unit": "A",
        "role": {"quantity": "current", "phase": "b"},
    }  # fmt: skip
    assert points["PhVphC"]["address"] == f"holding:{start + 12}"
    assert points["WH"] | {"role": 0} == {
        "name": "WH", "address": f"holding:{start + 24}", "type": "uint32", "scale": 10.0, "unit": "Wh", "role": 0,
    }  # fmt: skip
    assert (points["TmpCab"]["address"], points["TmpCab"]["scale"]) == (f"holding:{start + 33}", 0.1)
    assert not {"DCA", "TmpSnk", "StVnd", "PPV"} & set(points)
    assert points["W"]["type"] == "int16"
    assert points["A_2"]["type"] == "float32"

    assert (tmp_path / "device.yaml").read_text() == page.out
    main = tmp_path / "gateway.yaml"
    main.write_text("gateway: {site: a, name: b}\nuplink: {url: mqtt://h}\ninclude: [device.yaml]\n")
    [device] = load(main).devices
    assert len(device.points) == len(points)
    assert "# SunSpec model 64001, another model: 3 registers" in page.out


def test_layouts_have_the_published_lengths():
    """Up to the last point that is read: inverters up to the state, meters up to the active energies."""

    def size(model):
        widths = {"float32": 2, "uint32": 2}
        return sum(
            len(group.names.split()) * widths.get(group.type, 1) + group.scaled for group in sunspec.LAYOUTS[model]
        )

    assert [size(model) for model in (101, 111, 201, 211)] == [38, 48, 53, 74]


async def test_an_endless_chain_ends(serve, decode):
    """A chain that never says END is read to a bound."""
    asked = []
    async with serve(
        {"holding": {40_000: SUNS[0], 40_001: SUNS[1]} | dict.fromkeys(range(40_002, 65_536), 0)}, asked
    ) as p:
        said = await decode(f"tcp://127.0.0.1:{p}", "--pause", 0, "--json")

    assert len(said.json["models"]) == sunspec.MOST_MODELS
    assert len(asked) < 200


async def test_a_chain_that_is_cut_off(serve, decode):
    """A model that ends in refused registers gives the points that could be read."""
    registers = at(40_000, common(), inverter())
    cut = {address: value for address, value in registers.items() if address < 40_000 + 2 + 68 + 2 + 10}
    async with serve({"holding": cut}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}", "--set", "max_registers=5", "--json")

    names = [one["name"] for one in said.json["device"]["points"]]
    assert names[:4] == ["A", "AphA", "AphB", "AphC"]
    assert "W" not in names


async def test_a_device_without_models(serve, decode):
    """Exit 1, and how to go on."""
    async with serve({"holding": {0: 5}}) as port:
        said = await decode(f"tcp://127.0.0.1:{port}")

    assert said.code == 1
    assert "ask an address such as holding:0" in said.err
