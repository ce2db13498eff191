"""Alarm latency: from a value that crosses its limit in a device to the alarm at a subscriber of the broker."""

import random
import statistics
import time

import points
from station import Station
from table import Section, Target

SCAN_MS = 1_000
TARGET_MS = SCAN_MS + 100
AT_MOST_S = 5.0
"""How long an alarm is waited for; a lost one fails the measurement."""
LEGEND = (
    "a register is set beyond its limit at a random moment of the scan; from that moment (told by the device) to "
    "the alarm at a subscriber, both CLOCK_MONOTONIC; 10,000 readings/s, scans of 1 s, so half a second is waiting"
)


def section(cases: list[str]) -> Section:
    """Return the empty section, with its targets."""
    made = Section("alarm latency, ms", cases, LEGEND)
    made.targets["p99"] = Target(f"at most {TARGET_MS:,}", lambda ms: ms <= TARGET_MS)
    return made


def measure(station: Station, into: Section, case: str, *, samples: int, pause_s: float) -> None:
    """Raise so many alarms, each of another point, about `pause_s` apart."""
    chance = random.Random(1)
    chosen = chance.sample([(d, p) for d in range(len(station.devices.ports)) for p in range(station.points)], samples)
    set_ns = {}
    for device, address in chosen:
        time.sleep(chance.uniform(0, 2 * pause_s))
        port = station.devices.ports[device]
        set_ns[f"d{device}/p{address}/limit_high"] = station.devices.set(port, address, points.BEYOND)
    if not station.subscriber.until(lambda: len(station.subscriber.on("/alarm")) >= samples, AT_MOST_S):
        raise RuntimeError(f"{samples} alarms were due, {len(station.subscriber.on('/alarm'))} came")
    came_ns = {message.json["id"]: message.at_ns for message in reversed(station.subscriber.on("/alarm"))}
    found_ms = sorted((came_ns[id_] - at_ns) / 1e6 for id_, at_ns in set_ns.items())
    cuts = statistics.quantiles(found_ms, n=100, method="inclusive")
    for figure, value in (("p50", cuts[49]), ("p99", cuts[98]), ("max", found_ms[-1])):
        into.add(figure, case, value)
    into.add("p99 beyond the scan interval", case, cuts[98] - SCAN_MS)
    into.add("samples", case, samples)
