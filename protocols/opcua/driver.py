"""The OPC UA driver: the devices behind one server, watched by subscriptions and read whole now and then.

A drain scan hands on what the server has sent; a read scan asks everything, which also heals what a subscription lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np

from protocols.driver import LinkLost, Outside, Scan
from protocols.model import Batch, Event, EventKind, Quality, Rows, Times, Values
from protocols.opcua.binary import Violation
from protocols.opcua.codec import Notified, Refused, arrays, refusal
from protocols.opcua.config import OpcuaDevice, OpcuaPoint, Watched
from protocols.opcua.connection import Connection
from protocols.opcua.inbox import Inbox, batches
from protocols.points import Points

DRAIN_S: Final = 0.05
"""How often what the server has sent is handed on."""
CLOCK_S: Final = 2.0
"""A server whose clock is off by more is said: its source times are as far off. Some renew theirs once a second."""
NS: Final = 1_000_000_000
BAD_REFERENCE: Final = np.uint16(Quality.BAD_REFERENCE)


class OpcuaDriver:
    """Watches `devices`, which share a session: a scan for each device and scan class, and one that drains."""

    def __init__(self, devices: Sequence[OpcuaDevice], points: Points, outside: Outside) -> None:
        self._devices, self._points, self._outside = devices, points, outside
        self._clock = outside.clock
        self._connection: Connection | None = None
        self._inbox = Inbox()
        self._pending: dict[tuple[str, EventKind, tuple[int, ...]], Event] = {}
        """What was not handed out yet; a repeated event takes the place of the first, so points bound it."""
        self._refused: dict[int, str] = {}
        self._missed: set[str] = set()
        self._over: LinkLost | None = None
        self._started_ns = 0
        self._clock_off = False
        self._scale = points.column(lambda point: point.scale)
        self._offset = points.column(lambda point: point.offset)
        classes = [each for device in devices for each in _scan_classes(device, points)]
        reads = [
            Scan(key, device.name, every_s, rows, requests=1, timeout_s=device.timeout_s)
            for key, (device, every_s, rows) in enumerate(classes)
        ]
        nothing: Rows = np.empty(0, np.int32)
        drains = [
            Scan(len(reads) + key, device.name, DRAIN_S, nothing, timeout_s=device.timeout_s)
            for key, device in enumerate(devices)
        ]
        self._reads, self._scans = len(reads), (*reads, *drains)
        self._rows = frozenset(row for device in devices for row in points.rows_of[device.name])

    @property
    def scans(self) -> Sequence[Scan]:
        """One for each device and scan class that reads, and one for each device that drains."""
        return self._scans

    async def connect(self) -> Sequence[Event]:
        """Open a session and watch every point, after closing the session before.

        Raises:
            OSError, LinkLost, TimeoutError: nobody answers, not in this protocol, or not to us.
        """
        await self.close()
        first = self._devices[0]
        with self._ending(first.name):
            self._connection = connection = await Connection.open(first, self._clock, self._take, self._note_missed)
            self._introduce(connection)
            for scan in self._scans[: self._reads]:
                connection.prepare(scan.key, [self._watched(int(row)) for row in scan.rows])
            for device in self._devices:
                await connection.watch(device, [self._watched(row) for row in self._points.rows_of[device.name]])
        self._missed.clear()
        self._note_refusals(connection.refused)
        return self._take_events()

    async def read(self, scan: Scan) -> Sequence[Batch | Event]:
        """Hand on what the server has sent; where `scan` has points read them too, and put them last.

        Raises:
            TimeoutError: the server did not answer one of the requests in `scan.timeout_s`.
            LinkLost: the conversation is over; its events say whether the server broke the protocol.
        """
        connection = self._connection
        if connection is None:
            raise LinkLost("not connected")
        if self._over is not None:
            raise self._over
        if scan.key < self._reads:
            return await self._read(connection, scan)
        return await self._drain(connection, scan)

    async def close(self) -> None:
        """End the session; may be called twice."""
        connection, self._connection, self._over = self._connection, None, None
        if connection is not None:
            await connection.close()

    async def _drain(self, connection: Connection, scan: Scan) -> Sequence[Batch | Event]:
        seen: list[Batch | Event] = []
        if scan.device in self._missed:
            self._missed.discard(scan.device)
            for each in self._scans[: self._reads]:
                if each.device == scan.device:
                    seen.extend(await self._read(connection, each))
        try:
            with self._ending(scan.device):
                await connection.tend(scan.timeout_s)
        except LinkLost as lost:
            self._over = lost
        seen.extend(self._taken())
        if self._over is not None and not seen:
            raise self._over
        return seen  # what came before the end is handed on; the next drain tells the end

    async def _read(self, connection: Connection, scan: Scan) -> Sequence[Batch | Event]:
        with self._ending(scan.device):
            found = await connection.read(scan.key, scan.timeout_s)
            if len(found) != len(scan.rows):
                raise Violation(f"{len(found)} values where {len(scan.rows)} were asked")
            values, quality, times = arrays(found)
            bad = {int(scan.rows[at]): found[at] for at in np.flatnonzero(quality & BAD_REFERENCE)}
            wrong = {row: connection.refused.get(row) or refusal(each) or "" for row, each in bad.items()}
            await self._watch_again(connection, scan, wrong)
        self._note_changes(scan.rows.tolist(), wrong)
        batch = Batch(scan.rows, self._scaled(scan.rows, values), quality, times, self._clock())
        return [*self._taken(), batch, *self._take_events()]

    async def _watch_again(self, connection: Connection, scan: Scan, wrong: Mapping[int, str]) -> None:
        """Watch what could not be watched when connecting, and can be read now: a node that has come later."""
        [device] = [each for each in self._devices if each.name == scan.device]
        back = [row for row in scan.rows.tolist() if row in connection.refused and row not in wrong]
        if back:
            await connection.watch(device, [self._watched(row) for row in back])

    def _take(self, seen: Notified) -> None:
        """Keep what the server has sent until the next drain; called by the connection.

        Raises:
            Violation: it speaks of what was not asked.
        """
        rows = seen.handles
        if not self._rows.issuperset(rows.tolist()):
            raise Violation("a notification for an item that is not watched")
        self._inbox.put(batches(rows, self._scaled(rows, seen.values), seen.quality, seen.time_ns, self._clock()))
        if seen.refused or self._refused:
            self._note_changes(rows.tolist(), seen.refused)
        for row in seen.overflowed:
            detail = f"{self._label(row)}: values lost in the server, its queue was full"
            self._note(self._points.device(row), EventKind.OVERFLOW, detail, (row,))

    def _scaled(self, rows: Rows | Times, values: Values) -> Values:
        with np.errstate(invalid="ignore", over="ignore"):  # a server may send any number, infinity too
            found: Values = values * self._scale[rows] + self._offset[rows]
        return found

    def _taken(self) -> list[Batch | Event]:
        taken: list[Batch | Event] = [*self._inbox.take()]
        if self._inbox.lost:
            lost, self._inbox.lost = self._inbox.lost, 0
            self._note(self._devices[0].name, EventKind.OVERFLOW, f"{lost} readings came faster than they were taken")
        return [*taken, *self._take_events()] if self._pending else taken

    @contextmanager
    def _ending(self, device: str) -> Iterator[None]:
        """Turn what ends the conversation into LinkLost, with everything there is to say."""
        try:
            yield
        except Violation as violation:
            self._note(device, EventKind.VIOLATION, str(violation))
            raise LinkLost(f"violation: {violation}", self._take_events()) from None
        except (Refused, LinkLost) as error:
            raise LinkLost(str(error), self._take_events()) from None

    def _introduce(self, connection: Connection) -> None:
        """Say who answers, whether it was started anew, and whether its clock is right."""
        server, now_ns = connection.server, self._clock()
        for device in self._devices:
            if server.identity:
                self._note(device.name, EventKind.IDENTITY, server.identity)
            if server.started_ns != self._started_ns and self._started_ns:
                self._note(device.name, EventKind.RESTART, "the server was started anew")
        self._started_ns = server.started_ns
        off_s = (server.now_ns - now_ns) / NS if server.now_ns else 0.0
        if (abs(off_s) > CLOCK_S) is not self._clock_off:
            self._clock_off = not self._clock_off
            detail = (
                f"the server's clock is {off_s:+.1f} s off ours" if self._clock_off else "the server's clock is right"
            )
            self._note(self._devices[0].name, EventKind.CLOCK, detail)

    def _watched(self, row: int) -> Watched:
        point = self._points.configs[row]
        assert isinstance(point, OpcuaPoint)
        deadband = point.deadband / abs(point.scale) if point.deadband and point.scale and not point.status else 0.0
        return Watched(row, point.place, deadband)

    def _note(self, device: str, kind: EventKind, detail: str, rows: tuple[int, ...] = ()) -> None:
        self._pending[device, kind, rows] = Event(device, kind, detail, self._clock(), rows)

    def _note_missed(self, device: str, what: str) -> None:
        self._missed.add(device)
        self._note(device, EventKind.OVERFLOW, f"{what}: all values are read")

    def _note_refusals(self, refused: Mapping[int, str]) -> None:
        for row, why in refused.items():
            if self._refused.get(row) != why:
                self._refused[row] = why
                self._note(self._points.device(row), EventKind.REFUSED, f"{self._label(row)}: {why}", (row,))

    def _note_changes(self, rows: Sequence[int], refused: Mapping[int, str]) -> None:
        """Say which of `rows`, which have just been read, are refused and were not, or were and are not."""
        self._note_refusals(refused)
        for row in self._refused.keys() & (set(rows) - refused.keys()):
            del self._refused[row]
            self._note(self._points.device(row), EventKind.ACCEPTED, f"{self._label(row)}: answers again", (row,))

    def _take_events(self) -> list[Event]:
        events = list(self._pending.values())
        self._pending.clear()
        return events

    def _label(self, row: int) -> str:
        """Return `ns=2;s=T1.OilTemp (point oil)`."""
        point = self._points.configs[row]
        assert isinstance(point, OpcuaPoint)
        return f"{point.address} (point {point.name})"


def _scan_classes(device: OpcuaDevice, points: Points) -> Iterator[tuple[OpcuaDevice, float, Rows]]:
    """Yield each scan class of `device` with its rows."""
    rows = np.array(points.rows_of[device.name], np.int32)
    every_s = points.every_s[rows]
    for each in np.unique(every_s):
        yield device, float(each), rows[every_s == each]
