"""The command `gridsentinel`: one file a command, loaded only when it is asked for."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from gateway import __version__

COMMANDS = {
    "run": "run the gateway on a configuration file, until it is stopped",
    "status": "show how a running gateway is, its points, or what its audit log proves",
    "explain": "tell how a point comes to its value: request, octets, decoding, rules, topics",
    "learn": "show what is normal here, freeze it, approve what is new, or learn it anew",
    "check": "check a configuration file and name every fault at once",
    "plan": "tell what a configuration will take of lines, memory, disk, uplink, processor; refuse what cannot fit",
    "schema": "print the JSON Schema of the configuration, for editors",
    "replay": "put a recording through the rules of a configuration, and see what they would have raised",
    "train": "learn from a recording what is normal, as a model file for the detector tflite",
    "decode": "ask a device what it has, and print YAML to paste; for commissioning",
    "simulate": "serve a simulated substation over its protocols, or a copy of configured devices",
    "fat": "factory acceptance test: drive every point through a simulated copy, and write a checklist to sign",
    "demo": "see it all at once: simulated substation, broker and gateway, in this terminal",
}

EPILOG = """\
first steps:
  gridsentinel demo                     see it work, with nothing to configure
  gridsentinel check gateway.yaml       before every start
  gridsentinel run gateway.yaml         what the service does
  gridsentinel status gateway.yaml      how it is

exit codes: 0 well, 1 failed, 2 wrong use, 78 bad configuration
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="gridsentinel",
        description="A small daemon for substations: polls devices, checks every value, loses nothing, speaks MQTT.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gridsentinel {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {
        name: commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        for name, text in COMMANDS.items()
    }
    chosen = parsers.get(arguments[0]) if arguments else None
    if chosen is None:
        parser.parse_args(arguments)  # which ends here: help, the version, or what is wrong
        return 2
    command = import_module(f"gateway.cli.{arguments[0]}")
    command.configure(chosen)
    try:
        code = int(command.run(chosen.parse_intermixed_args(arguments[1:])))  # options stand anywhere
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough, as `head` has; the interpreter flushes once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
