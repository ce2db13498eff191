"""A simulated day of the gateway's own conversations with a substation that is well: what the checks say of it.

    python benchmarks/cyber/own.py [--hours 24] [--seed 11]

The ordinary day of simulator/scenarios/day.yaml, each five seconds, as Modbus drivers bring it. An operator switches
the coupler, which is an output, through a master that may, as a tap sees; feeders every second time at their panel.
Round trips vary by themselves, with the hour, and when a backup runs; clocks drift and are set by a time server.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from time import process_time
from typing import Final

sys.path.append(str(Path(__file__).resolve().parents[1] / "detection"))

import numpy as np
from day import told_of
from feed import NS, loud
from lines import Line, none
from simulated import MIDNIGHT_NS, Poll, config, points_of

from detectors.cyber.config import CyberConfig
from detectors.cyber.detector import Cyber
from detectors.model import Finding
from protocols.model import Batch, Event, EventKind, Fed, Frame
from protocols.points import Points
from protocols.sighting import Sighting
from simulator import scenario as scenarios
from simulator.play import Play
from simulator.scenario import Scenario

MASTER: Final = "10.1.0.5"
SWITCHED: Final = ("feeder_trip", "coupler", "tap_change")
"""Steps of the day that an operator does."""
TRIPS_S, CLOCKS_S = 10, 60
"""How often round trips and clocks are told."""
BACKUP_H: Final = (2.0, 2.5)
LEARN_H: Final = 6.0
EVERY_S: Final = 5
"""How often devices are polled."""


class Conversations:
    """What is seen of conversations beside their values."""

    def __init__(self, points: Points, scenario: Scenario, seed: int) -> None:
        self._chance = Random(seed)
        self._points = points
        self._usual_ms = {device: self._chance.choice((2.0, 6.0, 14.0, 60.0)) for device in points.devices}
        self._drift = {device: self._chance.uniform(-20e-6, 20e-6) for device in points.devices}
        self._commands = sorted(
            at_s
            for number, step in enumerate(step for step in scenario.steps if step.do in SWITCHED)
            if number % 2 == 0 or step.do == "coupler"
            for at_s in (int(step.at_s), int(step.end_s))
        )

    def at(self, second: int, now_ns: int) -> Iterator[Event]:
        """Yield what is told in a second; commands come just before what they move."""
        if any(second < at_s + EVERY_S <= second + EVERY_S for at_s in self._commands):
            yield from (self._command(each, now_ns) for each in self._points.hosts)
        elif second % CLOCKS_S == 0:
            yield Sighting("tap1", EventKind.PAIR, "talks", now_ns, source=MASTER, target=self._points.hosts[0])
        if second % TRIPS_S == 0:
            yield from (self._trip(device, second, now_ns) for device in self._points.devices)
        if second % CLOCKS_S == 0:
            yield from (self._clock(device, second, now_ns) for device in self._points.devices)

    def _command(self, host: str, now_ns: int) -> Sighting:
        facts = {"action": "control", "what": "write single coil", "items": (0, 0)}
        return Sighting(
            "tap1", EventKind.COMMAND, "close", now_ns, source=MASTER, target=host, port=502, protocol="modbus",
            function="5", facts=facts,
        )  # fmt: skip

    def _trip(self, device: str, second: int, now_ns: int) -> Sighting:
        hour = second / 3600 % 24
        usual_ms = self._usual_ms[device] * (1 + 0.15 * np.sin(2 * np.pi * (hour - 9) / 24))
        if BACKUP_H[0] <= hour < BACKUP_H[1]:
            usual_ms += 1.5
        trips = sorted(usual_ms * (0.8 + self._chance.gammavariate(2, 0.1)) for _ in range(10))
        middle_ms = round((trips[4] + trips[5]) / 2, 3)
        facts = {"median_ms": middle_ms, "count": 10}
        return Sighting(device, EventKind.ROUND_TRIP, "", now_ns, function="0", facts=facts, live=True)

    def _clock(self, device: str, second: int, now_ns: int) -> Sighting:
        off_s = self._drift[device] * (second % 21_600) - self._chance.expovariate(20)
        return Sighting(device, EventKind.CLOCK, "", now_ns, facts={"offset_s": off_s}, live=True)


def run(hours: float, seed: int) -> tuple[Sequence[Finding], float]:
    """Return what was said, and what a simulated second cost."""
    scenario = scenarios.load("day")
    points = points_of(config())
    hosts = tuple(f"10.20.0.{number + 10}" for number in range(len(points.devices)))
    points = replace(points, hosts=hosts, every_s=np.full(len(points), float(EVERY_S)))
    cyber = Cyber(CyberConfig(detector="cyber", learn_s=LEARN_H * 3600, masters=(MASTER,)), points)
    play, poll = Play(scenario), Poll(points)
    beside = Conversations(points, scenario, seed)
    said: list[Finding] = []
    values = np.full(len(points), np.nan)
    spent_s, seconds = 0.0, int(hours * 3600)
    for second in range(EVERY_S, seconds + 1, EVERY_S):
        play.to(second)
        fed = list(poll.read(play.grid, play.conducts))
        now_ns = MIDNIGHT_NS + round(play.grid.time_s * NS)
        before_s = process_time()
        for each in _second(fed, beside.at(second, now_ns), values, now_ns):
            said += cyber.observe(each)
        spent_s += process_time() - before_s
    return [each for each in said if each.active], spent_s / (seconds // EVERY_S)


def _second(fed: Sequence[Fed], beside: Iterator[Event], values: np.ndarray, now_ns: int) -> Iterator[Fed | Frame]:
    """Yield what happens in a second, in the order in which a gateway sees it."""
    yield from beside
    fresh = np.zeros(len(values), np.bool_)
    for each in fed[:-1]:
        if isinstance(each, Batch):
            values[each.rows], fresh[each.rows] = each.values, True
        yield each
    yield Frame(now_ns, now_ns, values.copy(), fresh)
    yield fed[-1]


def measure(_: Path | None = None, *, hours: float = 24.0, seed: int = 11) -> Sequence[Line]:
    """Return warnings and infos of a day; it needs no captures."""
    said, took_s = run(hours, seed)
    infos = Counter(each.kind for each in said if not loud(each))
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(infos.items()))
    return [
        none(f"own conversations: warnings in {hours:g} h", [told_of(each) for each in said if loud(each)]),
        Line("own conversations: infos", f"{sum(infos.values())} ({told})", details=[told_of(x) for x in said][:40]),
        Line("CPU of all checks for a poll of all", f"{took_s * 1e6:.0f} us"),
    ]


def main() -> None:
    """Print a day."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=11)
    chosen = parser.parse_args()
    for line in measure(hours=chosen.hours, seed=chosen.seed):
        print(line.what, line.measured, *line.details, sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
