"""What a driver has to say until it is asked: refused points, violations, late and garbled answers, identities."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from protocols.driver import Clock
from protocols.modbus.codec import Refusal
from protocols.modbus.config import ModbusPoint
from protocols.modbus.conversation import Conversation
from protocols.modbus.identity import described
from protocols.model import EventKind, Rows
from protocols.notes import Newest, listed
from protocols.points import Points


class Remarks(Newest):
    """What concerns the units of one conversation."""

    def __init__(self, devices: dict[int, str], points: Points, clock: Clock, host: str = "") -> None:
        super().__init__(clock)
        self._devices, self._points, self._host = devices, points, host
        self._garbled: Counter[int] = Counter()

    def change(self, device: str, rows: Rows, positions: Sequence[int], refusal: Refusal | None) -> None:
        """Keep that points are refused, or answer again."""
        changed = tuple(int(rows[position]) for position in positions)
        kind = EventKind.ACCEPTED if refusal is None else EventKind.REFUSED
        said = "answers again" if refusal is None else str(refusal)
        self.note(device, kind, f"{self._label(changed)}: {said}", changed)

    def seen(self, device: str, kind: EventKind, detail: str, *, function: str = "", **facts: Any) -> None:
        """Keep what the cyber checks want to know of a device."""
        self.sight(device, kind, detail, source=self._host, protocol="modbus", function=function, **facts)

    def opened(self, device: str, certificate: str) -> None:
        """Keep which certificate was shown, if any."""
        if certificate:
            self.seen(device, EventKind.SECURITY, certificate, function="certificate", value=certificate)

    def exception(self, device: str, function: int, refusal: Refusal) -> None:
        """Keep that a device has answered with an exception."""
        self.seen(device, EventKind.EXCEPTION, str(refusal), function=str(function), code=refusal.code)

    def identity(self, device: str, fields: Mapping[str, str]) -> None:
        """Keep who a device says it is, and each part of that for itself."""
        self.note(device, EventKind.IDENTITY, described(fields))
        for what, value in fields.items():
            self.seen(device, EventKind.IDENTITY, value, function=what, value=value)

    def listen(self, device: str, conversation: Conversation) -> None:
        """Keep what `conversation` has noticed since the last time, while `device` was read."""
        if conversation.violation is not None:
            self.note(device, EventKind.VIOLATION, conversation.violation)
            if conversation.orphan:
                self.seen(device, EventKind.ORPHAN, conversation.violation, why=conversation.orphan)
            conversation.violation = None
        if conversation.late:
            for unit, count in conversation.late.items():
                name = self._devices[unit]
                self.note(name, EventKind.LATE, f"{count} late answers of unit {unit} dropped")
                self.seen(name, EventKind.ORPHAN, f"late answers of unit {unit}", count=count, why="late")
            conversation.late.clear()
        if conversation.garbled:
            self._garble(conversation)

    def _garble(self, conversation: Conversation) -> None:
        """Say how many answers were garbled, when the number has grown beyond a power of two: noise is everyday."""
        for unit, count in conversation.garbled.items():
            before, self._garbled[unit] = self._garbled[unit], self._garbled[unit] + count
            if self._garbled[unit].bit_length() > before.bit_length():
                told = f"{self._garbled[unit]} garbled answers of unit {unit} since the start"
                self.note(self._devices[unit], EventKind.VIOLATION, f"{told}, the last: {conversation.noise}")
        conversation.garbled.clear()

    def _label(self, rows: Sequence[int]) -> str:
        """Return `holding:105 (point va)`, the name of values that share an address."""
        first = self._points.configs[rows[0]]
        assert isinstance(first, ModbusPoint)
        address = first.address if len(rows) == 1 else f"{first.place.table}:{first.place.offset}"
        return f"{address} (point{'s' if len(rows) > 1 else ''} {listed([self._points.names[row] for row in rows])})"
