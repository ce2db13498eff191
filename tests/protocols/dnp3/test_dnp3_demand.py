"""What is foreseen of a line, against the octets of a real conversation, counted between master and outstation."""

import time

import pytest
from counted import Counted

from protocols.dnp3.demand import demands
from simulator.dnp3_outstation import Outstation
from simulator.dnp3_server import Server


@pytest.fixture
async def serving():
    """Serve outstations of so many analogs, binaries and counters."""
    made = []

    async def serving(**kinds):
        outstation = Outstation(lambda: time.time_ns() // 1_000_000, restarted=False, most_events=2000)
        for kind, count in kinds.items():
            for index in range(count):
                outstation.add(kind, index, index % 2)
        made.append(Server({10: outstation}))
        await made[-1].start()
        return made[-1].port, outstation

    yield serving
    for server in made:
        await server.stop()


@pytest.mark.parametrize(
    "kinds",
    [
        {"analog": 5, "binary": 2, "counter": 1},
        {"analog": 100, "binary": 100},
        {"analog": 1000, "binary": 400, "counter": 200},
    ],
)
async def test_the_octets_of_a_scan(serving, reader, make_device, kinds):
    """Of an integrity poll and of events within a quarter, and exactly of a poll that finds none; both ways."""
    points = {f"{kind}{n}": f"{kind}:{n}" for kind, count in kinds.items() for n in range(count)}
    integrity, events, moving = demands(make_device(1, points))
    port, outstation = await serving(**kinds)
    async with Counted(port) as line:
        one = reader(line.port, points, unsolicited=False)
        await one.driver.connect()
        await one.read()
        line.taken()
        await one.read()
        sent, received = line.taken()
        await one.read("events")

        assert line.taken() == (events.sent_bytes, events.received_bytes)
        for place, point in outstation.points.items():
            outstation.change(*place, 1 - point.value)
        await one.read("events")
        await one.until(lambda _: not outstation.events)  # which the last confirm has ended
        moved = line.taken()
        await one.driver.close()

    more = moved[0] - events.sent_bytes, moved[1] - events.received_bytes
    assert more == (moving.sent_bytes, pytest.approx(moving.received_bytes, rel=0.25))
    assert sent == pytest.approx(integrity.sent_bytes, rel=0.25)
    assert received == pytest.approx(integrity.received_bytes, rel=0.25)
