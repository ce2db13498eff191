"""What a driver has to say until it is asked: refused points, violations, late and garbled answers, identities."""

from collections import Counter
from collections.abc import Sequence

from protocols.driver import Clock
from protocols.modbus.codec import Refusal
from protocols.modbus.config import ModbusPoint
from protocols.modbus.conversation import Conversation
from protocols.model import EventKind, Rows
from protocols.notes import Newest, listed
from protocols.points import Points


class Remarks(Newest):
    """What concerns the units of one conversation."""

    def __init__(self, devices: dict[int, str], points: Points, clock: Clock) -> None:
        super().__init__(clock)
        self._devices, self._points = devices, points
        self._garbled: Counter[int] = Counter()

    def change(self, device: str, rows: Rows, positions: Sequence[int], refusal: Refusal | None) -> None:
        """Keep that points are refused, or answer again."""
        changed = tuple(int(rows[position]) for position in positions)
        kind = EventKind.ACCEPTED if refusal is None else EventKind.REFUSED
        said = "answers again" if refusal is None else str(refusal)
        self.note(device, kind, f"{self._label(changed)}: {said}", changed)

    def listen(self, device: str, conversation: Conversation) -> None:
        """Keep what `conversation` has noticed since the last time, while `device` was read."""
        if conversation.violation is not None:
            self.note(device, EventKind.VIOLATION, conversation.violation)
            conversation.violation = None
        if conversation.late:
            for unit, count in conversation.late.items():
                self.note(self._devices[unit], EventKind.LATE, f"{count} late answers of unit {unit} dropped")
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
