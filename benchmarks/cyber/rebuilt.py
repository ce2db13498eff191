"""Frames of GOOSE made anew from published fields (qut_zss_goose): what its captures held, as far as it was told."""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import pack

NS = 1_000_000_000
UNKNOWN_QUALITY = b"\x84\x03\x03\0\0"
"""The table has one number for it, which is always 0: good, 13 bits."""


@dataclass(frozen=True)
class Labelled:
    """One frame, when it came, its control block, and its label; 0 and 1xx are without attack."""

    time_ns: int
    frame: bytes
    ref: str
    label: str


def scenarios(path: Path) -> Iterator[tuple[str, Sequence[Labelled]]]:
    """Yield each scenario of the table and its frames, by time.

    Raises:
        FileNotFoundError: there is no such table.
    """
    with gzip.open(path, "rt", newline="") as file:
        name, found = "", list[Labelled]()
        for row in csv.DictReader(file):
            if row["scenario"] != name and found:
                yield name, sorted(found, key=lambda each: each.time_ns)
                found = []
            name = row["scenario"]
            found.append(_labelled(row))
        if found:
            yield name, sorted(found, key=lambda each: each.time_ns)


def _labelled(row: Mapping[str, str]) -> Labelled:
    seconds, _, fraction = row["pkt arrival time"].partition(".")
    time_ns = int(seconds) * NS + int(fraction.ljust(9, "0")[:9])
    values = json.loads(row["data"].replace("True", "true").replace("False", "false"))
    data = b"".join(_value(each) for each in values)
    parts = (
        _element(0x80, row["gocbRef"].encode()),
        _number(0x81, int(row["Timeallowedtolive"])),
        _element(0x82, row["datset"].encode()),
        _element(0x83, row["goID"].encode()),
        _element(0x84, _utc(row["t"])),
        _number(0x85, int(row["stNum"])),
        _number(0x86, int(row["sqNum"])),
        _element(0x87, bytes([row["simulation"] == "True"])),
        _number(0x88, int(row["confRev"])),
        _element(0x89, bytes([row["ndsCom"] == "True"])),
        _number(0x8A, len(values)),
        _element(0xAB, data),
    )
    pdu = _element(0x61, b"".join(parts))
    target, source = (bytes.fromhex(row[key].replace(":", "")) for key in ("MACdst_goose", "MACsrc_goose"))
    head = pack(">HHHHH", 0x88B8, int(row["APPID_goose"], 0), len(pdu) + 8, 0, 0)
    return Labelled(time_ns, target + source + head + pdu, row["gocbRef"], row["Label"])


def _value(value: bool | int) -> bytes:  # noqa: FBT001 - booleans and numbers stand mixed in the table
    return _element(0x83, bytes([value])) if isinstance(value, bool) else UNKNOWN_QUALITY


def _element(tag: int, value: bytes) -> bytes:
    size = len(value)
    if size < 0x80:
        return bytes([tag, size]) + value
    return bytes([tag, 0x81, size] if size < 0x100 else [tag, 0x82, *divmod(size, 256)]) + value


def _number(tag: int, value: int) -> bytes:
    return _element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _utc(text: str) -> bytes:
    """IEC 61850-8-1 clause 8.1.3.7: seconds, a fraction of 24 bits, and the quality of the time."""
    seconds, _, fraction = text.partition(".")
    return pack(">I", int(seconds)) + int(float(f"0.{fraction or 0}") * (1 << 24)).to_bytes(3, "big") + b"\x0a"
