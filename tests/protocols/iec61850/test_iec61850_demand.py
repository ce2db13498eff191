"""What is foreseen of a conversation with an IED, against the octets of a real one, counted on its way."""

import pytest
from counted import Counted

from protocols.iec61850.config import Iec61850Device, ReportConfig
from protocols.iec61850.demand import demands, framed
from simulator import iec61850_cid

SOME = ("va", "vb", "vc", "ia", "p", "f", "e", "cb52")
LONG_S = 3600.0


def about(octets):
    """Within a quarter."""
    return pytest.approx(octets, rel=0.25)


@pytest.mark.parametrize(
    ("names", "data_sets"), [(("va",), ()), (SOME, ()), (None, ()), (None, ("FEEDER1LD0/LLN0.dsMeas",))]
)
async def test_what_is_read(ied, iec61850, names, data_sets):
    """Variables, and a data set, of which all is wanted."""
    wanted = names or [name for name, place in ied.addresses.items() if place.endswith("[MX]")]
    async with Counted(ied.port) as line:
        driver = iec61850(line.port, {name: ied.addresses[name] for name in wanted}, data_sets=data_sets)
        [foreseen] = driver.demands
        await driver.connect()
        await driver.read(driver.scans[0])
        line.taken()
        await driver.read(driver.scans[0])
        found = line.taken()
        await driver.close()

    assert found == (about(foreseen.sent_bytes), about(foreseen.received_bytes))


async def move(ied, one, points, value):
    """Give every point this value, and wait until it has arrived."""
    await ied.set(**dict.fromkeys(points, value))
    await one.until(lambda: one.readings(0)[-1:] == [value])


@pytest.mark.parametrize("block", ["brcbMeas", "urcbMeas", "brcbState"])
async def test_a_report(ied, heard, block):
    """When every value of its data set moves at once."""
    constraint = "[ST]" if "State" in block else "[MX]"
    points = {name: place for name, place in ied.addresses.items() if place.endswith(constraint)}
    reports = (ReportConfig(block=f"FEEDER1LD0/LLN0.{block}", integrity_s=0),)
    async with Counted(ied.port) as line:
        one = heard(line.port, points, reports=reports, heartbeat_s=LONG_S)
        moving, still = one.driver.demands
        await one.connect()
        await one.poll()
        [taken] = one.driver._blocks.configured
        await one.until(lambda: taken.live and not taken._unset)  # a buffered block is set when it has emptied itself
        await move(ied, one, points, 1.0)  # what comes at first has come before it
        line.taken()
        await move(ied, one, points, 0.0)
        found = line.taken()
        await one.driver.close()

    assert found == (0, about(moving.received_bytes))
    assert (moving.moving, still.moving, moving.every_s, still.every_s) == (True, False, 1, LONG_S)


async def test_a_silent_ied_is_asked_whether_it_is_there(ied, heard):
    """Where reports bring everything and nothing happens."""
    points = {"cb52": ied.addresses["cb52"]}
    reports = (ReportConfig(block="FEEDER1LD0/LLN0.brcbState", integrity_s=0),)
    async with Counted(ied.port) as line:
        one = heard(line.port, points, reports=reports, heartbeat_s=0.2)
        *_, still = one.driver.demands
        await one.connect()
        await one.poll()
        await one.until(lambda: len(one.batches) >= 2)
        line.taken()
        await one.until(lambda: line.received > 0)
        found = line.taken()
        await one.driver.close()

    assert found == (about(still.sent_bytes), about(still.received_bytes))


def test_the_scl_file_tells_what_a_report_brings(tmp_path):
    """The points of each data set are in its own report, and those of none are read."""
    file = tmp_path / "feeder1.cid"
    file.write_text(iec61850_cid.cid("feeder1"))
    blocks = tuple(ReportConfig(block=f"FEEDER1LD0/LLN0.{name}") for name in ("brcbMeas", "urcbState"))
    device, faults = Iec61850Device(
        name="ied", protocol="iec61850", url="tcp://127.0.0.1", scl=file, reports=blocks
    ).resolved()
    measured, _, states, _, silent = demands(device)

    assert not faults
    assert measured.received_bytes > 3 * states.received_bytes
    assert silent.every_s == device.heartbeat_s


def test_a_long_message_is_cut():
    """Each piece has its own headers."""
    assert framed(20_000) - framed(7_000) == 13_000 + 2 * 7
