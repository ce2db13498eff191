"""`gridsentinel explain`: how a point comes to its value, with a gateway at work and without one."""

import asyncio
import json

import pytest

from gateway.cli import main


@pytest.fixture
def explain(daemon, capsys):
    """Run the command on the daemon's configuration; return its exit code, what it printed, and what it said else."""

    async def explain(*words):
        capsys.readouterr()
        code = await asyncio.to_thread(main, ["explain", str(daemon.file), *words])
        return code, *capsys.readouterr()

    return explain


def written(daemon, device):
    config = device.config("d1", points=3)
    config["points"][2] |= {"scale": 0.1, "unit": "V", "deadband": 5, "limits": {"high": 20}}
    daemon.write([config])


async def test_with_a_gateway_at_work(daemon, device, book, explain):
    """Request, octets, value and alarm are those of the device."""
    device.registers[2] = 0x0123
    written(daemon, device)
    await daemon.start()
    await book.until(lambda book: "d1/p2/limit_high" in book.alarms())
    await daemon.answering()
    code, page, _ = await explain("d1.p2")
    told = json.loads((await explain("d1.p2", "--json"))[1])

    assert code == 0
    assert told["read"] == {
        "request": "unit 1, function 3, holding registers 0 to 2, every 0.1 s", "value": "holding register 2"
    }  # fmt: skip
    assert told["now"]["read"] == {**told["read"], "raw": "01 23"}
    assert (told["now"]["value"], told["now"]["quality"]) == (pytest.approx(29.1), [])
    assert [alarm["id"] for alarm in told["now"]["alarms"]] == ["d1/p2/limit_high"]
    assert told["topics"][0] == "gridsentinel/s/g/telemetry/d1, points.p2, every 1 s"
    for words in (
        "holding:2 of tcp://",
        "raw * 0.1 + 0 V",
        "high 20",
        "more than 5",
        "29.1 V, good",
        "octets      01 23",
    ):
        assert words in page, words


async def test_without_a_gateway(daemon, device, explain):
    """What the configuration knows; a point that is not there is named with what is near."""
    written(daemon, device)
    code, page, _ = await explain("d1.p0")
    wrong = await explain("d1.p9")

    assert code == 0
    assert "unit 1, function 3, holding registers 0 to 2" in page
    assert "no gateway is running" in page
    assert "octets" not in page
    assert wrong == (2, "", "no point 'd1.p9', did you mean d1.p2 or d1.p1 or d1.p0?\n")
