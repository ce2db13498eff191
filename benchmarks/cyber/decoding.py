"""What the tap reads in captures, frame by frame, beside what tshark reads in them: one table, and all differences.

    python benchmarks/cyber/decoding.py [FOLDER] [--only modbus,goose] [--show 10]

FOLDER holds captures in any folders; without it the one of the environment variable GRIDSENTINEL_CAPTURES is taken. A
frame agrees when both find the same functions in it, in the same order; names that have no number in the protocol, and
frames that tshark itself calls malformed, are left out. tshark (Debian package of that name) is run for
each capture; without it, or without captures, there is nothing to compare, and that is said.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from protocols.tap.capture.pcap import Capture
from protocols.tap.capture.reading import BadCapture
from protocols.tap.watch import Watch

Words = Callable[[Sequence[Sequence[str]]], Sequence[str]]
Found = Mapping[int, Sequence[str]]
MALFORMED = "malformed"
LONGEST_S = 300
"""tshark on one capture."""
KNOWN = ("-o", 'uat:pres_context_list:"3","1.0.9506.2.3"')
"""For captures without the opening of an association: which presentation context is MMS everywhere."""


def plain(fields: Sequence[Sequence[str]]) -> Sequence[str]:
    """Take the values of all fields as they are, in decimal."""
    return [str(int(value, 0)) for values in fields for value in values]


def pairs(fields: Sequence[Sequence[str]]) -> Sequence[str]:
    """Take two fields that belong together: stNum and sqNum."""
    return [f"{first}/{second}" for first, second in zip(*fields, strict=True)]


def formats(fields: Sequence[Sequence[str]]) -> Sequence[str]:
    """Take the format of an APCI: I, S or U."""
    return [{0: "I", 1: "S", 3: "U"}.get(int(value, 0), value) for value in fields[0]]


@dataclass(frozen=True)
class Compared:
    """A protocol as the tap's trace names it; what tshark filters, its fields, and how they become our words."""

    name: str
    shown: str
    fields: Sequence[str]
    words: Words = plain
    target: float = 99.9
    ordered: bool = True


COMPARED = (
    Compared("arp", "arp", ["arp.opcode"]),
    Compared("modbus", "modbus", ["modbus.func_code"]),
    Compared("dnp3.link", "dnp3", ["dnp3.ctl.prifunc", "dnp3.ctl.secfunc"], ordered=False),
    Compared("dnp3", "dnp3.al.func", ["dnp3.al.func"], target=99.5),
    Compared("goose", "goose", ["goose.stNum", "goose.sqNum"], pairs),
    Compared("iec104.frame", "iec60870_104", ["iec60870_104.type"], formats),
    Compared("iec104", "iec60870_asdu", ["iec60870_asdu.typeid"]),
    Compared("mms", "mms", ["mms.confirmedServiceRequest", "mms.confirmedServiceResponse"], target=99, ordered=False),
    Compared("opcua", "opcua", ["opcua.servicenodeid.numeric"], target=99),
)


@dataclass
class Score:
    """How one protocol compares: frames that either reads, of those the same, and where they differ.

    Frames that tshark itself calls malformed are left out, and counted.
    """

    captures: int = 0
    ours: int = 0
    theirs: int = 0
    frames: int = 0
    same: int = 0
    malformed: int = 0
    differences: list[str] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("GRIDSENTINEL_CAPTURES", "captures")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(default), help="where the captures lie")
    parser.add_argument("--only", default="", help="names of protocols, with commas between")
    parser.add_argument("--show", type=int, default=10, help="differences of each protocol that are listed")
    chosen = parser.parse_args(arguments)
    only = [each for each in COMPARED if not chosen.only or each.name in chosen.only.split(",")]
    captures = [path for path in sorted(chosen.folder.rglob("*.pcap*")) if path.is_file() and path.suffix != ".zip"]
    if not captures:
        print(f"no captures in {chosen.folder}")
        return 2
    if shutil.which("tshark") is None:
        print("tshark is missing: nothing to compare with (apt install tshark)")
        return 2
    scores = {each.name: Score() for each in only}
    for path in captures:
        compare(path, only, scores, path.relative_to(chosen.folder))
    return table(only, scores, chosen.show)


