"""One outstation as its master treats it: the start-up, the polls, and what its internal indications ask for.

    start-up      disable unsolicited · integrity poll · enable unsolicited (if configured)
    IIN 1.7       restarted: clear the indication, then the whole start-up again
    IIN 1.4       needs the time: set it, where configuration and our own clock allow
    IIN 2.3       event buffer overflowed: events are gone there, so an integrity poll
    IIN 1.1-1.3   events of class 1, 2, 3 wait: poll them

A request that the outstation does not support is said and left out; it is read all the same.
"""

from collections.abc import Sequence
from typing import Final

from protocols.dnp3.clock import ClockWatch
from protocols.dnp3.config import Dnp3Device
from protocols.dnp3.decode import Header, decode
from protocols.dnp3.inbox import Inbox, Index
from protocols.dnp3.link import Link
from protocols.dnp3.notes import Notes
from protocols.dnp3.requests import (
    CLEAR_RESTART,
    DISABLE_UNSOLICITED,
    ENABLE_UNSOLICITED,
    EVENTS,
    INTEGRITY,
    Request,
    read_all,
)
from protocols.dnp3.session import Session
from protocols.dnp3.timesync import TimeSync
from protocols.driver import LinkLost, Outside
from protocols.model import Batch, Event, EventKind, Rows
from protocols.points import Points

EVENT_CLASSES: Final = 0x000E
NEED_TIME: Final = 0x0010
TROUBLE: Final = 0x0040
RESTART: Final = 0x0080
UNKNOWN_FUNCTION: Final = 0x0100
OBJECT_UNKNOWN: Final = 0x0200
PARAMETER_ERROR: Final = 0x0400
OVERFLOW: Final = 0x0800
CORRUPT: Final = 0x2000
TOLD: Final = {
    TROUBLE: (EventKind.FAULT, "device trouble (IIN 1.6)"),
    OVERFLOW: (EventKind.OVERFLOW, "its event buffer overflowed (IIN 2.3); events are lost there"),
    CORRUPT: (EventKind.FAULT, "configuration corrupt (IIN 2.5)"),
}
REFUSALS: Final = {
    UNKNOWN_FUNCTION: "function not supported (IIN 2.0)",
    OBJECT_UNKNOWN: "object unknown (IIN 2.1)",
    PARAMETER_ERROR: "parameter error (IIN 2.2)",
}

MOST_EVENT_POLLS: Final = 8
"""Event polls in a row while the outstation says that it has more; then the others on the link have their turn."""
NAMED_POINTS: Final = 4
"""Most points an event names one by one."""


