"""A simulated day of ordinary traffic: how many warnings there are, and what listening and judging cost.

    python benchmarks/cyber/day.py [--hours 24] [--learn 6] [--seed 1]

simulator/traffic makes the frames of a substation with ten devices: polls, reports, commands of an operator, an HMI, a
laptop in a maintenance window, a router and masters that switch over, a device and a switch that restart. The checks
learn for the first hours; then the day begins. The policy is the one that such a site would write.
"""

import argparse
import gc
import resource
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any, Final

from feed import NS, Site, loud
from lines import Line

from detectors.model import Finding
from protocols.tap.capture.source import Captured
from simulator.traffic import day, lan
from simulator.traffic.plan import H, Plan, Timed

WARNINGS_MOST: Final = 1
GROWTH_MOST_MB: Final = 5.0
LEARN_H, DAY_H = 6.0, 24.0
CHUNK: Final = 4096


def policy(plan: Plan) -> Mapping[str, Any]:
    """Return what such a site writes down: who commands, who looks, who maintains, and when."""
    window = plan.maintenance
    begin, end = (datetime.fromtimestamp(each // NS, UTC).isoformat() for each in (window.from_ns, window.to_ns))
    return {
        "learn_s": plan.quiet_s,
        "masters": [lan.FIRST_MASTER, lan.SECOND_MASTER],
        "allow": [{"source": lan.HMI, "target": "10.20.0.0/24", "actions": ["read", "discover"]}],
        "own": [lan.GATEWAY],
        "engineering": [lan.LAPTOP],
        "maintenance": [[begin, end]],
        "virtual": [lan.ROUTER],
    }


@dataclass
class Cost:
    """What a day took: processor time without that of making the frames, memory and objects before and after."""

    frames: int = 0
    made_s: float = 0.0
    took_s: float = 0.0
    resident_kb: list[int] = field(default_factory=list)
    objects: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Note how much there is now."""
        gc.collect()
        self.objects.append(len(gc.get_objects()))
        self.resident_kb.append(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024)


@dataclass
class Day:
    """A site that has listened for a day, and what it cost."""

    site: Site
    cost: Cost

    @property
    def said(self) -> Sequence[Finding]:
        """What began after the learning."""
        return [each for each in self.site.said if each.active]

    @property
    def warnings(self) -> Sequence[Finding]:
        """Of these, what is worse than info."""
        return [each for each in self.said if loud(each)]


def run(plan: Plan) -> Day:
    """Let a site learn, freeze it, and go on for the day."""
    hosts = {name: ip for name, ip in lan.DEVICES.items() if name in ("meter1", "meter2", "plc", "ied1", "ied2")}
    site, cost = Site(hosts=hosts, **policy(plan)), Cost()
    began = process_time()
    site.play(_frames(plan, site, cost))
    cost.took_s = process_time() - began - cost.made_s
    cost.look()
    return Day(site, cost)


def _frames(plan: Plan, site: Site, cost: Cost) -> Iterator[Captured]:
    made, learns_ns = day.frames(plan), plan.at(0)
    while chunk := _made(made, cost):
        for time_ns, frame in chunk:
            if not cost.objects and time_ns >= learns_ns:
                site.cyber.baseline.freeze()
                site.said.clear()
                site.happened.clear()
                cost.look()
            yield memoryview(frame), time_ns, 0, len(frame)


def _made(made: Iterator[Timed], cost: Cost) -> Sequence[Timed]:
    """Return the next frames; to ask for the processor time of each would take longer than to judge it."""
    before_s = process_time()
    chunk = [*islice(made, CHUNK)]
    cost.made_s += process_time() - before_s
    cost.frames += len(chunk)
    return chunk


def measure(_: Path | None = None, *, plan: Plan | None = None) -> Sequence[Line]:
    """Return warnings, infos and cost of a day; it needs no captures."""
    plan = plan or Plan(LEARN_H * H, DAY_H * H)
    found = run(plan)
    site, cost = found.site, found.cost
    hours, warnings = plan.day_s / H, found.warnings
    infos = Counter(each.kind for each in found.said if not loud(each))
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(infos.items()))
    grown_mb = (cost.resident_kb[-1] - cost.resident_kb[0]) / 1024
    few = len(warnings) <= WARNINGS_MOST
    details = [told_of(each) for each in warnings]
    return [
        Line(f"warnings in {hours:g} h of everyday", str(len(warnings)), f"at most {WARNINGS_MOST}", few, details),
        Line("infos in it", f"{sum(infos.values())} ({told})", details=[told_of(x) for x in found.said if not loud(x)]),
        Line("frames; dissectors that failed", f"{cost.frames}; {site.watch.faults}", "none", not site.watch.faults),
        Line("CPU of a frame, decoded and judged, with all ticks", f"{cost.took_s / cost.frames * 1e6:.1f} us"),
        Line("CPU of making it", f"{cost.made_s / cost.frames * 1e6:.1f} us"),
        Line("memory grew by", f"{grown_mb:.1f} MB", f"{GROWTH_MOST_MB:g} MB", grown_mb <= GROWTH_MOST_MB),
        Line("Python objects grew by", f"{cost.objects[-1] - cost.objects[0]}"),
    ]


def told_of(each: Finding) -> str:
    """Return a line about an alarm."""
    at = datetime.fromtimestamp(each.time_ns // NS, UTC)
    return f"{at:%d %H:%M:%S} {each.severity} {each.kind} {each.device} {each.subject}: {each.text[:130]}"


def main() -> None:
    """Print a day."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=DAY_H)
    parser.add_argument("--learn", type=float, default=LEARN_H)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for line in measure(plan=Plan(chosen.learn * H, chosen.hours * H, chosen.seed)):
        print(line.what, line.measured, *line.details, sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
