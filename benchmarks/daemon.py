"""The whole daemon: CPU, memory, what it skips and what it tells, at one rate of readings."""

import statistics
import time

from broker import Received
from child import cpu_s, rss_mb
from station import Station
from table import Section, Target

WINDOW_S = 10
SETTLE_S = 2.0
"""After the end of a window its messages are on their way; what is measured begins when they have gone."""
FLAT_MB = 1.0
"""Growth that is no growth: the allocator of Python takes arenas of a mebibyte."""
LEGEND = (
    "`gridsentinel run` with a Mosquitto and the store on disk, 10 (at 50,000: 50) devices read once a second, "
    "limits and rate on every point, default detectors; whole windows of 10 s after the first, CPU is the median "
    "of the windows (user and system time of the process), polls and readings are what the gateway told; growth is "
    "over these 10 to 60 s only, which shows no slow leak"
)


def section(cases: list[str]) -> Section:
    """Return the empty section, with its targets."""
    made = Section("daemon, readings/s", cases, LEGEND)
    made.targets = {
        "CPU, % of one core": Target("at most 3 at 10,000", lambda percent: percent <= 3, "10,000"),
        "RSS at the end, MB": Target("at most 70 at 10,000", lambda mb: mb <= 70, "10,000"),
        "RSS grown meanwhile, MB": Target(f"at most {FLAT_MB:g}", lambda mb: mb <= FLAT_MB, "10,000"),
        "polls skipped meanwhile": Target("0 at 50,000", lambda polls: polls == 0, "50,000"),
    }
    return made


def measure(station: Station, into: Section, *, windows: int) -> list[float]:
    """Measure over so many windows; return the CPU of each, in percent of one core."""
    case = f"{station.rate:,}"
    first_s = _after_window()
    first_ns, rss, spent, percents = time.monotonic_ns(), rss_mb(station.pid), cpu_s(station.pid), []
    for number in range(1, windows + 1):
        time.sleep(max(0.0, first_s + number * WINDOW_S - time.time()))
        before, spent = spent, cpu_s(station.pid)
        percents.append((spent - before) / WINDOW_S * 100)
    into.add("CPU, % of one core", case, statistics.median(percents))
    into.add("CPU of the highest window, %", case, max(percents))
    into.add("RSS at the end, MB", case, rss_mb(station.pid))
    into.add("RSS grown meanwhile, MB", case, rss_mb(station.pid) - rss)
    at_start, until_now = _skipped(station, first_ns), _skipped(station, time.monotonic_ns())
    into.add("polls skipped meanwhile", case, until_now - at_start)
    into.add("polls skipped before, at the start", case, at_start)
    into.add("readings told, of those due, %", case, _told(station, first_s - SETTLE_S, windows) * 100)
    into.add("start to first message, s", case, station.start_s)
    return percents


def _after_window() -> float:
    """Wait until the messages of a window have gone; return when that was."""
    now = time.time()
    at = now - now % WINDOW_S + WINDOW_S + SETTLE_S
    time.sleep(at - now)
    return at


def _skipped(station: Station, after_ns: int) -> int:
    """Return the turns that were missed since the start, as the first status after `after_ns` tells it."""

    def told() -> list[Received]:
        return [message for message in station.subscriber.on("/status") if message.at_ns >= after_ns]

    if not station.subscriber.until(lambda: bool(told()), 2 * WINDOW_S):
        raise RuntimeError("the gateway renews its status no more")
    return sum(device["skipped"] for device in told()[0].json["devices"].values())


def _told(station: Station, began_s: float, windows: int) -> float:
    """Return the share of the readings that reached the subscriber in the windows since `began_s`."""
    first = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began_s))
    after = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began_s + windows * WINDOW_S))
    told = [message.json for message in station.subscriber.on("/telemetry/")]
    inside = (window for window in told if first <= window["start"][:19] < after)
    readings = sum(point["n"] for window in inside for point in window["points"].values())
    return readings / (station.rate * windows * WINDOW_S)
