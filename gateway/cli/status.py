"""`gridsentinel status`: how a running gateway is, what evidence it keeps, or what its audit log proves."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gateway.cli import evidence
from gateway.config.fault import ConfigError
from gateway.local.client import SOCKET, NotRunning, Refused, ask, points, state_dir
from gateway.local.content import plain
from gateway.local.evidence_page import EvidencePage
from gateway.local.page import Page
from gateway.store.audit import lines
from gateway.store.chain import opened, verified

DEFAULT = Path("/etc/gridsentinel/gateway.yaml")
WATCH_S = 1.0
"""How often --watch draws anew."""
WELL, FAILED, WRONG_USE, BAD_CONFIGURATION = 0, 1, 2, 78
CLEAR = "\x1b[H\x1b[2J"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file", type=Path, nargs="?", default=DEFAULT, metavar="FILE", help=f"configuration file (default {DEFAULT})"
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help=f"the socket itself, {SOCKET} in state_dir")
    parser.add_argument("--points", metavar="DEVICE", help="show the points of a device: value, quality and age")
    parser.add_argument(
        "--reports", metavar="KIND", nargs="?", const="", help="show what the checks report: asset, forecast, daily, …"
    )
    parser.add_argument(
        "--evidence", metavar="ID", nargs="?", const="", help="list the evidence of alarms, or show the one named ID"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="with --evidence ID: write it here, .pcapng, .csv, .json or a folder",
    )
    parser.add_argument("--audit", action="store_true", help="check the audit log; the gateway need not be running")
    parser.add_argument("--watch", action="store_true", help="draw anew every second, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="write JSON to the standard output")


def run(arguments: argparse.Namespace) -> int:
    """Show it; 0 when it could be shown (and the audit log is whole), 1 when not, 78 when FILE is no configuration."""
    try:
        folder = arguments.socket.parent if arguments.socket else state_dir(arguments.file)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIGURATION
    if arguments.audit:
        return _audit(folder, as_json=arguments.json)
    if arguments.evidence is not None or arguments.output is not None:
        return _evidence(arguments, arguments.socket or folder / SOCKET)
    show = _shown(arguments, arguments.socket or folder / SOCKET)
    try:
        with suppress(KeyboardInterrupt):
            _watch(show) if arguments.watch else print(show())
    except (NotRunning, Refused) as error:
        print(plain(str(error)), file=sys.stderr)
        return FAILED
    return WELL


def _shown(arguments: argparse.Namespace, path: Path) -> Callable[[], str]:
    """Return what asks and draws."""
    page = Page(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)

    def show() -> str:
        device, kind = arguments.points, arguments.reports
        if device:
            told, draw = points(path, device), page.points
        elif kind is not None:
            told, draw = ask(path, {"ask": "reports", **({"kind": kind} if kind else {})}), page.reports
        else:
            told, draw = ask(path, {"ask": "status"}), page.status
        return json.dumps(told) if arguments.json else draw(told)

    return show


def _watch(show: Callable[[], str]) -> None:
    """Draw for ever; a gateway that was there may be restarted meanwhile."""
    clear, text = CLEAR if sys.stdout.isatty() else "", show()
    while True:
        print(f"{clear}{text}", flush=True)
        time.sleep(WATCH_S)
        try:
            text = show()
        except NotRunning as error:
            text = plain(str(error))


def _evidence(arguments: argparse.Namespace, path: Path) -> int:
    """List evidence, show one, or fetch it."""
    if arguments.output and not arguments.evidence:
        print("--output needs --evidence ID", file=sys.stderr)
        return WRONG_USE
    page = EvidencePage(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    try:
        told = dict(evidence.shown(path, arguments.evidence))
        if arguments.evidence:
            told["audit"] = evidence.audited(path.parent, told["evidence"][0])
        if arguments.output:
            told["written"] = [str(each) for each in evidence.fetched(path, told["evidence"][0], arguments.output)]
    except (NotRunning, Refused, evidence.Altered, OSError) as error:
        print(plain(str(error)), file=sys.stderr)
        return FAILED
    drawn = page.exhibit(told) if arguments.evidence else page.evidence(told)
    print(json.dumps(told) if arguments.json else drawn)
    return WELL


def _audit(folder: Path, *, as_json: bool) -> int:
    """Tell whether the audit log is whole; with --json write its entries."""
    try:
        found = list(lines(folder))
    except OSError as error:
        print(f"the audit log cannot be read: {error}", file=sys.stderr)
        return FAILED
    verdict = verified(found)
    if as_json:
        for line in found:
            print(json.dumps(opened(line) or {"broken": line.decode(errors="replace")}))
    elif verdict.first and verdict.last:
        whole = f"{verdict.whole} entries, {verdict.first['n']} to {verdict.last['n']}"
        print(f"{whole}, from {verdict.first['time']} to {verdict.last['time']}: each follows the one before it")
        print(f"newest hash {verdict.last['hash']}")
    elif not verdict.broken:
        print(f"no audit log in {folder}", file=sys.stderr)
        return FAILED
    if verdict.broken:
        print(f"BROKEN: {plain(verdict.broken)}", file=sys.stderr)
    return FAILED if verdict.broken else WELL
