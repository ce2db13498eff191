"""Attacks on an MMS conversation of an IED and its client (Matousek 2021, mms_csv): how soon each is told.

There are no captures, only the fields of each message: who, when, type, service, invoke id, names. They are put into
messages again, in one TCP connection; values and results are made up. The normal run is learned up to its half hour,
and must be quiet afterwards. Each other run is the normal one with messages that were put in or changed: what stands
in it and not in the normal run is the attack, and what is more than a minute apart is another one. The run whose
connection is lost has nothing more than the normal one, so nothing is to be told of it. The scan is what the client did
itself when it connected, once more and from its own address: no check can tell that it is not the client.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path

from feed import NS, Site, loud, until
from lines import Line, none, share
from open61850 import ber

from protocols.tap.capture.source import Captured
from simulator.wire import Connection

FOLDER = "mms_csv"
LEARN_NS = 1800 * NS
WITHIN_S = 10.0
APART_S = 60.0
DAY, ZONE = "2020-01-01T", "+00:00"
PDUS: Mapping[str, int] = {
    "0": 0xA0,
    "1": 0xA1,
    "3": 0xA3,
    "5": 0x85,
    "7": 0xA7,
    "8": 0xA8,
    "9": 0xA9,
    "10": 0xAA,
    "11": 0x8B,
}
DONE: Mapping[str, bytes] = {"4": bytes.fromhex("a103830100"), "5": bytes.fromhex("8100")}
"""What is answered to reading and writing: a value, and success."""

NAMES = ("TimeStamp", "srcIP", "MMS Type", "MMS Service", "Invoke Id", "Domain Id", "Item Id")
Row = Mapping[str, str]


def measure(folder: Path) -> Sequence[Line]:
    """Return which attacks were told, and what the normal run raised.

    Raises:
        FileNotFoundError: there are no such runs.
    """
    where = folder / FOLDER
    normal = _rows(where / "gics-normal.csv")
    site = Site()
    found = _frames(normal)
    begin = next(found)
    site.play(until(chain([begin], found), begin[1] + LEARN_NS), after_ns=0)
    site.cyber.baseline.freeze()
    known = len(site.alarms)
    site.play(found)
    lines = [none("normal run: alarms after half an hour", [each.text for each in site.alarms[known:]])]
    usual = {*map(_key, normal)}
    for name in ("scanning", "modified", "interrupt", "lost-connection"):
        rows = _rows(where / f"gics-{name}.csv")
        attacks = list(_attacks([_at_s(row) for row in rows if _key(row) not in usual]))
        lines.append(_judge(name, site.learned().play(_frames(rows)), attacks))
    return lines


def _judge(name: str, site: Site, attacks: Sequence[float]) -> Line:
    told = [each for each in site.happened if loud(each)]
    if not attacks:
        return none(f"{name}: alarms", [each.text for each in told])
    hits = [[each for each in told if 0 <= each.time_ns / NS - at_s <= WITHIN_S] for at_s in attacks]
    missed = [
        f"{datetime.fromtimestamp(at_s, UTC):%H:%M:%S}" for at_s, hit in zip(attacks, hits, strict=True) if not hit
    ]
    kinds = ", ".join(sorted({each.kind for hit in hits for each in hit}))
    return share(
        f"{name}: told within 10 s, by {kinds or 'nothing'}", sum(map(bool, hits)), len(attacks), None, details=missed
    )


def _rows(path: Path) -> Sequence[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


def _key(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in NAMES)


def _attacks(times_s: Sequence[float]) -> Iterator[float]:
    """Yield when each begins."""
    yield from times_s[:1]
    yield from (after for before, after in pairwise(times_s) if after - before > APART_S)


def _at_s(row: Row) -> float:
    return datetime.fromisoformat(DAY + row["TimeStamp"][:15] + ZONE).timestamp()


def _frames(rows: Sequence[Row]) -> Iterator[Captured]:
    """Yield the frames of a run; a message that was put in with an earlier time comes when the one before it came."""
    client, server = rows[0]["srcIP"], rows[0]["dstIP"]
    talk = Connection(client, server, 102, client_port=int(rows[0]["srcPort"]))
    now_ns = int(_at_s(rows[0]) * NS)
    for frame in talk.opened():
        yield memoryview(frame), now_ns, 0, len(frame)
    for row in rows:
        now_ns = max(now_ns, int(_at_s(row) * NS))
        message = _message(row)
        packet = b"\x03\x00" + (len(message) + 7).to_bytes(2, "big") + b"\x02\xf0\x80" + message
        frame = talk.said(packet, client=row["srcIP"] == client)
        yield memoryview(frame), now_ns, 0, len(frame)


def _message(row: Row) -> bytes:
    kind = row["MMS Type"]
    if kind not in ("0", "1"):
        return ber.encode_tlv(PDUS[kind], b"\x01" if kind == "5" else b"")
    content = DONE.get(row["MMS Service"], b"") if kind == "1" else _asked(row)
    service = ber.encode_tlv(0xA0 | int(row["MMS Service"]), content)
    return ber.encode_tlv(PDUS[kind], ber.encode_tlv(0x02, ber.encode_unsigned(int(row["Invoke Id"]))) + service)


def _asked(row: Row) -> bytes:
    """Return what a request is about: a name in its domain, or of all a class of objects."""
    if row["MMS Service"] == "1":
        return ber.encode_tlv(0xA0, ber.encode_tlv(0x80, bytes([int(row["Object Class"] or 0)]))) + b"\xa1\x02\x80\x00"
    domain, item = (ber.encode_tlv(0x1A, row[key].encode()) for key in ("Domain Id", "Item Id"))
    name = ber.encode_tlv(0xA1, domain + item)
    variables = ber.encode_tlv(0xA0, ber.encode_tlv(0x30, ber.encode_tlv(0xA0, name)))
    if row["MMS Service"] == "4":
        return ber.encode_tlv(0xA1, variables)
    if row["MMS Service"] == "5":
        return variables + bytes.fromhex("a003830101")
    return ber.encode_tlv(0xA0, name) if row["MMS Service"] == "6" else name