def compare(path: Path, only: Sequence[Compared], scores: Mapping[str, Score], name: Path) -> None:
    """Compare one capture."""
    try:
        ours = read(path)
    except BadCapture as bad:
        print(f"{name}: {bad}")
        return
    dissections = dissected(path, only)
    for each in only:
        mine, theirs = ours.get(each.name, {}), dissections[each.name]
        score = scores[each.name]
        score.captures += bool(mine or theirs)
        score.ours += sum(map(len, mine.values()))
        score.theirs += sum(map(len, theirs.values()))
        for frame in sorted({*mine, *theirs}):
            one = [word for word in mine.get(frame, []) if each.words is not plain or word.isdecimal()]
            other = theirs.get(frame, [])
            if not one and not other:
                continue
            if other == [MALFORMED]:
                score.malformed += 1
                continue
            score.frames += 1
            if one == other or (not each.ordered and Counter(one) == Counter(other)):
                score.same += 1
            else:
                score.differences.append(f"{name}:{frame} ours {' '.join(one) or '-'}, tshark {' '.join(other) or '-'}")


def read(path: Path) -> Mapping[str, Found]:
    """Return what the tap reads in a capture: by protocol and by frame, counted from 1."""
    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    frame = 0

    def trace(protocol: str, function: str, _from_client: bool) -> None:  # noqa: FBT001 - the tap's interface
        found[protocol][frame].append(function)

    watch = Watch("tap", trace=trace)
    capture = Capture(path)
    for frame, (data, time_ns, vlan, _) in enumerate(capture.frames(), 1):  # noqa: B007 - the trace reads it
        watch.frame(data, time_ns, vlan)
        watch.take(time_ns)
    capture.close()
    if watch.faults:
        print(f"{path.name}: {watch.faults} faults, the last {watch.fault!r}")
    return found


def dissected(path: Path, only: Sequence[Compared]) -> Mapping[str, Found]:
    """Return what tshark reads in a capture: by protocol and by frame."""
    names = ["frame.number", "_ws.malformed", *(name for each in only for name in each.fields)]
    options = [part for name in names for part in ("-e", name)]
    shown = " || ".join(each.shown for each in only)
    command = ["tshark", "-n", *KNOWN, "-r", str(path), "-Y", shown, "-T", "fields", *options]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False).stdout
    found: dict[str, dict[int, Sequence[str]]] = {each.name: {} for each in only}
    for line in printed.splitlines():
        number, malformed, *columns = line.split("\t")
        values = iter([[each for each in column.split(",") if each] for column in columns])
        for each in only:
            words = each.words(list(islice(values, len(each.fields))))
            if words:
                found[each.name][int(number)] = [MALFORMED] if malformed else words
    return found


def table(only: Sequence[Compared], scores: Mapping[str, Score], show: int) -> int:
    """Print how it compares, and where it does not."""
    print(
        f"{'protocol':14}{'captures':>9}{'ours':>9}{'tshark':>9}{'left out':>9}{'frames':>9}{'agree':>9}{'target':>9}"
    )
    missed = 0
    for each in only:
        score = scores[each.name]
        share = 100 * score.same / score.frames if score.frames else float("nan")
        word = "" if not score.frames else " met" if share >= each.target else " MISSED"
        missed += word == " MISSED"
        counts = f"{score.captures:>9}{score.ours:>9}{score.theirs:>9}{score.malformed:>9}{score.frames:>9}"
        print(f"{each.name:14}{counts}{share:>8.2f}%{each.target:>8g}%{word}")
    for each in only:
        differences = scores[each.name].differences
        for difference in differences[:show]:
            print(f"{each.name}: {difference}")
        if len(differences) > show:
            print(f"{each.name}: {len(differences) - show} more")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
