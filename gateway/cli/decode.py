"""`gridsentinel decode URL`: what a device says, before anything about it is configured; prints YAML to paste."""

import argparse
import asyncio
import json
from importlib import import_module
from math import isfinite
from pathlib import Path
from types import ModuleType

from gateway.decode import report
from gateway.decode.options import Failed, Options, WrongUse, protocol_of

PROTOCOLS = ("modbus", "dnp3", "iec61850", "opcua")

EPILOG = """\
examples:
  gridsentinel decode tcp://10.0.0.11:502 holding:100 --count 8 --expect 230
      registers 100 to 107 raw and in all types and orders; the likeliest place of a value near 230 as YAML
  gridsentinel decode tcp://10.0.0.17:20000 --set outstation=10 --output devices/rtu7.yaml
      what a DNP3 outstation has, as a device to include
  gridsentinel decode tcp://10.0.0.23:102
      model, data sets and report control blocks of an IEC 61850 IED, as a device to include

Nothing is ever written to the device. It is a conversation of its own: where a device allows only one, stop the gateway
first. Modbus addresses are zero based, as on the wire: 40101 of a manual is holding:100.
exit codes: 0 well, 1 the device did not give it, 2 wrong use
"""
ADDRESS_HELP = "Modbus: where to begin, such as holding:100; without it, what the unit says of itself (SunSpec)"

RANGES = {"most": (1, 1_000_000), "timeout": (0.01, 60), "pause": (0, 60)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("url", metavar="URL", help="as in the configuration: tcp://, tls://, rtu://, rtu+tcp://, serial://, opc.tcp://")
    add("address", nargs="?", metavar="ADDRESS", help=ADDRESS_HELP)
    add("--protocol", choices=PROTOCOLS, help="otherwise told by the port: 20000 dnp3, 102 iec61850, else modbus")
    add("--unit", metavar="N", help="Modbus unit identifier (default: 1)")
    add("--count", type=int, metavar="N", help="registers or bits from ADDRESS on (default: 4; with --map 1000)")
    add("--expect", type=float, metavar="VALUE", help="what it should roughly be, within a quarter")
    add("--map", action="store_true", help="say which addresses of the range answer")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the device, such as outstation=10")
    add("--timeout", type=float, metavar="S", help="for each request, in seconds (default: 1; OPC UA 5)")
    add("--pause", type=float, default=0.02, metavar="S", help="between requests, in seconds (default: %(default)s)")
    add("--most", type=int, default=1000, metavar="N", help="most requests of a map, or objects (default: %(default)s)")
    add("--output", type=Path, metavar="FILE", help="write to FILE instead of the standard output")
    add("--json", action="store_true", help="write one JSON object to the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Ask, print, and return the exit code."""
    try:
        options = _options(arguments)
        room = _room(options.protocol)
        found = asyncio.run(room.look(options))
    except (WrongUse, Failed) as error:
        return report.fail(error, as_json=arguments.json)
    except KeyboardInterrupt:
        return report.fail(Failed("stopped before the device had answered"), as_json=arguments.json)
    return report.show(json.dumps(found, allow_nan=False) if arguments.json else room.page(found), arguments.output)


def _options(arguments: argparse.Namespace) -> Options:
    keys = dict(_pair(text) for text in arguments.set)
    if arguments.unit is not None:
        keys["unit"] = arguments.unit
    for key, (least, most) in RANGES.items():
        given = getattr(arguments, key)
        if given is not None and not least <= given <= most:
            raise WrongUse(f"--{key} {given:g} is not from {least:g} to {most:g}")
    if arguments.expect is not None and not isfinite(arguments.expect):
        raise WrongUse(f"--expect {arguments.expect:g} is no number that a device shows")
    return Options(
        url=arguments.url,
        protocol=arguments.protocol or protocol_of(arguments.url),
        address=arguments.address,
        count=arguments.count,
        expect=arguments.expect,
        map=arguments.map,
        keys=keys,
        timeout_s=arguments.timeout,
        pause_s=arguments.pause,
        most=arguments.most,
    )


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise WrongUse(f"--set {text} is not KEY=VALUE, such as outstation=10")
    return key, value


def _room(protocol: str) -> ModuleType:
    """Return the module of `protocol`, loaded only now."""
    return import_module(f"gateway.decode.{protocol}")
