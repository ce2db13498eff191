"""Attacks on a Modbus plant of six devices (Lemay and Fernandez 2016): how soon each is told, what is told before.

    python benchmarks/cyber/lemay.py FOLDER

Each capture of FOLDER/lemay has a file beside it that labels every frame. The first 30 % of the frames are learned, or
what comes before the first malicious one where that is less; then the tap is frozen. An attack is told when an alarm
worse than info begins, or the reason of an active one is seen again, not before its first malicious frame and within a
second after it. False is what begins before that, or later than a minute after the last malicious frame, and what
begins between and is of no host that sent or got a malicious frame.
"""

import csv
import gzip
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from feed import NS, Site, frames, loud
from lines import Line, share
from taught import taught

from detectors.model import Finding

FOLDER = "lemay"
LEARNED = 0.3
WITHIN_S = 1.0
AFTER_S = 60.0
MOST_FALSE = 1
HOST_AT = 26
"""Where the addresses of IPv4 stand in an untagged frame."""


@dataclass(frozen=True)
class Labelled:
    """How many frames come before the first malicious one, when it and the last came, and between whom they were."""

    frames: int
    first: int
    first_ns: int
    last_ns: int
    hosts: frozenset[frozenset[str]]


def measure(folder: Path) -> Sequence[Line]:
    """Return how many of the captures' attacks were told in time, and how many false alarms each has.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    captures = sorted((folder / FOLDER).glob("*.pcap*"))
    if not captures:
        raise FileNotFoundError(2, "no captures", str(folder / FOLDER))
    in_time, lines = 0, list[Line]()
    for path in captures:
        name = path.name.partition(".")[0]
        labelled = _labelled(path, path.with_name(f"{name}_labeled.csv.gz"))
        site = taught(Site(), frames(path), min(labelled.first, round(LEARNED * labelled.frames)))
        told = [each for each in site.happened if loud(each) and each.time_ns >= labelled.first_ns]
        soonest_s = min((each.time_ns - labelled.first_ns for each in told), default=NS * 999) / NS
        in_time += soonest_s <= WITHIN_S
        wrong = tuple(_told(each, labelled) for each in site.alarms if _false(each, labelled))
        kinds = ", ".join(sorted({each.kind for each in told}))
        lines.append(
            Line(f"{name}: first alarm after", f"{soonest_s:.3f} s ({kinds})", f"{WITHIN_S:g} s", soonest_s <= WITHIN_S)
        )
        lines.append(Line(f"{name}: false alarms", str(len(wrong)), str(MOST_FALSE), len(wrong) <= MOST_FALSE, wrong))
    return [share("attacks told within 1 s", in_time, len(captures), 100.0), *lines]


def _labelled(path: Path, labels: Path) -> Labelled:
    with gzip.open(labels, "rt", newline="") as file:
        malicious = {int(row[0]) for row in csv.reader(file, delimiter=";") if row[0].isdigit() and row[1] == "1"}
    every, times, hosts = 0, list[int](), set[frozenset[str]]()
    for number, (data, time_ns, _, _) in enumerate(frames(path), start=1):
        every = number
        if number in malicious:
            times.append(time_ns)
            hosts.add(frozenset(_hosts(bytes(data))))
    return Labelled(every, min(malicious) - 1, times[0], times[-1], frozenset(hosts))


def _hosts(data: bytes) -> Iterator[str]:
    for at in (HOST_AT, HOST_AT + 4):
        yield str(IPv4Address(data[at : at + 4]))


def _false(found: Finding, labelled: Labelled) -> bool:
    if not labelled.first_ns <= found.time_ns <= labelled.last_ns + AFTER_S * NS:
        return True
    ends = {str(found.evidence.get("source", "")), str(found.evidence.get("target", ""))}
    return not any(ends & hosts for hosts in labelled.hosts)


def _told(found: Finding, labelled: Labelled) -> str:
    after_s = (found.time_ns - labelled.first_ns) / NS
    return f"{after_s:+.1f} s {found.severity} {found.kind} {found.subject}: {found.text[:110]}"


if __name__ == "__main__":
    for line in measure(Path(sys.argv[1])):
        print(line.what, line.measured, *line.details, sep="\n    ")
