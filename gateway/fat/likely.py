"""What a wrong value looks like: another point's, another byte order's, or that of another scale."""

import math
import struct
from collections.abc import Mapping

from gateway.fat.bench import close
from gateway.fat.subject import FLOATS, Subject

FORMATS = {
    "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q", "uint64": ">Q", "float32": ">f",
    "float64": ">d",
}  # fmt: skip
POWERS = (-6, -3, -2, -1, 1, 2, 3, 6)
ROUNDED = 1e-3
"""By how much such a value may be off: a device rounds it to a digit of its own."""
FURTHEST = 20
"""Points whose value it is are looked for among so many: a state is that of half of them, which says nothing."""


def likely(subject: Subject, seen: float | None, expected: float, others: Mapping[str, tuple[Subject, float]]) -> str:
    """Return what the value that was `seen` may be, empty where it says nothing.

    `others` are the values that all points were driven to at that moment.
    """
    if seen is None or subject.is_state:
        return ""
    shows = [name for name, (_, value) in others.items() if name != subject.name and close(subject, seen, value)]
    if 0 < len(shows) <= FURTHEST:
        return f"this is what {shows[0]} shows: are they exchanged?"
    for power in POWERS:
        if expected and math.isclose(seen, expected * 10.0**power, rel_tol=ROUNDED):
            return f"a factor of {10.0**power:g}: is the scale right?"
    order = _order(subject, seen, expected)
    return f"this is the value in the order {order}: is the order right?" if order else ""


def _order(subject: Subject, seen: float, expected: float) -> str:
    form = FORMATS.get(subject.kind) if subject.order else None
    if form is None:
        return ""
    raw = subject.raw(expected)
    try:
        sent = struct.pack(form, raw if subject.kind in FLOATS else round(raw))
    except (struct.error, OverflowError):
        return ""
    pairs = [sent[at : at + 2] for at in range(0, len(sent), 2)]
    orders = {
        "little": sent[::-1],
        "big_swapped": b"".join(reversed(pairs)),
        "little_swapped": b"".join(pair[::-1] for pair in pairs),
    }
    for name, octets in orders.items():
        (read,) = struct.unpack(form, octets)
        if octets != sent and close(subject, seen, subject.value(read)):
            return name
    return ""
