"""The simulated substation at real time, over real sockets: a sensor fault is an alarm at the broker, by name."""

import asyncio
import time

import pytest
import yaml

from simulator.configuration import configuration, demo_urls
from simulator.meter import BAYS
from simulator.scenario import parse
from simulator.substation import serve

BEGIN_S = 30
"""The daemon is ready by then, on a busy machine, too."""
SCENARIO = f"""
name: sensor
steps:
  - {{at_s: {BEGIN_S}, for_s: 60, do: sensor_gain, point: feeder3.p, factor: 0.9}}
"""
SCANS_S = 5.0
"""Two scans of a second for the check, and what the way to the broker takes."""


def bays(urls):
    """Return the devices of config/demo.yaml that are asked by Modbus TCP."""
    told = yaml.safe_load(configuration(urls))
    return [device for device in told["devices"] if device["name"] in BAYS]


@pytest.mark.slow
async def test_a_sensor_fault_is_told_within_a_few_scans(daemon, book):
    """Nothing is told before it; then the first alarm is that of physics, and names the point."""
    began = asyncio.Event()
    async with serve(parse(SCENARIO, "x.yaml"), tell=lambda _, begins: began.set() if begins else None) as station:
        daemon.write(bays({**demo_urls(), **station.urls}))
        await daemon.start()
        await book.until(lambda book: book.status.get("state") == "operational")
        await asyncio.wait_for(began.wait(), 2 * BEGIN_S)
        begin_s = time.monotonic()
        assert book.read().alarms() == {}
        await book.until(lambda book: book.alarms())
        took_s = time.monotonic() - begin_s
        await daemon.stop()

    first = min(book.streams["alarm"].items())[1]
    assert (first["kind"], first["points"], first["severity"]) == ("inconsistent", ["p"], "warning")
    assert first["device"] == "feeder3"
    assert took_s < SCANS_S
