"""Captures without attacks: what is told after the first part of each was learned. All of it is a false alarm.

    python benchmarks/cyber/benign.py FOLDER

The captures of FOLDER/benign are of plants, relays and laboratories; nothing is known of their masters, so there is no
policy, and who writes is told as info. A tap learns the first 30 % of the frames, is frozen, and goes on listening.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from feed import Site, frames
from table import Line, none
from taught import taught

FOLDER = "benign"
LEARNED = 0.3


def measure(folder: Path) -> Sequence[Line]:
    """Return a line for each capture: alarms worse than info after the learning, of which there should be none.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    captures = sorted((folder / FOLDER).glob("*.pcap*"))
    if not captures:
        raise FileNotFoundError(2, "no captures", str(folder / FOLDER))
    return [_judged(path) for path in captures]


def _judged(path: Path) -> Line:
    every = sum(1 for _ in frames(path))
    site = taught(Site(), frames(path), round(LEARNED * every))
    told = [f"{each.severity} {each.kind} {each.subject}: {each.text[:110]}" for each in site.alarms]
    return none(f"alarms after learning, {path.name.partition('.')[0]}, {every} frames", told)


if __name__ == "__main__":
    for line in measure(Path(sys.argv[1])):
        print(line.what, line.measured, *line.details, sep="\n    ")
