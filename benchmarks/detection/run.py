"""The checks on labelled data: one table of what they find, beside the targets and what others reach.

    python benchmarks/detection/run.py [FOLDER] [--only nab,skab]

FOLDER holds one folder a data set; without it the folder of the environment variable GRIDSENTINEL_DATASETS is taken.
A part is left out, and that is said, when its data is not there.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from line import Line

DATA = ("dga", "thermal", "substation", "transformer", "trainer", "load", "skab", "batadal", "tep", "nab")
PARTS = (*DATA, "cost", "endtoend")
"""Modules of this folder: `measure(folder) -> Sequence[Line]` of each raises FileNotFoundError without its data."""
WORDS = {None: "", True: "met", False: "MISSED"}
HEAD = ("", "measured", "target", "others", "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("GRIDSENTINEL_DATASETS", "datasets")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="where the data sets lie")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas: %(default)s")
    parser.add_argument("--cycles", type=int, default=20_000, help="for the part cost: cycles that memory must bear")
    chosen = parser.parse_args(arguments)
    missed = False
    for part in filter(None, chosen.only.split(",")):
        began = time.process_time()
        try:
            options = {"cycles": chosen.cycles} if part == "cost" else {}
            lines = importlib.import_module(part).measure(chosen.folder, **options)
        except FileNotFoundError as error:
            print(f"\n{part}: left out, there is no {error.filename}", flush=True)
            continue
        print(f"\n{part} ({time.process_time() - began:.0f} s CPU)\n{_table(lines)}", flush=True)
        missed |= any(line.met is False for line in lines)
    return int(missed)


def _table(lines: Sequence[Line]) -> str:
    rows = [HEAD, *((each.what, each.measured, each.target, each.anchor, WORDS[each.met]) for each in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
