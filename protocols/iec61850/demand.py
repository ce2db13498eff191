"""How many octets a conversation with an IED takes, from the configuration: what is read, and what reports bring.

Counted as the common data classes have it (IEC 61850-7-3): a value with its quality and its time. An IED that puts more
into a data object, as ranges or angles, sends more. Which points a report or a data set brings is known from the SCL
file; without one all points are taken to come by the reports, in equal parts, or else by the data sets.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from open61850 import ber
from open61850.mms import pdu
from open61850.mms.pdu import ObjectName

from protocols.demand import MOVES_S, Demand
from protocols.iec61850 import requests
from protocols.iec61850.config import OBJECT, Iec61850Device, Iec61850Point
from protocols.iec61850.layout import Member, Path
from protocols.iec61850.polled import Variable, in_messages
from protocols.iec61850.transport import LARGEST_TPDU, Stream

VALUES: Final = frozenset({
    "mag", "instMag", "cVal", "instCVal", "subMag", "stVal", "subVal", "valWTr", "actVal", "frVal", "general", "posVal",
})  # fmt: skip
"""Attributes that have a value: what stands before them is the data object (IEC 61850-7-3 clause 7)."""
TIMED: Final = frozenset({"MX", "ST"})
"""Functional constraints whose data objects have a quality and a time."""
OCTETS: Final = {"float64": 7, "int64": 6, "bool": 3, "enum": 3, "dbpos": 4}
"""Of a value with tag and length."""
HEAD, QUALITY, TIME, REASON = 2, 5, 10, 4
"""Of a structure, a quality, a time, why a member is in a report; the same."""
HEADER: Final = 4 + 3 + 8 + 3 + 10 + 3 + 3
"""Of a report: OptFlds, SqNum, TimeOfEntry, BufOvfl, EntryID, ConfRev, and the inclusion of no member."""
REPORT: Final = len(ber.encode_tlv(0xA1, b"\x80\x03RPT"))
IDENTITY: Final = 40
"""Vendor, model and revision, with tags and lengths."""
NUMBER: Final = 1000
"""An invoke id of two octets, as nearly all are."""


def demands(device: Iec61850Device) -> Iterator[Demand]:
    """Yield what `device` is asked, what its reports bring again and again, and what they bring when values move."""
    left = {point.address: point for point in device.points}
    parts = _parts(device)
    for index, report in enumerate(device.reports):
        size = _report(device, report.block, _taken(left, parts["reports", index]))
        if report.integrity_s:
            yield Demand(device=device.name, every_s=report.integrity_s, requests=0, received_bytes=size)
        every_s = max(MOVES_S, (report.buffer_ms or 0) / 1000)
        yield Demand(device=device.name, every_s=every_s, requests=0, received_bytes=size, moving=True)
    fastest_s = min((point.every_s or device.every_s for point in device.points), default=device.every_s)
    for index, name in enumerate(device.data_sets):
        if found := _taken(left, parts["data_sets", index]):
            question = requests.read_data_set(_name(name))
            yield _asked(device, fastest_s, [(question, sum(map(_octets, _roots(found).values())))])
    classes: dict[float, list[Iec61850Point]] = defaultdict(list)
    for point in left.values():
        classes[point.every_s or device.every_s].append(point)
    yield from (_asked(device, every_s, _variables(device, points)) for every_s, points in classes.items())
    if not classes and not (device.data_sets and fastest_s <= device.heartbeat_s):
        sent, received = (framed(_confirmed(size)) for size in (len(requests.IDENTIFY), IDENTITY))
        yield Demand(
            device=device.name, every_s=device.heartbeat_s, requests=1, sent_bytes=sent, received_bytes=received
        )


def framed(octets: int) -> int:
    """Return what an MMS message of `octets` takes on the wire: presentation, session, COTP and TPKT."""
    stream = Stream()
    stream.tpdu_size = LARGEST_TPDU
    return len(stream.frames(pdu.wrap(bytes(octets))))


def _asked(device: Iec61850Device, every_s: float, asked: Sequence[tuple[bytes, int]]) -> Demand:
    """Return a scan of requests, each with the octets of the values that answer it."""
    return Demand(
        device=device.name,
        every_s=every_s,
        requests=len(asked),
        sent_bytes=sum(framed(_confirmed(len(question))) for question, _ in asked),
        received_bytes=sum(framed(_confirmed(_tlv(_tlv(values)))) for _, values in asked),
    )


def _variables(device: Iec61850Device, points: Iterable[Iec61850Point]) -> list[tuple[bytes, int]]:
    roots = _roots(points)
    found = [
        Variable(requests.variable(root), Member(root, [None] * (len(below) + 2))) for root, below in roots.items()
    ]
    return [
        (asked.request, sum(_octets(roots[requests.path_of(each.name)]) for each in asked.variables))
        for asked in in_messages(found, device.max_pdu)
    ]


def _report(device: Iec61850Device, block: str, points: Sequence[Iec61850Point]) -> int:
    """Return a report of all its members on the wire; one that is over the largest message comes in parts."""
    roots = _roots(points)
    names = 2 * (HEAD + len(block) + 2)
    head = names + HEADER + len(roots) // 8
    values = sum(_octets(below) + REASON for below in roots.values())
    count = 1 + values // max(device.max_pdu - head, 1)
    each = _tlv(REPORT + _tlv(head + values // count))
    return count * framed(_tlv(each))


def _roots(points: Iterable[Iec61850Point]) -> dict[Path, dict[Path, str]]:
    """Return the data objects of `points`, each with the kinds of the values in it by where they stand below it."""
    found: dict[Path, dict[Path, str]] = defaultdict(dict)
    for point in points:
        path = point.place.path
        at = next((at for at, name in enumerate(path) if at > 3 and name in VALUES), len(path) - 1)
        root = path[: at if path[2] in TIMED else len(path)]
        found[root][path[len(root) :]] = point.kind
    return found


def _octets(below: Mapping[Path, str]) -> int:
    """Return what a data object takes: structures, values, quality and time; a value that stands alone only itself."""
    values = sum(OCTETS[kind] for kind in below.values())
    if () in below:
        return values
    structures = {path[:depth] for path in below for depth in range(len(path))}
    return values + HEAD * len(structures) + QUALITY + TIME


def _parts(device: Iec61850Device) -> Mapping[tuple[str, int], frozenset[str]]:
    """Return the addresses of the points in each report and data set."""
    if device.scl is not None:
        from protocols.iec61850.scl import brought  # noqa: PLC0415 - the daemon never reads XML

        return brought(device)
    addresses = [point.address for point in device.points]
    key, count = ("reports", len(device.reports)) if device.reports else ("data_sets", len(device.data_sets))
    parts = {(key, index): frozenset(addresses[index::count]) for index in range(count)}
    return defaultdict(frozenset, parts)


def _taken(left: dict[str, Iec61850Point], addresses: Iterable[str]) -> list[Iec61850Point]:
    """Take the points with these addresses out of what is left."""
    return [left.pop(address) for address in sorted(addresses) if address in left]


def _name(reference: str) -> ObjectName:
    match = OBJECT.fullmatch(reference)
    assert match is not None
    return ObjectName(f"{match[2]}${match[3]}", match[1])


def _confirmed(octets: int) -> int:
    return len(pdu.confirmed_request(NUMBER, bytes(octets)))


def _tlv(octets: int) -> int:
    return len(ber.encode_tlv(0xA0, bytes(octets)))
