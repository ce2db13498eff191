"""The OPC UA driver: the devices behind one server, watched by subscriptions and read whole now and then.

A drain scan hands on what the server has sent; a read scan asks everything, which also heals what a subscription lost.
A link that breaks leaves the session behind, and the next connection takes it up with all that the server has kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np

from protocols.demand import Demand
from protocols.driver import LinkLost, Outside, Scan
from protocols.model import Batch, Event, EventKind, Quality, Rows
from protocols.opcua.binary import Violation
from protocols.opcua.codec import Notified, Refused, arrays, refusal
from protocols.opcua.config import OpcuaDevice, OpcuaPoint, Watched
from protocols.opcua.connection import Connection
from protocols.opcua.inbox import Inbox, batches
from protocols.opcua.notes import Notes
from protocols.opcua.partner import Impostor
from protocols.opcua.subscriptions import Taker
from protocols.points import Points
from protocols.scaling import Scaling

DRAIN_S: Final = 0.05
"""How often what the server has sent is handed on."""
BAD_REFERENCE: Final = np.uint16(Quality.BAD_REFERENCE)


class OpcuaDriver:
    """Watches `devices`, which share a session: a scan for each device and scan class, and one that drains."""

    def __init__(self, devices: Sequence[OpcuaDevice], points: Points, outside: Outside) -> None:
        self._devices, self._points, self._outside = devices, points, outside
        self._clock = outside.clock
        self._connection: Connection | None = None
        self._kept: Connection | None = None
        """What a broken link has left behind, to be taken up again."""
        self._inbox = Inbox()
        self._notes = Notes(points, outside.clock, first=devices[0].name, host=devices[0].host)
        self._unread: set[str] = set()
        """Devices that missed something, so that everything is read of them."""
        self._over: LinkLost | None = None
        self._unanswered = False
        """Whether the last request was not: its server may be frozen, and must not find the end of its session then."""
        self._scaling = Scaling(points.configs)
        classes = [(device, *each) for device in devices for each in points.classes(device)]
        reads = [
            Scan(key, device.name, every_s, rows, requests=1, timeout_s=device.timeout_s)
            for key, (device, every_s, rows) in enumerate(classes)
        ]
        nothing: Rows = np.empty(0, np.int32)
        drains = [
            Scan(len(reads) + key, device.name, DRAIN_S, nothing, requests=0, timeout_s=device.timeout_s)
            for key, device in enumerate(devices)
        ]
        self._reads, self._scans = len(reads), (*reads, *drains)
        self._rows = frozenset(row for device in devices for row in points.rows_of[device.name])

    @property
    def scans(self) -> Sequence[Scan]:
        """One for each device and scan class that reads, and one for each device that drains."""
        return self._scans

    @property
    def demands(self) -> Sequence[Demand]:
        """What the server is asked and tells, in octets."""
        from protocols.opcua.demand import demands  # noqa: PLC0415 - for planning only

        return list(demands(self._devices))

    async def connect(self) -> Sequence[Event]:
        """Take up the session of the link that broke; or open one and watch every point.

        Raises:
            OSError, LinkLost, TimeoutError: nobody answers, not in this protocol, or not to us.
        """
        await self.close()
        self._unanswered = True
        with self._ending(self._devices[0].name):
            connection = await self._resumed() or await self._opened()
        self._unanswered = False
        kept = [(device.name, connection.kept(device)) for device in self._devices]
        self._notes.introduce(kept, connection.server, connection.session.security)
        self._notes.refusals(connection.refused)
        return self._notes.take()

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
        try:
            if scan.key >= self._reads:
                return await self._drain(connection, scan)
            batch = await self._read(connection, scan)
        except TimeoutError:
            self._unanswered = True
            raise
        self._unanswered = False
        return [*self._taken(connection), batch]

    async def close(self) -> None:
        """End the session, or break a link that is broken and leave the session behind; may be called twice."""
        connection, self._connection = self._connection, None
        broken, self._over, self._unanswered = self._over is not None or self._unanswered, None, False
        if connection is None:
            return
        broken = broken or connection.session.channel.lost is not None
        if broken and connection.resumable:
            self._kept = connection
            connection.hang_up()
            return
        if broken and connection.whole:
            self._note_lost("the session is given up")
        await connection.close()

    async def _resumed(self) -> Connection | None:
        """Take up what a broken link has left behind, or say that it is gone."""
        kept = self._kept
        if kept is None:
            return None
        gone = await kept.resume(self._clock) if kept.resumable else "nothing came of it"
        self._kept = None
        if gone is not None:
            self._note_lost(f"the session cannot be taken up again: {gone}")
            return None
        self._connection = kept
        await kept.subscriptions.catch_up(self._devices[0].timeout_s)
        return kept

    async def _opened(self) -> Connection:
        first, self._kept = self._devices[0], None
        taker = Taker(self._take, self._note_missed, lambda: self._inbox.full)
        self._connection = connection = await Connection.open(first, self._clock, taker)
        for scan in self._scans[: self._reads]:
            connection.prepare(scan.key, [self._watched(int(row)) for row in scan.rows])
        for device in self._devices:
            await connection.watch(device, [self._watched(row) for row in self._points.rows_of[device.name]])
        connection.whole = True
        self._unread.clear()
        return connection

    async def _drain(self, connection: Connection, scan: Scan) -> Sequence[Batch | Event]:
        read: list[Batch] = []
        if scan.device in self._unread:
            every = [each for each in self._scans[: self._reads] if each.device == scan.device]
            read = [await self._read(connection, each) for each in every]
            self._unread.discard(scan.device)
        with suppress(LinkLost), self._ending(scan.device):
            await connection.tend(scan.timeout_s)
        seen = [*self._taken(connection), *read]
        if self._over is not None and not seen:
            raise self._over
        return seen  # what came before the end is handed on; the next drain tells the end

    async def _read(self, connection: Connection, scan: Scan) -> Batch:
        with self._ending(scan.device):
            found = await connection.read(scan.key, scan.timeout_s)
            if len(found) != len(scan.rows):
                raise Violation(f"{len(found)} values where {len(scan.rows)} were asked")
            values, quality, times = arrays(found)
            bad = {int(scan.rows[at]): found[at] for at in np.flatnonzero(quality & BAD_REFERENCE)}
            wrong = {row: connection.refused.get(row) or refusal(each) or "" for row, each in bad.items()}
            await self._watch_again(connection, scan, wrong)
        self._notes.changes(scan.rows.tolist(), wrong)
        return Batch(scan.rows, self._scaling.scaled(scan.rows, values), quality, times, self._clock())

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
        values = self._scaling.scaled(rows, seen.values)
        now_ns = self._clock()
        self._inbox.put(batches(rows, values, seen.quality, seen.time_ns, now_ns))
        self._notes.timed(int(seen.time_ns.max(initial=0)), now_ns)
        if seen.refused or self._notes.refused:
            self._notes.changes(rows.tolist(), seen.refused)
        for row in seen.overflowed:
            self._notes.overflowed(row)

    def _taken(self, connection: Connection) -> list[Batch | Event]:
        """Return what came: with the next call it counts as handed on, and is acknowledged."""
        connection.subscriptions.acknowledgements.hand_on()
        taken: list[Batch | Event] = [*self._inbox.take()]
        if self._inbox.lost:
            lost, self._inbox.lost = self._inbox.lost, 0
            detail = f"{lost} readings came faster than they were taken"
            self._notes.note(self._devices[0].name, EventKind.OVERFLOW, detail)
        return [*taken, *self._notes.take()] if self._notes else taken

    @contextmanager
    def _ending(self, device: str) -> Iterator[None]:
        """Turn what ends the conversation into LinkLost, with everything there is to say."""
        try:
            yield
        except Violation as violation:
            self._notes.note(device, EventKind.VIOLATION, str(violation))
            self._over = LinkLost(f"violation: {violation}", self._notes.take())
            raise self._over from None
        except (Refused, LinkLost) as error:
            if isinstance(error, Impostor):
                self._notes.impostor(device, error)
            self._over = LinkLost(str(error), self._notes.take())
            raise self._over from None

    def _watched(self, row: int) -> Watched:
        point = self._points.configs[row]
        assert isinstance(point, OpcuaPoint)
        deadband = point.deadband / abs(point.scale) if point.deadband and point.scale and not point.status else 0.0
        return Watched(row, point.place, deadband)

    def _note_missed(self, device: str, what: str) -> None:
        self._unread.add(device)
        self._notes.note(device, EventKind.OVERFLOW, f"{what}: all values are read")

    def _note_lost(self, why: str) -> None:
        for device in self._devices:
            detail = f"{why}: changes may be lost, all values are read"
            self._notes.note(device.name, EventKind.OVERFLOW, detail)
