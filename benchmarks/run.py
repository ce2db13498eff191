"""Measures GridSentinel on this machine and prints one table: `make bench`, or run.py [--quick] [--json]."""

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import base
import daemon
import devices
import disk
import field
import latency
import machine
import pipeline
import wake
from station import station
from table import Section

CASES = {"1,000": (10, 100), "5,000": (10, 500), "10,000": (10, 1_000), "50,000": (50, 1_000)}
"""Readings a second: devices, points of each."""
MAIN = "10,000"
RAM = Path("/dev/shm")
Say = Callable[[str], None]


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 readings/s only, about 80 s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    began, here = time.monotonic(), machine.about()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {what}", file=sys.stderr, flush=True)

    sections, here["Modbus server"] = _quick(say) if arguments.quick else _all(say)
    say("done")
    if arguments.json:
        print(json.dumps({"machine": here, **{section.title: section.plain() for section in sections}}, indent=2))
    else:
        print("\n".join(_text(here, sections)))


def _quick(say: Say) -> tuple[list[Section], str]:
    say("this machine, pipeline")
    waking = wake.section()
    wake.measure(waking, "before", seconds=1)
    checks = pipeline.measure(rounds=3, readings=100_000)
    say("store")
    store = disk.measure(rounds=20, full=False)
    say("polling alone")
    with devices.serve(10) as served, field.serve() as ports:
        polling, peer = base.measure(served.ports, rounds=1, seconds=3), served.peer
        say("drivers of the field protocols")
        drivers = field.measure(served.ports[0], ports, rounds=1, seconds=3)
    whole, alarms = daemon.section([MAIN]), latency.section(["store on disk"])
    say(f"daemon at {MAIN} readings/s: start, first window, one window, alarms")
    with station(*CASES[MAIN]) as running:
        base.compare(polling, daemon.measure(running, whole, windows=1))
        latency.measure(running, alarms, "store on disk", samples=60, pause_s=0.05)
    wake.measure(waking, "after", seconds=1)
    return [waking, checks, store, drivers, whole, alarms, polling], peer


def _all(say: Say) -> tuple[list[Section], str]:
    say("this machine, pipeline")
    waking = wake.section()
    wake.measure(waking, "before")
    checks = pipeline.measure(rounds=5, readings=400_000)
    say("store: flash, wire, drain, a full one")
    store = disk.measure(rounds=100, full=True)
    say("polling alone, in turns")
    with devices.serve(10) as served:
        polling, peer = base.measure(served.ports, rounds=3, seconds=4), served.peer
    with devices.serve(1) as served, field.serve() as ports:
        say("drivers of the field protocols, in turns")
        drivers = field.measure(served.ports[0], ports, rounds=3, seconds=5)
        say("daemon with all four protocols: start, two windows")
        memory = field.memory_section()
        with station(1, field.POINTS, more=field.devices(ports)) as running:
            field.measure_memory(running, memory)
    whole, alarms = daemon.section(list(CASES)), latency.section(["store on disk", "store in RAM"])
    for case, (count, points) in CASES.items():
        windows = 5 if case == MAIN else 2
        say(f"daemon at {case} readings/s: start, first window, {windows} windows")
        with station(count, points) as running:
            percents = daemon.measure(running, whole, windows=windows)
            if case == MAIN:
                base.compare(polling, percents)
                say("alarm latency, store on disk")
                latency.measure(running, alarms, "store on disk", samples=100, pause_s=0.15)
    if RAM.is_dir():
        say("alarm latency, store in RAM")
        with station(*CASES[MAIN], state_dir=RAM) as running:
            latency.measure(running, alarms, "store in RAM", samples=100, pause_s=0.15)
    wake.measure(waking, "after")
    return [waking, checks, store, drivers, memory, whole, alarms, polling], peer


def _text(here: dict[str, str], sections: list[Section]) -> list[str]:
    lines = [f"{key:<15}{value}" for key, value in here.items()]
    for section in sections:
        lines += ["", *section.lines()]
    lines += ["", "How it is measured"]
    for section in sections:
        lines += textwrap.wrap(
            f"{section.title}: {section.legend}.", 116, initial_indent="  ", subsequent_indent="    "
        )
    return lines


if __name__ == "__main__":
    main()
