"""Each intrusion over real sockets: a simulated device, the driver and poller of the gateway, and the check for it.

Before it begins the same conversation runs for a while, and nothing is said of it.
"""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
import yaml
from pydantic import TypeAdapter

from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from gateway.config.model import Config
from gateway.poll.poller import Poller, Retry
from gateway.poll.unit import Unit
from protocols.driver import Outside
from protocols.model import Bookmark, Receipt, Tick
from protocols.points import Points
from simulator.configuration import HEAD, device
from simulator.scenario import parse
from simulator.substation import serve

PATIENCE_S = 60
QUIET_S = 0.5
"""How long the conversation runs before the intrusion."""
EVERY_S = 0.05


class Watch:
    """Polls bays by one way and shows all of it to the cyber checks; its time runs `fast` times as fast."""

    def __init__(self, devices, fast):
        self.points = Points.of([(each, each.points) for each in devices])
        self.cyber = Cyber(CyberConfig(learn_s=0), self.points)
        self.alarms = {}
        self._began_ns, self._leapt_ns, self._fast = time.time_ns(), 0, fast
        outside = Outside(clock=self.clock, synchronised=lambda: True)
        self.pollers = [
            Poller(
                each.driver([each], self.points, outside),
                [Unit(each.name, each.timeout_s, shared=False)],
                retry=Retry(first_s=EVERY_S, max_s=EVERY_S), phase=0.0, put=self._put, clock=self.clock,
            )
            for each in devices
        ]  # fmt: skip

    def clock(self):
        return self._began_ns + self._leapt_ns + (time.time_ns() - self._began_ns) * self._fast

    def leap(self, for_s):
        """Let so much time pass at once."""
        self._leapt_ns += int(for_s * 1e9)

    async def ticks(self):
        while True:
            await self._put(Tick(self.clock()))
            await asyncio.sleep(EVERY_S)

    async def _put(self, seen):
        if isinstance(seen, Receipt):
            seen.settle(True)
        elif not isinstance(seen, Bookmark):
            for found in self.cyber.observe(seen):
                self.alarms[found.device.partition("-")[0], found.kind] = found


@asynccontextmanager
async def watched(way, bays, *, fast=1, speed=1, **keys):
    """Serve a substation, poll `bays` of it by `way`, and yield the substation with what the checks say."""
    async with serve(parse(f"name: x\nseed: 5\nspeed: {speed}", "x.yaml"), ways=(way,)) as station:
        told = yaml.safe_load(HEAD + "".join(device(way, bay, station.urls[way][bay]) for bay in bays))
        told["devices"] = [{**each, **keys} for each in told["devices"]]
        watch = Watch(TypeAdapter(Config).validate_python(told).devices, fast)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(each.run()) for each in watch.pollers]
            running.append(group.create_task(watch.ticks()))
            await until(lambda: all(unit.answering for each in watch.pollers for unit in each.units.values()))
            yield station, watch
            for task in running:
                task.cancel()


async def until(holds):
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is in another task's hands
            await asyncio.sleep(EVERY_S / 2)


async def found(station, watch, step, kind, *, bays, quiet_s=QUIET_S, leap_s=0):
    """Let `step` happen, and wait for an alarm of `kind` about one of `bays`; nothing is said before it."""
    watch.leap(leap_s)
    await asyncio.sleep(quiet_s)
    assert not watch.alarms
    [begun] = parse(f"name: x\nsteps: [{{at_s: 0, for_s: 60, {step}}}]", "x.yaml").steps
    assert kind in begun.FINDS
    begun.begin(station)
    await until(lambda: any((bay, kind) in watch.alarms for bay in bays))
    begun.end(station)


async def test_another_firmware():
    """It is told with the next connection."""
    async with watched("modbus", ["feeder4"], every_s=EVERY_S, identify="ask") as (station, watch):
        await found(station, watch, "do: other_firmware, unit: feeder4", "identity_change", bays=["feeder4"])

    assert watch.alarms["feeder4", "identity_change"].evidence["was"] == "1.0"


@pytest.mark.parametrize("step", ["do: wrong_unit, unit: feeder2", "do: strange_exceptions, unit: feeder2"])
async def test_another_unit_and_strange_exceptions(step):
    """Three of five polls tell it."""
    async with watched("modbus", ["feeder2"], every_s=EVERY_S) as (station, watch):
        await found(station, watch, step, "wrong_unit_or_exception", bays=["feeder2"])


async def test_somebody_stands_between():
    """20 ms are found where answers take less than one."""
    async with watched("modbus", ["feeder1"], every_s=0.01) as (station, watch):
        await until(lambda: watch.cyber.baseline.knows("rtt_shift", "feeder1 0"))
        await found(station, watch, "do: man_in_the_middle, unit: feeder1", "rtt_shift", bays=["feeder1"], quiet_s=0)

    assert watch.alarms["feeder1", "rtt_shift"].evidence["median_ms"] > 20 / 4  # of four requests a poll


async def test_a_restart():
    """The restart indication of an outstation that had none."""
    async with watched("dnp3", ["bus1"], events_every_s=EVERY_S) as (station, watch):
        await found(station, watch, "do: restart_unit, unit: bus1", "device_restart", bays=["bus1"])


async def test_a_clock_that_is_set():
    """The first event after it tells."""
    async with watched("dnp3", ["feeder1"], speed=60, events_every_s=EVERY_S) as (station, watch):
        await until(lambda: station.speaking["dnp3"]["feeder1"].outstation.received)
        await found(
            station, watch, "do: clock_step, unit: feeder1, by_s: 300", "clock_jump", bays=["feeder1"], quiet_s=3
        )

    assert watch.alarms["feeder1", "clock_jump"].evidence["step_s"] == pytest.approx(300, abs=2)


async def test_reports_that_nobody_asked_for():
    """Where the gateway has switched them off."""
    keys = {"unsolicited": False, "events_every_s": 5}
    async with watched("dnp3", ["feeder1"], speed=60, **keys) as (station, watch):
        await found(station, watch, "do: unasked_reports, unit: feeder1", "unexpected_unsolicited", bays=["feeder1"])


async def test_a_coil_that_a_stranger_writes():
    """The coupler of both sections is a coil, so it is an output."""
    async with watched("modbus", ["bus1"], every_s=EVERY_S, fast=4) as (station, watch):
        await found(station, watch, "do: stolen_coil", "change_not_ours", bays=["bus1"], leap_s=61)


async def test_a_trip_that_nothing_shows_a_cause_for():
    """The breaker is told open, and its current flows on."""
    async with watched("modbus", ["feeder5"], every_s=EVERY_S, fast=4) as (station, watch):
        await found(
            station, watch, "do: forged_trip, feeder: feeder5", "trip_without_cause", bays=["feeder5"], leap_s=61
        )


async def test_three_breakers_at_once():
    """On both sections, so no fault explains it."""
    bays = ["feeder1", "feeder3", "feeder5"]
    async with watched("modbus", bays, every_s=EVERY_S, fast=4) as (station, watch):
        await found(station, watch, "do: coordinated_trip", "coordinated_change", bays=bays, leap_s=61)
