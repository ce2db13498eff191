"""An outstation without a network: its points, its event buffer, its indications, and what it answers to a request.

Events are deleted when the master has confirmed them, not before; a read waits while an unsolicited response with
events waits for its confirm, so that no event is told twice (IEEE 1815-2012). Everything that a session keeps (what
waits for a confirm, sequence numbers) is in `Dialogue`, one for each connection.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from simulator.dnp3_objects import EVENT_KINDS, KINDS, STATIC_KINDS, Change, Point, event_blocks, static_blocks

CONFIRM, READ, WRITE, ENABLE, DISABLE, DELAY, RECORD = 0, 1, 2, 20, 21, 23, 24
FIR, FIN, CON, UNS = 0x80, 0x40, 0x20, 0x10
NEED_TIME, TROUBLE, RESTART, UNSUPPORTED, UNKNOWN, OVERFLOW = 0x0010, 0x0040, 0x0080, 0x0100, 0x0200, 0x0800
HEAD_OCTETS = 4
ORDER = {name: place for place, name in enumerate(KINDS)}


@dataclass(slots=True, eq=False)
class Outstation:
    """The state of an outstation. `clock_ms` is its own clock; `received` the requests as they came.

    `insists` is whether it tells events unsolicited although that is switched off; `attributes` is what it says of
    itself, by variation of group 0.
    """

    clock_ms: Callable[[], int]
    most_events: int = 1000
    most_octets: int = 2048
    need_time: bool = False
    restarted: bool = True
    overflowed: bool = False
    unsolicited: bool = True
    insists: bool = False
    points: dict[tuple[str, int], Point] = field(default_factory=dict)
    events: deque[Change] = field(default_factory=deque)
    refused: set[tuple[str, int]] = field(default_factory=set)
    attributes: dict[int, str] = field(default_factory=dict)
    received: deque[bytes] = field(default_factory=lambda: deque(maxlen=1000))
    set_to_ms: int | None = None
    time_recorded_ms: int | None = None

    def add(self, kind: str, index: int, value: float | bytes = 0.0, **keys: object) -> Point:
        """Have a point."""
        point = self.points[kind, index] = Point(kind, index, value, **keys)  # type: ignore[arg-type]
        return point

    def change(
        self, kind: str, index: int, value: float | bytes, *, time_ms: int | None = None, flags: int | None = None
    ) -> None:
        """Give a point a new value, as an event if it has a class."""
        point = self.points[kind, index]
        point.value, point.flags = value, point.flags if flags is None else flags
        point.time_ms = self.clock_ms() if time_ms is None else time_ms
        if not point.event_class:
            return
        if len(self.events) >= self.most_events:
            self.events.popleft()
            self.overflowed = True
        self.events.append(Change(kind, index, value, point.flags, point.time_ms, point.event_class))

    def restart(self) -> None:
        """Come back from being off: nothing is remembered, and the time is not known."""
        self.events.clear()
        self.restarted, self.need_time, self.overflowed = True, True, False

    def confirmed(self, changes: Sequence[Change]) -> None:
        """Delete events that the master has."""
        gone = set(map(id, changes))
        self.events = deque(change for change in self.events if id(change) not in gone)
        if len(self.events) < self.most_events:
            self.overflowed = False

    def indications(self, told: Sequence[Change] = ()) -> int:
        """Return the internal indications as they are now; events that are `told` with them no longer wait."""
        gone = set(map(id, told))
        classes = {change.event_class for change in self.events if id(change) not in gone}
        found = sum(1 << each for each in classes)
        for raised, bit in (
            (self.need_time, NEED_TIME),
            (self.restarted, RESTART),
            (self.overflowed, OVERFLOW),
        ):
            found |= bit if raised else 0
        return found

    def having(self, chosen: Callable[[Point], bool]) -> list[Point]:
        """Return the points that answer, ascending by kind and index."""
        found = [point for place, point in self.points.items() if place not in self.refused and chosen(point)]
        return sorted(found, key=lambda point: (ORDER[point.kind], point.index))


@dataclass(slots=True)
class Part:
    """A fragment to be sent: its objects and the events in it."""

    objects: bytes
    events: Sequence[Change] = ()


class Dialogue:
    """What an outstation and its master are saying on one connection; `send` takes fragments."""

    def __init__(self, outstation: Outstation, send: Callable[[bytes], None]) -> None:
        self.enabled = False
        self.unconfirmed: bytes | None = None
        self._outstation, self._send = outstation, send
        self._parts: deque[Part] = deque()
        self._awaited: tuple[int, Sequence[Change]] | None = None
        self._sequence = 0
        self._iin = 0
        self._first = True
        self._unsolicited_sequence = 0
        self._unsolicited_events: Sequence[Change] = ()
        self._deferred: bytes | None = None

    def take(self, fragment: bytes) -> None:
        """Take a fragment of the master."""
        self._outstation.received.append(fragment)
        control, function = fragment[0], fragment[1]
        if function == CONFIRM:
            self._confirmed(control)
        elif function == READ and self.unconfirmed is not None and self._unsolicited_events:
            self._deferred = fragment
        else:
            self._begin(fragment)

    def _begin(self, fragment: bytes) -> None:
        control, function = fragment[0], fragment[1]
        self._deferred = None
        self._parts.clear()
        self._awaited, self._sequence, self._iin, self._first = None, control & 0x0F, 0, True
        self._parts.extend(self._answer(function, fragment[2:]))
        self._next()

    def tell(self, *, null: bool = False) -> bool:
        """Send what has happened by itself; return whether there is something to be confirmed now."""
        busy = self.unconfirmed is not None or self._awaited is not None
        if busy or not (null or ((self.enabled or self._outstation.insists) and self._outstation.events)):
            return False
        changes = () if null else tuple(self._outstation.events)
        objects, taken = event_blocks(changes, self._outstation.most_octets - HEAD_OCTETS)
        self._unsolicited_events = changes[:taken]
        control = FIR | FIN | CON | UNS | self._unsolicited_sequence
        self.unconfirmed = self._fragment(control, 0x82, Part(objects, self._unsolicited_events))
        self._send(self.unconfirmed)
        return True

    @property
    def awaits(self) -> object:
        """What waits for a confirm, None for nothing: another object each time."""
        return self.unconfirmed or self._awaited

    def tell_again(self) -> None:
        """Give up waiting for a confirm; answer what was held back, and repeat what was told unsolicited."""
        self._awaited = None
        if self.unconfirmed is None:
            self._parts.clear()
            return
        if self._deferred is not None:
            self._begin(self._deferred)
        self._send(self.unconfirmed)

    def _confirmed(self, control: int) -> None:
        sequence = control & 0x0F
        if control & UNS:
            if self.unconfirmed is not None and sequence == self._unsolicited_sequence:
                self._outstation.confirmed(self._unsolicited_events)
                self.unconfirmed = None
                self._unsolicited_sequence = (sequence + 1) & 0x0F
                if self._deferred is not None:
                    self._begin(self._deferred)
        elif self._awaited is not None and sequence == self._awaited[0]:
            self._outstation.confirmed(self._awaited[1])
            self._awaited = None
            self._next()

    def _next(self) -> None:
        """Send the next part of the answer."""
        if not self._parts:
            return
        part = self._parts.popleft()
        control = self._sequence | (FIR if self._first else 0) | (0 if self._parts else FIN)
        if self._parts or part.events:
            control |= CON
            self._awaited = self._sequence, part.events
        self._first = False
        self._send(self._fragment(control, 0x81, part))
        self._sequence = (self._sequence + 1) & 0x0F

    def _fragment(self, control: int, function: int, part: Part) -> bytes:
        iin = self._outstation.indications(part.events) | self._iin
        return bytes([control, function]) + struct.pack("<H", iin) + part.objects

    def _answer(self, function: int, objects: bytes) -> list[Part]:
        outstation = self._outstation
        match function:
            case 1:  # READ
                return list(self._read(objects)) or [Part(b"")]
            case 2:  # WRITE
                self._write(objects)
            case 20 | 21 if outstation.unsolicited:  # ENABLE, DISABLE
                self.enabled = function == ENABLE
            case 23:  # DELAY
                return [Part(bytes([52, 2, 0x07, 1, 0, 0]))]
            case 24:  # RECORD
                outstation.time_recorded_ms = outstation.clock_ms()
            case _:
                self._iin |= UNSUPPORTED
        return [Part(b"")]

    def _write(self, objects: bytes) -> None:
        outstation = self._outstation
        if objects == bytes([80, 1, 0, 7, 7, 0]):
            outstation.restarted = False
        elif objects[:1] == b"\x32" and objects[1] in (1, 3) and objects[2:4] == b"\x07\x01":
            outstation.set_to_ms = int.from_bytes(objects[4:10], "little")
            outstation.need_time = False
        else:
            self._iin |= UNKNOWN

    def _attribute(self, variation: int) -> Iterator[Part]:
        value = self._outstation.attributes.get(variation, "").encode()
        if value:
            yield Part(bytes([0, variation, 0, 0, 0, 1, len(value)]) + value)
        else:
            self._iin |= UNKNOWN

    def _read(self, objects: bytes) -> Iterator[Part]:
        if objects[:1] == b"\0":
            yield from self._attribute(objects[1])
            return
        asked = [(objects[at], objects[at + 1]) for at in range(0, len(objects), 3)]
        classes = {variation - 1 for group, variation in asked if group == 60}
        kinds = {EVENT_KINDS[group] for group, _ in asked if group in EVENT_KINDS}
        if any(group not in {60, *EVENT_KINDS, *STATIC_KINDS} for group, _ in asked):
            self._iin |= UNKNOWN
        changes = [c for c in self._outstation.events if c.event_class in classes or c.kind in kinds]
        yield from self._event_parts(changes)
        statics = {STATIC_KINDS[group] for group, _ in asked if group in STATIC_KINDS}
        points = self._outstation.having(lambda p: (0 in classes and p.in_class_0) or p.kind in statics)
        yield from self._static_parts(points)

    def _event_parts(self, changes: Sequence[Change]) -> Iterator[Part]:
        while changes:
            objects, taken = event_blocks(changes, self._outstation.most_octets - HEAD_OCTETS)
            yield Part(objects, changes[:taken])
            changes = changes[taken:]

    def _static_parts(self, points: Sequence[Point]) -> Iterator[Part]:
        room = self._outstation.most_octets - HEAD_OCTETS
        part = b""
        for block in static_blocks(points, room):
            if len(part) + len(block) > room:
                yield Part(part)
                part = b""
            part += block
        if part:
            yield Part(part)
