"""A week in the life of the daemon, hurried: outages, kills, reloads, set clocks, attacks; does anything grow?

soak.py [--days 7] [--speed 200] [--every 10] [--window 60] [--picture FILE] [--json FILE]

The real daemon polls the simulated substation, whose faults and attacks repeat every six hours, and sends to a real
Mosquitto over a link that is cut; the consumer of docs/examples keeps the ledger. Clocks of daemon and substation run
`--speed` times faster (`hurried.py`). Exit code 1 if a bound is violated.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import broker
import soak_watch
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from soak_rig import WAYS, Rig
from soak_troubles import DAY_S, SCENARIO
from soak_week import Week
from station import DISK
from table import Section, Target

from gateway.demo.link import Link
from simulator.meter import BAYS
from simulator.scenario import parse
from simulator.substation import serve

COUNT_S = 120.0
"""Real seconds that the last messages may take to be counted."""
RSS_MB_A_DAY = 0.5
POOL = min(32, (os.cpu_count() or 1) + 4)
"""The threads that asyncio begins when they are first needed, and keeps: a leak is more, one a reload."""
DRIFT = 15.0
"""Per cent; less is what neighbours do to caches and clock rates of a shared machine."""
LEGEND = "the daemon with its clocks hurried; slopes by Theil-Sen of the last process, without its first fifth"


async def soak(asked: argparse.Namespace, folder: Path, port: int) -> Section:
    """Run it, and return the table."""
    link = Link("127.0.0.1", port)
    await link.mend()
    scenario = parse(SCENARIO, "soak.yaml", speed=asked.speed)
    mqtt = Client(CallbackAPIVersion.VERSION2)
    mqtt.connect("127.0.0.1", port)
    mqtt.loop_start()
    async with serve(scenario, ways=WAYS) as substation:
        rig = Rig(folder, urls=substation.urls, port=link.port, broker=port, days=asked.days, speed=asked.speed)
        run = Week(rig, link, asked, mqtt)
        mqtt.on_message = lambda _client, _data, message: run.told(message)
        mqtt.subscribe("gridsentinel/soak/gw/status", qos=1)
        try:
            await run.run()
            section = await _judged(run)
        finally:
            if asked.json:  # also where the end goes wrong
                seen = {"samples": run.samples, "days": soak_watch.days(run.samples), "happened": run.happened}
                asked.json.write_text(json.dumps(seen))
            rig.close()
            mqtt.disconnect()
            mqtt.loop_stop()
            await link.cut()
    if asked.picture:
        about = f"{asked.days:g} simulated days at {asked.speed:g} times speed: kills red, long outages orange"
        asked.picture.write_text(soak_watch.picture(run.samples, run.marks, about))
    if asked.json:
        asked.json.write_text(json.dumps({**section.plain(), **json.loads(asked.json.read_text())}))
    print("\n".join(_days(soak_watch.days(run.samples))))
    return section


def _days(days: Sequence[soak_watch.Day]) -> Iterator[str]:
    yield "day   RSS, MB   highest   descriptors   threads   files, MB   CPU, s a day"
    for each in days:
        yield (
            f"{each.day:3}   {each.rss_mb:7.1f}   {each.highest_rss_mb:7.1f}   {each.descriptors:11}   "
            f"{each.threads:7}   {each.disk_mb:9.1f}   {each.cpu_s:12.0f}"
        )


async def _judged(run: Week) -> Section:
    """Stop the daemon, let it go on at the usual speed until all is counted, and return the table."""
    await asyncio.to_thread(run.rig.kill)  # a stop has seconds, which are milliseconds when hurried
    if not run.link.up:
        await run.link.mend()
    run.rig.set_clock(0.0)
    run.rig.settling = True
    run.configure()
    await asyncio.to_thread(run.rig.start, hurried=False)
    code, report = await asyncio.to_thread(run.rig.account, COUNT_S)
    await asyncio.to_thread(run.rig.stop)
    return _table(run, code, report)


def _table(run: Week, code: int, report: dict[str, Any]) -> Section:
    case = f"{run.asked.days:g} days"
    section = Section("soak", [case], LEGEND)
    lived = soak_watch.last_life(run.samples)
    later = [each for each in lived if each.at_s >= DAY_S] or lived
    due = run.asked.days * DAY_S / run.asked.every * len(BAYS)
    streams = [stream for stream in report.values() if isinstance(stream, dict)]
    figures: dict[str, float] = {
        "RSS, MB a day": soak_watch.slope(lived, lambda each: each.rss_mb),
        "RSS, MB a day after the first, least squares": soak_watch.line(later, lambda each: each.rss_mb),
        "RSS at the end, MB": run.samples[-1].rss_mb,
        "descriptors leaked": _more(lived, lambda each: each.descriptors),
        "threads leaked": _more(lived, lambda each: each.threads),
        "files of the state, MB a day": soak_watch.slope(lived, lambda each: each.disk_mb),
        "files of the state, MB": run.samples[-1].disk_mb,
        "CPU, last third to first, %": soak_watch.drift(lived),
        "CPU, s a simulated day": (lived[-1].cpu_s - lived[0].cpu_s) / (lived[-1].at_s - lived[0].at_s) * DAY_S,
        "verdict of the consumer (0: complete)": code,
        "messages missing": sum(b - a + 1 for each in streams for a, b in each["missing"]),
        "messages explained by gaps": sum(each["explained"] for each in streams),
        "messages contradictory": sum(each["contradictory"] for each in streams),
        "messages that came twice": sum(each["duplicate"] for each in streams),
        **{
            f"messages of {word}": report[word]["new"] + report[word]["merged"]
            for word in report
            if word != "unreadable"
        },
        **{f"times {word}": count for word, count in sorted(run.happened.items())},
        **{f"{word} that the daemon tells": count for word, count in run.totals.items()},
        "polls made, of those due, %": run.totals["polls"] / due * 100,
        "days judged, of the last process": (lived[-1].at_s - lived[0].at_s) / DAY_S,
        "lives": run.rig.lives,
    }
    for figure, value in figures.items():
        section.add(figure, case, value)
    nothing = Target("0", lambda value: value == 0)
    section.targets = {
        "RSS, MB a day": Target(f"below {RSS_MB_A_DAY:g}", lambda mb: mb < RSS_MB_A_DAY),
        "CPU, last third to first, %": Target(f"below {DRIFT:g}", lambda percent: percent < DRIFT),
        "verdict of the consumer (0: complete)": nothing,
        **dict.fromkeys(("descriptors leaked", "messages missing", "messages contradictory"), nothing),
        "threads leaked": Target(f"at most {POOL}", lambda threads: threads <= POOL),
    }
    return section


def _more(lived: Any, of: Any) -> float:
    first, last = soak_watch.thirds(lived, of)
    return max(0.0, last - first)


def main() -> int:
    """Run a soak and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=7, help="simulated days (default 7)")
    parser.add_argument("--speed", type=float, default=200, help="simulated seconds a real second (default 200)")
    parser.add_argument("--every", type=float, default=10, help="simulated seconds between two polls (default 10)")
    parser.add_argument("--window", type=float, default=60, help="simulated seconds of a window (default 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the troubles (default 1)")
    parser.add_argument("--picture", type=Path, help="where to draw the resident memory, SVG")
    parser.add_argument("--keep", type=Path, help="where to keep log and store; thrown away when left out")
    parser.add_argument("--json", type=Path, help="where to write figures and samples")
    asked = parser.parse_args()
    os.environ.pop("PYTHONTRACEMALLOC", None)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for folder in (DISK, *(path.parent for path in (asked.picture, asked.json) if path)):
        folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="soak-", dir=DISK) as folder, broker.mosquitto(Path(folder)) as port:
        try:
            section = asyncio.run(soak(asked, Path(folder), port))
        finally:
            if asked.keep:
                shutil.copytree(folder, asked.keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
    print("\n".join(section.lines()), f"\n{LEGEND}", sep="")
    return int(any(section.met(figure) is False for figure in section.targets))


if __name__ == "__main__":
    raise SystemExit(main())
