"""Serve a simulated substation over its protocols, and tell what happens in it."""

import argparse
import asyncio
import logging
import signal
import sys

from simulator import scenario as scenarios
from simulator.configuration import DEMO_PORT
from simulator.modbus import UNIT
from simulator.scenario import Scenario, ScenarioError
from simulator.speakers import POLYGLOT, SPEAKERS
from simulator.steps import Step
from simulator.substation import Substation, serve

OK, FAILED, WRONG_USE = 0, 1, 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "scenario", nargs="?", default="normal", metavar="SCENARIO", help="a name of --list, or a .yaml file"
    )
    parser.add_argument(
        "--port", type=_port, default=DEMO_PORT, help="port of the first bay, the others follow; 0: any"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to serve at (default: %(default)s)")
    parser.add_argument("--seed", type=int, metavar="N", help="other random values than the scenario's")
    parser.add_argument("--speed", type=float, metavar="X", help="simulated seconds a second (default: the scenario's)")
    parser.add_argument("--list", action="store_true", help="list the scenarios and leave")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # what matters of it is raised, and said below
    try:
        if args.list:
            return _list()
        given = {key: value for key in ("seed", "speed") if (value := getattr(args, key)) is not None}
        scenario = scenarios.load(args.scenario, **given)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    try:
        asyncio.run(_serve(scenario, args.host, args.port))
    except OSError as error:
        print(error, file=sys.stderr)
        return FAILED
    return OK


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_000:
        raise argparse.ArgumentTypeError(f"{port} is not from 0 to 65000")
    return port


def _list() -> int:
    for name in scenarios.names():
        print(f"{name:10} {scenarios.load(name).about}")
    return OK


async def _serve(scenario: Scenario, host: str, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(scenario, host=host, base_port=port, tell=_tell, also=tuple(SPEAKERS)) as substation:
        _introduce(substation, host)
        await stop.wait()


def _introduce(substation: Substation, host: str) -> None:
    scenario = substation.scenario
    print(f"scenario {scenario.name}, seed {scenario.seed}, speed {scenario.speed:g}: {scenario.about}\n")
    for bay, port in substation.ports.items():
        print(f"  {bay:10} modbus  tcp://{host}:{port}  unit {UNIT}")
    for word, port in substation.other_ports.items():
        print(f"  {POLYGLOT:10} {word:7} {SPEAKERS[word].url.format(host=host, port=port)}")
    print()
    for step in scenario.steps:
        print(f"  at {step.at_s:g} s for {step.for_s:g} s: {step.text}")
    if scenario.repeat_s is not None:
        print(f"  again after {scenario.repeat_s:g} s")
    print("\nCtrl-C ends it", flush=True)


def _tell(step: Step, begins: bool) -> None:  # noqa: FBT001  # the signature of Tell
    print(f"{'begins' if begins else 'ends  '}  {step.text}", flush=True)
