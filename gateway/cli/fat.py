"""`gridsentinel fat FILE`: drive every point of a configuration through a simulated copy, and write the checklist."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.cli.loaded import loaded
from gateway.number import number_of

if TYPE_CHECKING:
    from gateway.fat.trial import Outcome

WELL, FAILED, NOT_ALL, BAD_CONFIGURATION = 0, 1, 3, 78
EPILOG = """\
It serves a copy of every configured device, runs the gateway on it with a broker of its own, drives each point through
its range, each bit, each limit and back, bad quality and a lost link, and compares what arrives over MQTT.

No real device and no real broker is touched. The copy is made from FILE: what FILE has wrong about a real device is
not found; `gridsentinel decode` is for that. A PDF is printed from the HTML by a browser.

exit codes: 0 all passed, 1 something failed or could not be started, 3 nothing failed but something could not be
tested, 78 bad configuration
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog, parser.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, metavar="FILE", help="configuration file")
    parser.add_argument(
        "--output", type=Path, default=Path("fat.html"), metavar="HTML", help="the report (default: %(default)s)"
    )
    parser.add_argument("--csv", type=Path, metavar="CSV", help="the same rows; beside the report when left out")


def run(arguments: argparse.Namespace) -> int:
    """Carry it out; return 0 only if all was tested and passed."""
    config = loaded(arguments.file)
    if config is None:
        return BAD_CONFIGURATION
    csv = arguments.csv or arguments.output.with_suffix(".csv")
    from gateway.fat.broker import NoBroker  # noqa: PLC0415 - servers and numpy, only where they are needed
    from gateway.fat.daemon import Ended  # noqa: PLC0415
    from gateway.fat.trial import Trial  # noqa: PLC0415

    trial = Trial(config, tell=lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    tested = f"{number_of(len(trial.driven), 'point')} of {number_of(len(trial.devices), 'device')}"
    print(f"{tested}, about {_minutes(trial.duration_s)}", flush=True)
    try:
        return _written(asyncio.run(trial.run()), arguments.output, csv)
    except (NoBroker, Ended, OSError) as error:
        print(error, file=sys.stderr)
        return FAILED


def _written(outcome: "Outcome", output: Path, csv: Path) -> int:
    """Write report and rows, say what it amounts to, and return the exit code."""
    from gateway.fat.page import page, verdict  # noqa: PLC0415
    from gateway.fat.row import Verdict, counted  # noqa: PLC0415
    from gateway.fat.table import hash_of, table  # noqa: PLC0415

    rows = table(outcome.rows)
    csv.write_text(rows, encoding="utf-8", newline="")
    output.write_text(page(outcome, hash_of(rows)), encoding="utf-8")
    for row in (row for row in outcome.rows if row.verdict is Verdict.FAIL):
        where = ".".join(name for name in (row.device, row.point) if name) or "gateway"
        remark = f": {row.remark}" if row.remark else ""
        print(f"FAIL  {where}  {row.test}: expected {row.expected}, seen {row.seen}{remark}")
    print(f"{verdict(outcome.rows)}\n{output}, {csv}")
    count = counted(outcome.rows)
    return FAILED if count[Verdict.FAIL] else NOT_ALL if count[Verdict.NOT_TESTED] else WELL


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
