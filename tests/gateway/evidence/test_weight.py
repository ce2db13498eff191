"""What is foreseen of the memory of evidence, against what an exhibit is seen to take."""

import time
import tracemalloc

import numpy as np
import pytest

from gateway.config.model import EvidenceBudget
from gateway.evidence.exhibit import Exhibit
from gateway.evidence.flight import Flight
from gateway.evidence.weight import at_worst, remembered
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.model import Batch
from protocols.points import Points

MIB = 1024 * 1024


def table(count):
    """Return so many points of a device that is read each second."""
    listed = tuple(ModbusPoint(name=f"point_{number}", address=f"holding:{number}") for number in range(count))
    device = ModbusDevice(name="feeder", protocol="modbus", url="tcp://h", every_s=1.0, points=listed)
    return Points.of([(device, listed)])


def fill(flight, points, readings):
    """Let it see so many readings at least."""
    chance, count = np.random.default_rng(1), len(points)
    for _ in range(-(-readings // count)):
        now_ns = time.time_ns()
        values, times = 3000 + chance.normal(0, 10, count), np.full(count, now_ns)
        flight.observe(Batch(np.arange(count, dtype=np.int32), values, np.zeros(count, np.uint16), times, now_ns))


@pytest.mark.parametrize(("count", "mib"), [(1000, 32), (1000, 1), (10_000, 256)])
def test_an_exhibit(count, mib):
    """The ring is what it is; within a quarter one exhibit that is made takes what is foreseen but for the open one."""
    points, budget = table(count), EvidenceBudget(max_bytes=mib * MIB)
    tracemalloc.start()
    flight = Flight(points, budget.before_s + budget.after_s)
    ring = tracemalloc.get_traced_memory()[0]
    fill(flight, points, flight.capacity)
    before = tracemalloc.get_traced_memory()[0]
    made = Exhibit(id="e", alarm_ns=0, from_ns=0, until_ns=1, due_s=0, cuts_ns=[], alarms=[{"text": "over"}])
    for _ in range(2):
        made.readings.append(flight.since(made.number, 0))
        made.number = flight.total
        fill(flight, points, flight.capacity)
    tracemalloc.reset_peak()
    made.files(points, budget.max_bytes)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    foreseen = at_worst(points, budget, frames_bytes=0) - 2 * remembered(points, budget)

    assert ring == pytest.approx(remembered(points, budget), rel=0.05)
    assert peak == pytest.approx(foreseen, rel=0.25)
