"""What the driver has to say until it is asked: who answers, what is refused, what was missed."""

from collections.abc import Mapping, Sequence

from protocols.driver import Clock
from protocols.model import Event, EventKind
from protocols.opcua.config import OpcuaPoint
from protocols.points import Points


class Notes:
    """Events that wait. A repeated one takes the place of the first, so the points bound their number.

    `refused` are the points that are refused at present, and why.
    """

    def __init__(self, points: Points, clock: Clock) -> None:
        self.refused: dict[int, str] = {}
        self._points, self._clock = points, clock
        self._pending: dict[tuple[str, EventKind, tuple[int, ...]], Event] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def take(self) -> list[Event]:
        """Return all, in the order in which they came."""
        events = list(self._pending.values())
        self._pending.clear()
        return events

    def note(self, device: str, kind: EventKind, detail: str, rows: tuple[int, ...] = ()) -> None:
        """Keep an event."""
        self._pending[device, kind, rows] = Event(device, kind, detail, self._clock(), rows)

    def overflowed(self, row: int) -> None:
        """Keep that the server had no room for all values of a point."""
        detail = f"{self._label(row)}: values lost in the server, its queue was full"
        self.note(self._points.device(row), EventKind.OVERFLOW, detail, (row,))

    def refusals(self, refused: Mapping[int, str]) -> None:
        """Keep which points are refused, if that is news."""
        for row, why in refused.items():
            if self.refused.get(row) != why:
                self.refused[row] = why
                self.note(self._points.device(row), EventKind.REFUSED, f"{self._label(row)}: {why}", (row,))

    def changes(self, rows: Sequence[int], refused: Mapping[int, str]) -> None:
        """Keep which of `rows`, which have just been read, are refused and were not, or were and are not."""
        self.refusals(refused)
        for row in self.refused.keys() & (set(rows) - refused.keys()):
            del self.refused[row]
            self.note(self._points.device(row), EventKind.ACCEPTED, f"{self._label(row)}: answers again", (row,))

    def _label(self, row: int) -> str:
        """Return `ns=2;s=T1.OilTemp (point oil)`."""
        point = self._points.configs[row]
        assert isinstance(point, OpcuaPoint)
        return f"{point.address} (point {point.name})"
