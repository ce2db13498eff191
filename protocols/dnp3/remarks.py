"""What is to be said of an outstation's points: those that it does not have, and the octet strings that it gives."""

from collections.abc import Sequence

from protocols.dnp3.config import Dnp3Point
from protocols.dnp3.decode import Readings
from protocols.dnp3.inbox import Index
from protocols.model import EventKind, Rows
from protocols.notes import Notes, listed


class Remarks:
    """Says of the points of one outstation what no reading can, when it changes."""

    def __init__(self, notes: Notes, index: Index, names: Sequence[str], points: Sequence[Dnp3Point]) -> None:
        self._notes, self._index, self._names, self._points = notes, index, names, points
        self._missing: frozenset[int] = frozenset()
        self._octets: dict[int, bytes] = {}

    def missing(self, rows: Rows) -> None:
        """Say which points it does not have any more, and which it has again."""
        before, now = self._missing, frozenset(rows.tolist())
        if gone := sorted(now - before):
            self._notes.say(EventKind.REFUSED, f"{self._label(gone)}: the outstation does not have it", gone)
        if back := sorted(before - now):
            self._notes.say(EventKind.ACCEPTED, f"{self._label(back)}: answers again", back)
        self._missing = now

    def octets(self, readings: Readings) -> None:
        """An octet string is no number: say it, and whenever it changes."""
        rows, kept = self._index.lookup(readings.group.kind, readings.index)
        for row, position in zip(rows.tolist(), kept.tolist(), strict=True):
            found = readings.octets[position]
            if self._octets.get(row) != found:
                self._octets[row] = found
                text = found.rstrip(b"\0").decode("utf-8", "backslashreplace")
                self._notes.say(EventKind.IDENTITY, f"{self._names[row]}: {text!r}", [row])

    def _label(self, rows: Sequence[int]) -> str:
        return listed([f"{self._points[row - self._index.first].address} ({self._names[row]})" for row in rows])
