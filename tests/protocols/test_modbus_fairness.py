"""A dead unit on a line: poller and driver together, at the pace of a real rate, on the simulator's terminal."""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest

from gateway.poll.poller import Poller, Retry
from gateway.poll.unit import Unit
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.modbus.driver import ModbusDriver
from protocols.model import Batch, EventKind
from protocols.points import Points
from simulator.conduct import Conduct
from simulator.grid import Grid
from simulator.modbus_rtu import ModbusLine
from simulator.registers import MAPS

BAYS = ("feeder1", "feeder2", "feeder3", "feeder4", "feeder5")
PATIENCE_S = 60
"""A probe of a second is followed by a pause of twenty: a twentieth of the line."""


class Log:
    """What the poller hands on, and how long the driver was busy with each device."""

    def __init__(self, driver, points):
        self.readings, self.events, self.busy_s = Counter(), [], Counter()
        self._points, self._changed = points, asyncio.Event()
        read = driver.read

        async def timed(scan):
            began = time.monotonic()
            try:
                return await read(scan)
            finally:
                self.busy_s[scan.device] += time.monotonic() - began

        driver.read = timed

    async def put(self, seen):
        if isinstance(seen, Batch):
            self.readings[self._points.device(int(seen.rows[0]))] += 1
        else:
            self.events.append((seen.device, seen.kind))
        self._changed.set()

    async def until(self, holds):
        async with asyncio.timeout(PATIENCE_S):
            while not holds(self):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def polled(baud):
    """Five feeders on a line, each read once a second: the line, what is known of it, and how each unit behaves."""
    conducts = {bay: Conduct() for bay in BAYS}
    line = ModbusLine(BAYS, Grid(1, 0), conducts, baud=baud)
    await line.start()
    url = f"rtu://{line.path}?baud={baud}"
    devices = [
        ModbusDevice(name=bay, protocol="modbus", url=url, unit=unit, points=tuple(points(bay)))
        for unit, bay in line.units.items()
    ]
    table = Points.of([(device, device.points) for device in devices])
    driver = ModbusDriver(devices, table, time.time_ns)
    log = Log(driver, table)
    units = [Unit(bay, 1.0, shared=True) for bay in BAYS]
    retry = Retry(first_s=0.5, max_s=5)
    poller = Poller(driver, units, retry=retry, phase=0, put=log.put, clock=time.time_ns)
    task = asyncio.create_task(poller.run())
    try:
        await log.until(lambda log: len(log.readings) == len(BAYS))
        yield line, log, conducts
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await line.stop()


def points(bay):
    for one in MAPS[bay]:
        yield ModbusPoint(name=one.name, address=one.address, type=one.type, order=one.order)


@pytest.mark.slow
async def test_the_others_keep_their_second():
    """While one unit falls silent, and afterwards; nobody speaks while a unit answers."""
    async with polled(19_200) as (line, log, conducts):
        conducts["feeder3"].answers = "silent"
        await log.until(lambda log: ("feeder3", EventKind.LOST) in log.events)
        before, began = log.readings.copy(), time.monotonic()
        await log.until(lambda log: log.readings["feeder1"] == before["feeder1"] + 3)

        assert time.monotonic() - began < 4.5
        assert min(log.readings[bay] - before[bay] for bay in BAYS if bay != "feeder3") >= 2
    assert line.collisions == 0


@pytest.mark.slow
async def test_a_unit_that_comes_back():
    """Its loss is told once, and it is polled as before with its first good answer."""
    async with polled(19_200) as (line, log, conducts):
        conducts["feeder3"].answers = "silent"
        await log.until(lambda log: ("feeder3", EventKind.LOST) in log.events)
        before = log.readings["feeder3"]
        conducts["feeder3"].answers = "well"
        await log.until(lambda log: log.readings["feeder3"] > before)
        began = time.monotonic()
        await log.until(lambda log: log.readings["feeder3"] > before + 3)

        assert time.monotonic() - began < 4.5
    assert [kind for device, kind in log.events if device == "feeder3"] == [
        EventKind.CONNECTED,
        EventKind.LOST,
        EventKind.CONNECTED,
    ]
    assert line.collisions == 0


@pytest.mark.slow
@pytest.mark.parametrize(("baud", "dead"), [(9_600, 1), (9_600, 3), (2_400, 1)])
async def test_a_dead_unit_costs_a_twentieth_of_the_line(baud, dead):
    """Each of them, from when it is known to be dead; those that answer have the rest."""
    async with polled(baud) as (line, log, conducts):
        for bay in BAYS[:dead]:
            conducts[bay].answers = "silent"
        await log.until(lambda log: [kind for _, kind in log.events].count(EventKind.LOST) == dead)
        log.busy_s.clear()
        began = time.monotonic()
        await asyncio.sleep(60)
        passed_s = time.monotonic() - began

    assert max(log.busy_s[bay] for bay in BAYS[:dead]) / passed_s < 0.05
    assert line.collisions == 0
