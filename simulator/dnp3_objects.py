"""The objects that the simulated outstation speaks, written straight from IEEE 1815-2012, annex A.

Written without the gateway's decoder on purpose: what one gets wrong, the other must not get wrong in the same way.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ONLINE = 0x01
HEAD_OCTETS = 7
"""Group, variation, qualifier, and a range of two 16-bit numbers."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of point is told: the group of its present value and of its events; `format` is of struct.

    An empty format puts the state into the flag octet, at bit `shift`.
    """

    static: tuple[int, int]
    event: tuple[int, int]
    format: str = ""
    shift: int = 7

    def octets(self, value: float, flags: int) -> bytes:
        """Return flags and value."""
        if not self.format:
            return bytes([flags | int(value) << self.shift])
        whole = self.format in "iI"
        return struct.pack(f"<B{self.format}", flags, round(value) if whole else value)


KINDS = {
    "binary": Kind((1, 2), (2, 2)),
    "double": Kind((3, 2), (4, 2), shift=6),
    "binary_output": Kind((10, 2), (11, 2)),
    "counter": Kind((20, 1), (22, 5), "I"),
    "frozen": Kind((21, 5), (23, 5), "I"),
    "analog": Kind((30, 5), (32, 7), "f"),
    "frozen_analog": Kind((31, 7), (33, 7), "f"),
    "analog_output": Kind((40, 3), (42, 7), "f"),
    "octets": Kind((110, 0), (111, 0)),
}
STATIC_KINDS = {kind.static[0]: name for name, kind in KINDS.items()}
EVENT_KINDS = {kind.event[0]: name for name, kind in KINDS.items()}


@dataclass(slots=True)
class Point:
    """One point: its value or octets, its flags, and the class of its events (0 for none)."""

    kind: str
    index: int
    value: float | bytes = 0.0
    flags: int = ONLINE
    event_class: int = 2
    in_class_0: bool = True
    time_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """An event: what a point was at a time."""

    kind: str
    index: int
    value: float | bytes
    flags: int
    time_ms: int
    event_class: int


def stamp(time_ms: int) -> bytes:
    """Return DNP3TIME: 48 bits of milliseconds."""
    return struct.pack("<Q", time_ms)[:6]


def static_blocks(points: Sequence[Point], room: int) -> Iterator[bytes]:
    """Yield object blocks of `points`, ascending by kind and index, none longer than `room`."""
    run: list[bytes] = []
    start = 0
    for place, point in enumerate(points):
        octets = _static(point)[1]
        if run and not (_follows(points[place - 1], point) and HEAD_OCTETS + len(octets) * (len(run) + 1) <= room):
            yield _range_block(points[start:place], run)
            run = []
        if not run:
            start = place
        run.append(octets)
    if run:
        yield _range_block(points[start:], run)


def event_blocks(changes: Sequence[Change], room: int) -> tuple[bytes, int]:
    """Return blocks of as many `changes`, in their order, as there is room for, and how many these are."""
    found, taken = b"", 0
    while taken < len(changes):
        group = _event(changes[taken])[0]
        run: list[bytes] = []
        while taken < len(changes) and _event(changes[taken])[0] == group:
            octets = struct.pack("<H", changes[taken].index) + _event(changes[taken])[1]
            if len(found) + HEAD_OCTETS + sum(map(len, run)) + len(octets) > room:
                break
            run.append(octets)
            taken += 1
        if not run:
            break
        found += bytes([*group, 0x28]) + struct.pack("<H", len(run)) + b"".join(run)
    return found, taken


def _follows(before: Point, point: Point) -> bool:
    same = _static(before)[0] == _static(point)[0]
    return same and point.index == before.index + 1


def _range_block(points: Sequence[Point], run: Sequence[bytes]) -> bytes:
    head = struct.pack("<HH", points[0].index, points[-1].index)
    return bytes([*_static(points[0])[0], 0x01]) + head + b"".join(run)


def _static(point: Point) -> tuple[tuple[int, int], bytes]:
    kind = KINDS[point.kind]
    if isinstance(point.value, bytes):
        return (kind.static[0], len(point.value)), point.value
    time = stamp(point.time_ms) if kind.static == (21, 5) else b""
    return kind.static, kind.octets(point.value, point.flags) + time


def _event(change: Change) -> tuple[tuple[int, int], bytes]:
    kind = KINDS[change.kind]
    if isinstance(change.value, bytes):
        return (kind.event[0], len(change.value)), change.value
    return kind.event, kind.octets(change.value, change.flags) + stamp(change.time_ms)
