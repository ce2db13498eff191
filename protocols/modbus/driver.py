"""The Modbus driver: the units behind one host and port, read over one connection."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import numpy as np

from protocols.driver import Clock, LinkLost, Scan
from protocols.modbus.codec import Refusal, Request
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.modbus.conversation import Answer, Conversation
from protocols.modbus.reading import Reading
from protocols.model import Batch, Event, EventKind, Rows
from protocols.points import Points

_NAMED_POINTS: Final = 4
"""Most points an event names one by one."""


class ModbusDriver:
    """Reads `devices`, which share one host and port: a scan for each device and scan class."""

    def __init__(self, devices: Sequence[ModbusDevice], points: Points, clock: Clock) -> None:
        url = urlsplit(devices[0].url)
        self._host, self._port = url.hostname or "", url.port or 502
        self._clock = clock
        self._points = points
        self._units = {device.unit: device.name for device in reversed(devices)}
        self._conversation: Conversation | None = None
        self._pending: dict[tuple[str, EventKind, tuple[int, ...]], Event] = {}
        """What was not handed out yet; a repeated event takes the place of the first, so points bound it."""
        self._readings: list[tuple[int, Reading]] = []
        self._scans: list[Scan] = []
        for device in devices:
            for every_s, rows in _scan_classes(device, points):
                self._add(device, every_s, rows)

    @property
    def scans(self) -> Sequence[Scan]:
        """One for each device and scan class; `requests` as planned while nothing is refused."""
        return tuple(self._scans)

    async def connect(self) -> Sequence[Event]:
        """Open the connection, after closing the one before.

        Raises:
            OSError: nobody answers.
        """
        await self.close()
        self._conversation = await Conversation.open(self._host, self._port)
        for _, reading in self._readings:
            reading.reconnected()
        return self._take_events()

    async def read(self, scan: Scan) -> Sequence[Batch | Event]:
        """Ask the points of `scan` once: one batch, then what happened meanwhile.

        Raises:
            TimeoutError: this unit did not answer one of the requests in `scan.timeout_s`.
            LinkLost: the connection is over; its events say whether the device broke the protocol.
        """
        conversation = self._conversation
        if conversation is None:
            raise LinkLost("not connected")
        unit, reading = self._readings[scan.key]

        async def ask(request: Request) -> Answer:
            return await conversation.request(unit, request, scan.timeout_s)

        try:
            values, quality = await reading.read(ask)
        except LinkLost as lost:
            self._note_violation(scan.device, conversation)
            raise LinkLost(str(lost), self._take_events()) from None
        now = self._clock()
        batch = Batch(scan.rows, values, quality, np.full(len(scan.rows), now, np.int64), now)
        self._note_late(conversation)
        return [batch, *self._take_events()] if self._pending else [batch]

    async def close(self) -> None:
        """End the connection; may be called twice."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.close()

    def _add(self, device: ModbusDevice, every_s: float, rows: Rows) -> None:
        points = [point for row in rows if isinstance(point := self._points.configs[row], ModbusPoint)]
        reading = Reading(device, points, partial(self._note_change, device.name, rows))
        key = len(self._scans)
        self._readings.append((device.unit, reading))
        self._scans.append(Scan(key, device.name, every_s, rows, reading.requests, device.timeout_s))

    def _note(self, device: str, kind: EventKind, detail: str, rows: tuple[int, ...] = ()) -> None:
        self._pending[device, kind, rows] = Event(device, kind, detail, self._clock(), rows)

    def _note_change(self, device: str, rows: Rows, positions: Sequence[int], refusal: Refusal | None) -> None:
        changed = tuple(int(rows[position]) for position in positions)
        kind = EventKind.ACCEPTED if refusal is None else EventKind.REFUSED
        said = "answers again" if refusal is None else str(refusal)
        self._note(device, kind, f"{self._label(changed)}: {said}", changed)

    def _note_violation(self, device: str, conversation: Conversation) -> None:
        if conversation.violation is not None:
            self._note(device, EventKind.VIOLATION, conversation.violation)
            conversation.violation = None

    def _note_late(self, conversation: Conversation) -> None:
        """Say once, with a count, what `conversation` dropped since the last time."""
        for unit, count in conversation.late.items():
            self._note(self._units[unit], EventKind.LATE, f"{count} late answers of unit {unit} dropped")
        conversation.late.clear()

    def _take_events(self) -> list[Event]:
        events = list(self._pending.values())
        self._pending.clear()
        return events

    def _label(self, rows: Sequence[int]) -> str:
        """Return `holding:105 (point va)`, the name of values that share an address."""
        first = self._points.configs[rows[0]]
        assert isinstance(first, ModbusPoint)
        names = ", ".join(self._points.names[row] for row in rows[:_NAMED_POINTS])
        more = f" and {len(rows) - _NAMED_POINTS} more" if len(rows) > _NAMED_POINTS else ""
        address = first.address if len(rows) == 1 else f"{first.place.table}:{first.place.offset}"
        return f"{address} (point{'s' if len(rows) > 1 else ''} {names}{more})"


def _scan_classes(device: ModbusDevice, points: Points) -> Iterator[tuple[float, Rows]]:
    """Yield each scan class of `device` with its rows."""
    rows = np.array(points.rows_of[device.name], np.int32)
    every_s = points.every_s[rows]
    for each in np.unique(every_s):
        yield float(each), rows[every_s == each]
