"""One report, taken apart (IEC 61850-8-1 clause 17.2.3, table 60). Pure.

RptID  OptFlds  [SqNum] [TimeOfEntry] [DatSet] [BufOvfl] [EntryID] [ConfRev] [SubSqNum MoreSegmentsFollow]
inclusion bit string  [reference] * n  value * n  [reason] * n          n: bits set in the inclusion
"""

from dataclasses import dataclass
from typing import Final

from protocols.iec61850.codec import Report, Span, spans
from protocols.iec61850.transport import Violation
from protocols.iec61850.values import BINARY_TIME, BITS, BOOLEAN, INTEGER, UNSIGNED, bits, entry_time

LONGEST_ENTRY_ID: Final = 8
"""IEC 61850-8-1 clause 17.2.1: EntryID is an octet string of 8."""
SEQUENCE, STAMP, REASON, DATA_SET, REFERENCE, OVERFLOW, ENTRY_ID, REVISION, SEGMENT = range(1, 10)
"""Bits of OptFlds, counted from its first."""
GI, INTEGRITY = 0x02, 0x04
"""Reasons for inclusion: a bit string of which the first is reserved (6 bits in edition 1, 7 later)."""

_OCTETS, _VISIBLE = 0x89, 0x8A
_OPTIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """A report: what its header says, None where it says nothing, and the `members` it brings.

    `values` are their spans in `data`, in the order of `members`; `size` how many members the data set has; `reasons`
    why any of them came, together.
    """

    data: bytes
    name: str
    sequence: int | None
    time_ns: int
    data_set: str | None
    overflow: bool
    entry_id: bytes | None
    revision: int | None
    segment: int | None
    more: bool
    size: int
    members: list[int]
    values: list[Span]
    reasons: int


class _Fields:
    """The values of a report, one after the other."""

    def __init__(self, report: Report) -> None:
        self.data, self.spans, self.at = report.data, spans(*report), 0

    def next(self, what: str, *tags: int) -> Span:
        if self.at >= len(self.spans):
            raise Violation(f"a report that ends before its {what}")
        span = self.spans[self.at]
        self.at += 1
        if span.tag not in tags:
            raise Violation(f"{what} of a report in a value {span.tag:#04x}")
        return span

    def text(self, what: str) -> str:
        span = self.next(what, _VISIBLE)
        return self.data[span.body : span.end].decode("ascii", "replace")

    def number(self, what: str) -> int:
        span = self.next(what, UNSIGNED, INTEGER)
        return int.from_bytes(self.data[span.body : span.end], "big")

    def flag(self, what: str) -> bool:
        span = self.next(what, BOOLEAN)
        return any(self.data[span.body : span.end])

    def several(self, count: int, what: str) -> list[Span]:
        found = self.spans[self.at : self.at + count]
        self.at += count
        if len(found) != count:
            raise Violation(f"a report with {len(found)} {what} where it announces {count}")
        return found


def taken(report: Report) -> Taken:
    """Take `report` apart.

    Raises:
        Violation: it does not keep to its own OptFlds.
    """
    fields, data = _Fields(report), report.data
    name = fields.text("RptID")
    options = fields.next("OptFlds", BITS)
    has = _bits_set(data, options, _OPTIONS)
    sequence = fields.number("SqNum") if SEQUENCE in has else None
    time_ns = 0
    if STAMP in has:
        stamp = fields.next("TimeOfEntry", BINARY_TIME)
        time_ns = entry_time(data, stamp.body, stamp.end)
    data_set = fields.text("DatSet") if DATA_SET in has else None
    overflow = fields.flag("BufOvfl") if OVERFLOW in has else False
    entry_id = None
    if ENTRY_ID in has:
        entry = fields.next("EntryID", _OCTETS)
        entry_id = data[entry.body : entry.end][:LONGEST_ENTRY_ID]
    revision = fields.number("ConfRev") if REVISION in has else None
    segment, more = None, False
    if SEGMENT in has:
        segment, more = fields.number("SubSqNum"), fields.flag("MoreSegmentsFollow")
    inclusion = fields.next("inclusion", BITS)
    size = (inclusion.end - inclusion.body - 1) * 8 - data[inclusion.body] if inclusion.end > inclusion.body else 0
    members = _bits_set(data, inclusion, size)
    if REFERENCE in has:
        fields.several(len(members), "references")
    values = fields.several(len(members), "values")
    reasons = 0
    if REASON in has:
        for reason in fields.several(len(members), "reasons"):
            reasons |= data[reason.body + 1] >> 1 if reason.tag == BITS and reason.end > reason.body + 1 else 0
    if fields.at != len(fields.spans):
        raise Violation(f"a report with {len(fields.spans) - fields.at} values more than it announces")
    return Taken(
        data,
        name,
        sequence,
        time_ns,
        data_set,
        overflow,
        entry_id,
        revision,
        segment,
        more,
        size,
        members,
        values,
        reasons,
    )


def _bits_set(data: bytes, span: Span, most: int) -> list[int]:
    """Return which bits of a bit string are set, its first being 0; those from `most` on are not looked at."""
    number = bits(data, span.body, span.end)
    length = (span.end - span.body - 1) * 8 - data[span.body]
    text = f"{number:0{length}b}" if length else ""
    return [index for index, bit in enumerate(text[:most]) if bit == "1"]
