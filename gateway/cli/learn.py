"""`gridsentinel learn`: what is normal here, for the person who answers for it: look, freeze, approve, learn anew."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detectors.cyber.baseline import Baseline
from gateway.config.fault import ConfigError
from gateway.local.client import SOCKET, NotRunning, Refused, ask, facts, state_dir
from gateway.local.content import plain
from gateway.local.learn import listed
from gateway.local.learn_page import LearnPage
from gateway.store.baseline import BASELINE_BYTES, FILE, parsed
from gateway.store.files import read_at_most

WELL, FAILED, WRONG_USE, BAD_CONFIGURATION = 0, 1, 2, 78
WORDS = {"show": (0, 0), "freeze": (0, 0), "approve": (2, 2), "relearn": (0, 1)}
"""The orders, with how many words may follow."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument(
        "do", choices=WORDS, help="show what is normal and what waits; freeze: learn nothing more; approve what waits; "
        "relearn: forget and learn anew, one check or all",
    )  # fmt: skip
    parser.add_argument("words", nargs="*", metavar="CHECK KEY", help="of approve, and of relearn the check alone")
    parser.add_argument("--json", action="store_true", help="write JSON to the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Do it; 0 when it was done, 1 when not, 2 when the words do not fit, 78 when FILE is no configuration."""
    least, most = WORDS[arguments.do]
    if not least <= len(arguments.words) <= most:
        print("learn FILE show|freeze|approve CHECK KEY|relearn [CHECK]", file=sys.stderr)
        return WRONG_USE
    page = LearnPage(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        folder = state_dir(arguments.file)
        told = _shown(folder) if arguments.do == "show" else _ordered(folder, arguments.do, arguments.words)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    except (NotRunning, Refused) as error:
        print(plain(str(error)), file=sys.stderr)
        return FAILED
    draw = page.learn if arguments.do == "show" else page.done
    print(json.dumps(told) if arguments.json else draw(told))
    return WELL


def _ordered(folder: Path, do: str, words: list[str]) -> Mapping[str, Any]:
    said = dict(zip(("check", "key"), words, strict=False))
    return ask(folder / SOCKET, {"ask": "learn", "do": do, **said})


def _shown(folder: Path) -> Mapping[str, Any]:
    """Return what the gateway says, or when none is running what it kept last.

    Raises:
        NotRunning: there is neither.
        Refused: as `ask` does.
    """
    try:
        return facts(folder / SOCKET)
    except NotRunning as error:
        try:
            return _kept(folder / FILE)
        except FileNotFoundError:
            raise error from None
        except (OSError, ValueError) as bad:
            raise NotRunning(f"{error}\n{folder / FILE} cannot be read: {bad}") from None


def _kept(path: Path) -> Mapping[str, Any]:
    told = parsed(read_at_most(path, BASELINE_BYTES))
    baselines = {name: Baseline(0) for name in told}
    for name, each in baselines.items():
        each.take_up(told[name])
    found = listed({name: each.told() for name, each in baselines.items()}, lambda time_ns: time_ns)
    frozen = any(each.frozen for each in baselines.values())
    told = {"time": None, "running": False, "frozen": frozen, "share": {}, "learned": {}}
    return {**told, "count": len(found), "facts": found}
