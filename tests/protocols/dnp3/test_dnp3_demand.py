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
        outstation = Outstation(lambda: time.time_ns() // 1_000_000, restarted=False)
        for kind, count in kinds.items():
            for index in range(count):
                outstation.add(kind, index, index % 2)
        made.append(Server({10: outstation}))
        await made[-1].start()
        return made[-1].port

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
    """Of an integrity poll within a quarter, and exactly of an event poll that finds nothing; both ways."""
    points = {f"{kind}{n}": f"{kind}:{n}" for kind, count in kinds.items() for n in range(count)}
    integrity, events = demands(make_device(1, points))
    async with Counted(await serving(**kinds)) as line:
        one = reader(line.port, points)
        await one.driver.connect()
        await one.read()
        line.taken()
        await one.read()
        sent, received = line.taken()
        await one.read("events")

        assert line.taken() == (events.sent_bytes, events.received_bytes)
    assert sent == pytest.approx(integrity.sent_bytes, rel=0.25)
    assert received == pytest.approx(integrity.received_bytes, rel=0.25)
