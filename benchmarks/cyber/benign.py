"""Captures without attacks: what is told after the first part of each was learned. All of it is a false alarm.

    python benchmarks/cyber/benign.py FOLDER

The captures of FOLDER/benign are of plants, relays and laboratories. A tap learns the first 30 % of the frames, is
frozen, and goes on listening. It is done without a policy, and where somebody writes also with the one that such a site
would have: its master, and an outstation that begins to speak only later. Sampled values are left out, as the filter in
the kernel does.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from feed import Site, frames
from lines import Line, none
from taught import taught

from protocols.tap.capture.source import Captured

FOLDER = "benign"
LEARNED = 0.3


DNP3: Mapping[str, Any] = {"masters": ["10.0.0.3"], "hosts": {"outstation": "10.0.0.2"}}
SITES: Mapping[str, Mapping[str, Any]] = {
    "dnp3_AB1400": DNP3,
    "dnp3_ION7550": DNP3,
    "dnp3_SEL751": DNP3,
    "modbus_plant1_ModbusTCP": {"masters": ["141.81.0.10"]},
}
"""What the site of a capture would have configured."""
SAMPLED_VALUES = b"\x88\xba"
TYPES = slice(12, 14), slice(16, 18)
"""Where the EtherType stands, and where it stands behind a VLAN tag."""


def measure(folder: Path) -> Sequence[Line]:
    """Return a line for each capture and policy: alarms worse than info after the learning; there should be none.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    captures = sorted((folder / FOLDER).glob("*.pcap*"))
    if not captures:
        raise FileNotFoundError(2, "no captures", str(folder / FOLDER))
    return [line for path in captures for line in _lines(path)]


def _lines(path: Path) -> Iterator[Line]:
    name = path.name.partition(".")[0]
    told = _told(path)
    if name in SITES:
        yield Line(f"alarms after learning, {name}, without a policy", str(len(told)), details=told)
        yield none(f"alarms after learning, {name}, with its policy", _told(path, **SITES[name]))
    else:
        yield none(f"alarms after learning, {name}", told)


def _told(path: Path, **policy: Any) -> tuple[str, ...]:
    found = taught(Site(**policy), _frames(path), round(LEARNED * sum(1 for _ in _frames(path))))
    return tuple(f"{each.severity} {each.kind} {each.subject}: {each.text[:110]}" for each in found.alarms)


def _frames(path: Path) -> Iterator[Captured]:
    return (each for each in frames(path) if SAMPLED_VALUES not in (bytes(each[0][at]) for at in TYPES))


if __name__ == "__main__":
    for line in measure(Path(sys.argv[1])):
        print(line.what, line.measured, *line.details, sep="\n    ")
