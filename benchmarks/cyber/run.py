"""The cyber checks and the tap on captures: one table of what they find, beside the targets.

    python benchmarks/cyber/run.py [FOLDER] [--only qut,goose] [--show 10]

FOLDER holds one folder a collection; without it the folder of the environment variable GRIDSENTINEL_CAPTURES is taken.
A part is left out, and that is said, when its captures are not there. `decoding` compares with tshark and prints its
own table; `spoofed`, `day` and `own` make what they look at themselves.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import decoding
from lines import Line

MEASURED = ("vectors", "goose", "qut", "lemay", "mms", "benign", "spoofed", "cost", "day", "own")
"""Modules of this folder: `measure(folder) -> Sequence[Line]` of each raises FileNotFoundError without its captures."""
PARTS = ("decoding", *MEASURED)
WORDS = {None: "", True: "met", False: "MISSED"}
HEAD = ("", "measured", "target", "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("GRIDSENTINEL_CAPTURES", "captures")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="where the captures lie")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas: %(default)s")
    parser.add_argument("--show", type=int, default=10, help="details of each line that are listed: %(default)s")
    chosen = parser.parse_args(arguments)
    missed = False
    for part in filter(None, chosen.only.split(",")):
        if part == "decoding":
            print("\ndecoding, beside tshark", flush=True)
            missed |= decoding.main([str(chosen.folder)]) == 1
        else:
            missed |= _missed(part, chosen.folder, chosen.show)
    return int(missed)


def _missed(part: str, folder: Path, show: int) -> bool:
    began = time.process_time()
    try:
        lines = importlib.import_module(part).measure(folder)
    except FileNotFoundError as error:
        print(f"\n{part}: left out, there is no {error.filename}", flush=True)
        return False
    print(f"\n{part} ({time.process_time() - began:.0f} s CPU)\n{_table(lines)}", flush=True)
    for line in lines:
        for detail in line.details[:show]:
            print(f"    {line.what}: {detail}")
        if len(line.details) > show:
            print(f"    {line.what}: {len(line.details) - show} more")
    return any(line.met is False for line in lines)


def _table(lines: Sequence[Line]) -> str:
    rows = [HEAD, *((each.what, each.measured, each.target, WORDS[each.met]) for each in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


if __name__ == "__main__":
    sys.exit(main())
