"""One function a capture (fc_vectors, suricata_verify, quickdraw): every command is told, by its own function code.

What each capture holds is what tshark says (`expected_from_tshark.csv`). The policy is that of a site whose one master
is none of those who speak here, so whatever they change is a stranger's; nothing was learned. A command is told when an
alarm worse than info names its function.

`suricata_verify` also says which captures must raise an alert of their own, such as a flood or a broken message: these
must raise any alarm, or that of a broken message where no habits are learned.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from feed import Site, frames, loud
from lines import Line, share

from protocols.model import EventKind

COLLECTIONS = ("fc_vectors", "suricata_verify", "quickdraw")
POLICY = {"masters": ["10.255.255.1"]}
COLUMNS = {
    "modbus": "modbus_func_codes",
    "dnp3": "dnp3_app_func_codes",
    "iec104": "iec104_typeids",
    "mms": "mms_services(confirmedServiceRequest)",
}
COMMANDS: Mapping[str, frozenset[int]] = {
    "modbus": frozenset({5, 6, 8, 15, 16, 20, 21, 22, 23, 90}),
    "dnp3": frozenset({*range(2, 32)}),
    "iec104": frozenset({*range(45, 52), *range(58, 65), 103, 105, 107, *range(110, 114), *range(120, 128)}),
    "mms": frozenset({5, 19, 20, *range(26, 37), *range(38, 45), 46, 47, 49, 50, 72, 73, 74, 75, 76, 77, 78}),
}
"""Function codes that do more than read. Interrogation and test of IEC 104 read; MMS 37 and 45 read attributes."""
DIAGNOSTICS = 8
"""Of Modbus: sub-function 0, return query data, changes nothing; tshark's table does not tell it from the others."""


@dataclass
class Found:
    """What was told of the captures of a collection: pairs of capture and function, by protocol."""

    told: Counter[str] = field(default_factory=Counter)
    of: Counter[str] = field(default_factory=Counter)
    missed: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    loud: dict[str, bool] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    sent: set[str] = field(default_factory=set)


def measure(folder: Path) -> Sequence[Line]:
    """Return which functions were told.

    Raises:
        FileNotFoundError: there are no such captures.
    """
    with (folder / "expected_from_tshark.csv").open(newline="") as file:
        expected = {row["file"]: row for row in csv.DictReader(file)}
    lines: list[Line] = []
    for collection in COLLECTIONS:
        found = Found()
        for name, row in expected.items():
            if name.startswith(f"{collection}/") and (folder / name).exists():
                _judge(found, folder / name, name, row)
        lines += _lines(collection, found)
        if collection == "suricata_verify":
            lines.append(_alerts(folder / collection, found))
    return lines


def _judge(found: Found, path: Path, name: str, row: Mapping[str, str]) -> None:
    read = set[str]()

    def traced(protocol: str, function: str, _client: bool) -> None:  # noqa: FBT001 - the interface of a trace
        if protocol == "dnp3":
            read.add(function)

    site = Site(trace=traced, keep=True, **POLICY).play(frames(path))
    told = {
        (str(each.evidence.get("protocol")), str(each.evidence.get("function"))) for each in site.happened if loud(each)
    }
    found.loud[str(path.resolve())] = any(loud(each) for each in site.happened) or _broken(path)
    for protocol, column in COLUMNS.items():
        codes = {int(each.partition(":")[0]) for each in row[column].split()}
        asked = {each.function for each in site.seen if each.kind is EventKind.QUERY and each.protocol == protocol}
        if protocol == "dnp3":
            found.sent |= {str(code) for code in codes}
            found.read |= read
        for code in sorted(codes & COMMANDS[protocol]):
            hit = (protocol, str(code)) in told
            if not hit and str(code) in asked and code == DIAGNOSTICS:
                continue
            found.of[protocol] += 1
            found.told[protocol] += hit
            if not hit:
                found.missed[protocol].append(f"{name}: {protocol} {code}")


def _broken(path: Path) -> bool:
    """Whether a broken message is told where it is nobody's habit: a gateway that still learns takes it for one."""
    site = Site(learning="frozen", **POLICY).play(frames(path))
    return any(loud(each) for each in site.happened if each.kind == "malformed")


def _lines(collection: str, found: Found) -> Iterator[Line]:
    if collection == "fc_vectors":
        missing = sorted(found.sent - found.read, key=int)
        told = len(found.sent & found.read)
        measured = f"{told} of {len(found.sent)}"
        yield Line("fc_vectors: DNP3 functions read", measured, "all", not missing, missing)
    for protocol, of in sorted(found.of.items()):
        yield share(f"{collection}: {protocol} commands told", found.told[protocol], of, details=found.missed[protocol])


def _alerts(where: Path, found: Found) -> Line:
    told, of, missed = 0, 0, []
    for test in sorted(where.rglob("test.yaml")):
        plan = yaml.safe_load(test.read_text())
        capture = test.parent / plan["pcap"] if "pcap" in plan else next(test.parent.glob("*.pcap"), None)
        if capture is not None and any(map(_alert, plan["checks"])):
            of += 1
            hit = found.loud.get(str(capture.resolve()), False)
            told += hit
            missed += [] if hit else [test.parent.name]
    return share("suricata_verify: captures that must raise an alert", told, of, details=missed)


def _alert(check: Mapping[str, Mapping[str, object]]) -> bool:
    wanted = check.get("filter", {})
    match = wanted.get("match", {})
    return bool(wanted.get("count")) and isinstance(match, dict) and match.get("event_type") == "alert"