class Outstation:
    """Reads one outstation over the link that it is given."""

    def __init__(self, device: Dnp3Device, points: Points, outside: Outside) -> None:
        self.device = device
        self.notes = Notes(device.name, outside.clock)
        self._points, self._outside = points, outside
        self._inbox = Inbox(Index(points.rows_of[device.name], device.points))
        self._clock = ClockWatch()
        self._time_sync = TimeSync(device.time_sync, outside)
        self._session: Session | None = None
        self._started = self._incomplete = False
        self._explicit: tuple[int, ...] = ()
        self._asked_explicitly = False
        self._refused: Rows | None = None
        self._known_iin = 0
        self._octets: dict[int, bytes] = {}
        self._content_delay_ms: int | None = None

    @property
    def rows(self) -> Rows:
        """The rows of its points."""
        return self._inbox.points.rows

    def connected(self, link: Link) -> None:
        """Begin anew over `link`; what was received before and not fetched stays."""
        last = self._session.last_unsolicited if self._session else b""
        self._session = Session(link, self.device.outstation, self.device.master, self._take, last=last)
        self._started, self._asked_explicitly, self._known_iin = False, False, 0
        self.notes.reconnected()

    async def integrity(self, timeout_s: float) -> list[Batch]:
        """Read everything, after the start-up where it is due; return the state of all points.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        if not self._started:
            return await self._start_up(timeout_s)
        state = await self._everything(timeout_s)
        if self._restarted:
            return [*self._inbox.fetch(), *await self._start_up(timeout_s)]
        self._tell_indications()
        await self._synchronise(timeout_s)
        return [*self._inbox.fetch(), state]

    async def events(self, timeout_s: float) -> list[Batch]:
        """Poll events, as long as there are more.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        for _ in range(MOST_EVENT_POLLS):
            iin = await self._ask(EVENTS, timeout_s)
            if not iin & EVENT_CLASSES or not self._inbox.room:
                break
        return [*await self._react(timeout_s), *self._inbox.fetch()]

    async def drain(self, timeout_s: float) -> list[Batch]:
        """Hand out what came by itself, and do what it asks for; a silent outstation is asked whether it lives.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        session = self._live()
        if self._inbox.waiting:
            return self._inbox.fetch()
        if not session.alive:
            return await self.events(timeout_s) if self._started else await self._start_up(timeout_s)
        if session.silent_s >= self.device.keepalive_s:
            await session.keep_alive(timeout_s)
        if session.news and session.iin & EVENT_CLASSES:
            return await self.events(timeout_s)
        return await self._react(timeout_s)

    def fetch(self) -> list[Batch]:
        """Hand out what was received already."""
        return self._inbox.fetch()

    def take_notes(self) -> list[Event]:
        """Hand out what is to be said."""
        session = self._session
        if session is not None:
            if session.late:
                self.notes.say(EventKind.LATE, f"{session.late} late answers dropped")
                session.late = 0
            if session.refused_room:
                text = f"no room for {session.refused_room} responses; not confirmed, so they come again"
                self.notes.say(EventKind.OVERFLOW, text)
                session.refused_room = 0
            if session.authentication:
                self.notes.once(EventKind.REFUSED, "it asks for secure authentication, which is not supported")
        return self.notes.take()

    # requests

    def _live(self) -> Session:
        if self._session is None:
            raise LinkLost("not connected")
        return self._session

    async def _ask(self, request: Request, timeout_s: float) -> int:
        return await self._live().request(request, timeout_s)

    @property
    def _restarted(self) -> bool:
        return bool(self._live().iin & RESTART & ~self._known_iin)

    async def _start_up(self, timeout_s: float) -> list[Batch]:
        self._started = False
        await self._ask(DISABLE_UNSOLICITED, timeout_s)
        await self._acknowledge_restart(timeout_s)
        state = await self._everything(timeout_s)
        if self.device.unsolicited:
            self._tell_refusal(ENABLE_UNSOLICITED, await self._ask(ENABLE_UNSOLICITED, timeout_s))
        self._started = True
        self._tell_indications()
        await self._synchronise(timeout_s)
        return [*self._inbox.fetch(), state]

    async def _everything(self, timeout_s: float) -> Batch:
        """Poll classes 1, 2, 3, 0, and by their groups the points that are in no class."""
        self._incomplete = True
        self._inbox.begin_integrity()
        self._tell_refusal(INTEGRITY, await self._ask(INTEGRITY, timeout_s))
        await self._ask_groups(timeout_s)
        self._incomplete = False
        self._tell_missing(self._inbox.missing())
        return self._inbox.end_integrity(self._outside.clock())

    async def _ask_groups(self, timeout_s: float) -> None:
        """Class 0 need not hold every point (5.1.4.2): ask the groups of what is missing, and remember which helped."""
        if self._asked_explicitly:
            for group in self._explicit:
                await self._ask(read_all(group), timeout_s)
            return
        helped = []
        for group in self._inbox.missing_groups():
            before = len(self._inbox.missing())
            await self._ask(read_all(group), timeout_s)
            if len(self._inbox.missing()) < before:
                helped.append(group)
        self._explicit, self._asked_explicitly = tuple(helped), True

    async def _react(self, timeout_s: float) -> list[Batch]:
        """Do what the newest indications ask for, and an integrity poll that was broken off.

        Returns the state of all points where it was read.
        """
        if self._restarted:
            return await self._start_up(timeout_s)
        told = self._tell_indications()
        await self._synchronise(timeout_s)
        if told & OVERFLOW or self._incomplete:
            return [*self._inbox.fetch(), await self._everything(timeout_s)]
        return []

    def _tell_indications(self) -> int:
        """Say which indications are newly up, and return them."""
        session = self._live()
        new = session.raised & ~self._known_iin
        self._known_iin, session.raised = session.iin, 0
        for bit, (kind, text) in TOLD.items():
            if new & bit:
                self.notes.say(kind, text)
        return new

    async def _acknowledge_restart(self, timeout_s: float) -> None:
        if self._live().iin & RESTART:
            self.notes.say(EventKind.RESTART, "it has restarted (IIN 1.7)")
            iin = await self._ask(CLEAR_RESTART, timeout_s)
            if iin & RESTART:
                self.notes.once(EventKind.REFUSED, "it does not let its restart indication be cleared")

    async def _synchronise(self, timeout_s: float) -> None:
        session = self._live()
        if not session.iin & NEED_TIME:
            self._time_sync.content()
            return
        said = await self._time_sync.run(session, lambda: self._content_delay_ms, timeout_s)
        if said:
            self.notes.say(EventKind.CLOCK, said)

    # what comes

    def _take(self, header: Header, fragment: bytes) -> bool:
        if not self._inbox.room:
            return False
        content = decode(fragment, untrusted=bool(header.iin & NEED_TIME))
        now = self._outside.clock()
        self._inbox.take(content.readings, now)
        self._content_delay_ms = content.delay_ms
        for text in content.violations:
            self.notes.once(EventKind.VIOLATION, text)
        for text in content.refused:
            self.notes.once(EventKind.REFUSED, text)
        if self._outside.synchronised():
            off = self._clock.observe(content.readings, now, int(self.device.events_every_s * 1e9))
            if off:
                self.notes.say(EventKind.CLOCK, off)
        for readings in content.readings:
            if readings.octets:
                rows, kept = self._inbox.points.lookup("octets", readings.index)
                self._tell_octets(rows.tolist(), [readings.octets[position] for position in kept])
        return True

    def _tell_octets(self, rows: Sequence[int], octets: Sequence[bytes]) -> None:
        """An octet string is no number: say it, and whenever it changes."""
        for row, found in zip(rows, octets, strict=True):
            if self._octets.get(row) != found:
                self._octets[row] = found
                text = found.rstrip(b"\0").decode("utf-8", "backslashreplace")
                self.notes.say(EventKind.IDENTITY, f"{self._points.names[row]}: {text!r}", [row])

    def _tell_missing(self, missing: Rows) -> None:
        before = set() if self._refused is None else set(self._refused.tolist())
        now = set(missing.tolist())
        if gone := sorted(now - before):
            self.notes.say(EventKind.REFUSED, f"{self._label(gone)}: the outstation does not have it", gone)
        if back := sorted(before - now):
            self.notes.say(EventKind.ACCEPTED, f"{self._label(back)}: answers again", back)
        self._refused = missing

    def _tell_refusal(self, request: Request, iin: int) -> None:
        for bit, text in REFUSALS.items():
            if iin & bit:
                self.notes.once(EventKind.REFUSED, f"{request.text}: {text}")

    def _label(self, rows: Sequence[int]) -> str:
        named = [f"{self.device.points[row - int(self.rows[0])].address} ({self._points.names[row]})" for row in rows]
        more = f" and {len(rows) - NAMED_POINTS} more" if len(rows) > NAMED_POINTS else ""
        return ", ".join(named[:NAMED_POINTS]) + more
