"""Serve a simulated substation over its protocols, and tell what happens in it."""

import argparse
import asyncio
import logging
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TextIO

from simulator import scenario as scenarios
from simulator.configuration import DEMO_PORT
from simulator.meter import BAYS
from simulator.scenario import Scenario, ScenarioError
from simulator.speakers import BAUD, SPEAKERS, UNITS
from simulator.steps import Step
from simulator.substation import Substation, serve
from simulator.truth import Truth

OK, FAILED, WRONG_USE = 0, 1, 2
USUAL = "normal"
WIDTH = 25
"""Of a column of urls, characters."""
EPILOG = f"""\
Every bay answers by every protocol, and tells the same:
  modbus    Modbus TCP, a port a bay, unit 1
  dnp3      an outstation a bay, link address 10, master 1
  iec61850  an IED a bay; data sets, buffered and unbuffered reports
  opcua     one server for all bays
  rtu       one RS-485 line of {BAUD} baud for all bays, a pseudo-terminal; feeder1 is unit 1

look at them with:
  gridsentinel decode tcp://127.0.0.1:15021 holding:100
  gridsentinel decode tcp://127.0.0.1:15029                      (a SunSpec meter)
  gridsentinel decode tcp://127.0.0.1:15031 --protocol dnp3 --set outstation=10
  gridsentinel decode tcp://127.0.0.1:15041 --protocol iec61850
  gridsentinel decode opc.tcp://127.0.0.1:15051
  gridsentinel decode 'rtu:///dev/shm/gridsentinel-15052?baud=9600&parity=N' holding:100 --unit 1
config/demo.yaml is the gateway's configuration for it.

a copy of devices of one's own:
  gridsentinel simulate --from gateway.yaml --output copy.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help=f"a name of --list, or a .yaml file (default: {USUAL})"
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="serve a copy of the devices of this configuration instead: its points at their addresses, at rest",
    )
    parser.add_argument(
        "--output", type=Path, metavar="YAML", help="with --from: where to write FILE with the urls of the copy"
    )
    parser.add_argument(
        "--port", type=_port, default=DEMO_PORT, help="first port, the others follow (default: %(default)s); 0: any"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: %(default)s)")
    parser.add_argument("--seed", type=int, metavar="N", help="other random values than the scenario's")
    parser.add_argument("--speed", type=float, metavar="X", help="simulated seconds a second (default: the scenario's)")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="write what truly happens, and what should be found: JSON lines"
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios and leave")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what matters of it is raised, and said below
    if wrong := _unfit(args):
        print(wrong, file=sys.stderr)
        return WRONG_USE
    if args.source is not None:
        from gateway.cli.standins import run as copied  # noqa: PLC0415 - it reads configurations

        return copied(args.source, args.output, host=args.host, port=args.port)
    try:
        if args.list:
            return _list()
        given = {key: value for key in ("seed", "speed") if (value := getattr(args, key)) is not None}
        scenario = scenarios.load(args.scenario or USUAL, **given)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    try:
        with nullcontext() if args.truth is None else args.truth.open("w", encoding="utf-8") as truth:
            asyncio.run(_serve(scenario, args.host, args.port, truth))
    except OSError as error:
        print(error, file=sys.stderr)
        return FAILED
    return OK


def _unfit(args: argparse.Namespace) -> str:
    """Return which arguments do not go together, empty when all do."""
    if args.source is None:
        return "--output needs --from" if args.output is not None else ""
    alone = ("scenario", "seed", "speed", "truth")
    given = [key for key in alone if getattr(args, key) is not None]
    return f"--from serves points at rest: {given[0]} is for scenarios" if given else ""


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_000:
        raise argparse.ArgumentTypeError(f"{port} is not from 0 to 65000")
    return port


def _list() -> int:
    for name in scenarios.names():
        print(f"{name:12} {scenarios.load(name).about}")
    return OK


async def _serve(scenario: Scenario, host: str, port: int, truth: TextIO | None) -> None:
    def tell(step: Step, begins: bool) -> None:  # noqa: FBT001  # the signature of Tell
        print(f"{'begins' if begins else 'ends  '}  {step.text}", flush=True)
        if begins and truth is not None:
            print(Truth.of(step, time.time_ns(), scenario.speed).line(), file=truth, flush=True)

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ways = [word for word, speaker in SPEAKERS.items() if speaker.installed]
    async with serve(scenario, host=host, base_port=port, tell=tell, ways=ways) as substation:
        _introduce(substation)
        await stop.wait()


def _introduce(substation: Substation) -> None:
    scenario = substation.scenario
    print(f"scenario {scenario.name}, seed {scenario.seed}, speed {scenario.speed:g}: {scenario.about}\n")
    _say_where(substation)
    print()
    for step in scenario.steps:
        print(f"  at {step.at_s:g} s for {step.for_s:g} s: {step.text}")
    if scenario.repeat_s is not None:
        print(f"  again after {scenario.repeat_s:g} s")
    print("\nCtrl-C ends it", flush=True)


def _say_where(substation: Substation) -> None:
    own = {word: bays for word, bays in substation.urls.items() if len(set(bays.values())) == len(bays)}
    print(f"  {'':9}" + "".join(f" {SPEAKERS[word].title:{WIDTH}}" for word in own).rstrip())
    for bay in BAYS:
        print(f"  {bay:9}" + "".join(f" {bays[bay]:{WIDTH}}" for bays in own.values()).rstrip())
    shared = {word: bays["bus1"] for word, bays in substation.urls.items() if word not in own}
    for word, url in shared.items():
        print(f"  all bays  {SPEAKERS[word].title:11} {url}" + (f"  units 1 to {len(UNITS)}" if word == "rtu" else ""))
    for speaker in (speaker for speaker in SPEAKERS.values() if not speaker.installed):
        print(f"  {speaker.title} needs {speaker.needs}: pip install 'gridsentinel[demo]'")
