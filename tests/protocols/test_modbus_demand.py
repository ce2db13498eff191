"""What a line is planned to carry is what it takes: against the driver on a real terminal with a paced device."""

import time

import pytest
from waiting import waited_s

from protocols.demand import Demanding
from protocols.modbus.codec import Request
from protocols.modbus.planner import Block
from protocols.serial import SerialLine


@pytest.mark.parametrize("baud", [1200, 4800])
async def test_a_line_takes_as_long_as_planned(line, build, baud):
    """Within a quarter, for a device that answers at once and sends as fast as its rate allows."""
    char_s = SerialLine(line.path, baud, "N").char_s
    line.reply = lambda unit, pdu: paced(line.honest(unit, pdu)[0], char_s)
    points = {f"p{n}": f"holding:{n * 40}" for n in range(4)}
    driver = build(f"rtu://{line.path}?baud={baud}&parity=N", {"unit": 1, "points": points, "max_gap": 0})
    (demand,), (scan,) = driver.demands, driver.scans
    await driver.connect()
    await driver.read(scan)
    took = []
    for _ in range(3):
        began_s = time.monotonic() - waited_s()
        await driver.read(scan)
        took.append(time.monotonic() - waited_s() - began_s)
    await driver.close()

    assert isinstance(driver, Demanding)
    assert demand.requests == 4
    assert min(took) == pytest.approx(demand.line_s, rel=0.25)


def paced(frame, char_s):
    """Answer when the request of eight characters and the frame itself would have come over the line."""
    return [(8 + len(frame)) * char_s, frame]


def test_a_request_is_as_long_as_it_is():
    """Six octets of a question, and what was asked."""
    request = Request.read(Block("holding", 0, 10))

    assert (len(request.pdu), request.size) == (5, 20)
