"""One outstation as its master treats it: the start-up, the polls, and what its internal indications ask for.

    start-up      disable unsolicited · integrity poll · enable unsolicited (if configured)
    IIN 1.7       restarted: clear the indication, then the whole start-up again
    IIN 1.4       needs the time: set it, where configuration and our own clock allow
    IIN 2.3       event buffer overflowed: events are gone there, so an integrity poll
    IIN 1.1-1.3   events of class 1, 2, 3 wait: poll them
    identity      after everything is read, where the configuration wants it

A request that the outstation does not support is said and left out; it is read all the same. Events are confirmed when
they are on disk; until then nothing is asked, but whether the link is alive.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from protocols.dnp3 import attributes
from protocols.dnp3.agenda import Agenda, Procedure
from protocols.dnp3.config import Dnp3Device
from protocols.dnp3.custody import Custody
from protocols.dnp3.inbox import Inbox, Index
from protocols.dnp3.indications import (
    EVENT_CLASSES,
    NEED_TIME,
    OVERFLOW,
    REFUSED,
    RESTART,
    UNKNOWN_FUNCTION,
    Indications,
)
from protocols.dnp3.intake import Intake
from protocols.dnp3.link import Link
from protocols.dnp3.requests import (
    CLEAR_RESTART,
    DISABLE_UNSOLICITED,
    ENABLE_UNSOLICITED,
    EVENTS,
    INTEGRITY,
    read_all,
)
from protocols.dnp3.session import Session
from protocols.dnp3.timesync import TimeSync
from protocols.driver import LinkLost, Outside
from protocols.model import Batch, Event, EventKind, Receipt, Rows
from protocols.notes import Notes
from protocols.points import Points

Brought: TypeAlias = list[Batch | Receipt]
"""Readings in their order, and behind events the receipt for them."""

IDENTIFY_AGAIN_NS: Final = 6 * 3_600_000_000_000
"""How often it is asked who it is: firmware may be loaded without an end of the conversation."""
MOST_BROKEN_OFF: Final = 3
"""So often it may fall silent, or end the link, when it is asked who it is; then it is left in peace."""
MOST_EVENT_POLLS: Final = 8
"""Event polls in a row while the outstation says that it has more; then the others on the link have their turn."""


class Outstation:
    """Reads one outstation over the link that it is given."""

    def __init__(self, device: Dnp3Device, points: Points, outside: Outside) -> None:
        self.device = device
        self.notes = notes = Notes(device.name, outside.clock, host=device.host, protocol="dnp3")
        self._clock = outside.clock
        self._inbox = inbox = Inbox(Index(points.rows_of[device.name], device.points))
        self._custody = custody = Custody(self._settled)
        self._intake = Intake(device, points, outside, inbox=inbox, custody=custody, notes=notes)
        self._indications = Indications(notes)
        self._time_sync = TimeSync(device.time_sync, outside)
        self._session: Session | None = None
        self._agenda: Agenda | None = None
        self._started = self._incomplete = self._stuck = False
        self._ran = False
        """Whether it was seen without its restart indication, so that another one is news."""
        self._explicit: tuple[int, ...] | None = None
        self._identified_ns: int | None = None
        self._broken_off = 0

    @property
    def rows(self) -> Rows:
        """The rows of its points."""
        return self._inbox.points.rows

    def connected(self, link: Link) -> None:
        """Begin anew over `link`; what was received before and not fetched stays."""
        self._session = Session(link, self.device.outstation, self.device.master, self._intake.take, self._custody)
        self._agenda = Agenda(self._session)
        self._started, self._stuck, self._explicit, self._identified_ns = False, False, None, None
        self._indications.reconnected()
        self.notes.reconnected()

    async def integrity(self, timeout_s: float) -> Brought:
        """Read everything, after the start-up where it is due.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        return await self._carry_out(self._read_all, timeout_s)

    async def events(self, timeout_s: float) -> Brought:
        """Poll events, as long as there are more.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        return await self._carry_out(self._read_events, timeout_s)

    async def drain(self, timeout_s: float) -> Brought:
        """Hand out what came by itself, and do what it asks for; a silent outstation is asked whether it lives.

        Raises:
            TimeoutError, LinkLost: as `Session.request`.
        """
        session = self._live()
        if self._inbox.waiting:
            return self._inbox.fetch()
        if session.silent_s >= self.device.keepalive_s:
            await session.keep_alive(timeout_s)
        return await self._carry_out(self._look_after, timeout_s)

    def fetch(self) -> Brought:
        """Hand out what was received already."""
        return self._inbox.fetch()

    def take_notes(self) -> list[Event]:
        """Hand out what is to be said."""
        if news := self._custody.news():
            self.notes.say(EventKind.OVERFLOW, news)
        session = self._session
        if session is not None:
            if session.late:
                self.notes.say(EventKind.LATE, f"{session.late} late answers dropped")
                self.notes.sight(EventKind.ORPHAN, "late answers", count=session.late, why="late")
                session.late = 0
            if session.unasked:
                said = "unsolicited data, which the outstation has agreed not to send"
                self.notes.sight(EventKind.UNSOLICITED, said, function="1,2,3", count=session.unasked, enabled=False)
                session.unasked = 0
            if session.refused_room:
                text = f"no room for {session.refused_room} responses; not confirmed, so they come again"
                self.notes.say(EventKind.OVERFLOW, text)
                session.refused_room = 0
            if session.authentication:
                self.notes.once(EventKind.REFUSED, "it asks for secure authentication, which is not supported")
        return self.notes.take()

    # what is asked

    def _live(self) -> Session:
        if self._session is None:
            raise LinkLost("not connected")
        return self._session

    async def _carry_out(self, what: Callable[[], Procedure], timeout_s: float) -> Brought:
        if self._agenda is None:
            raise LinkLost("not connected")
        await self._agenda.work(what, timeout_s)
        return self._inbox.fetch()

    def _read_all(self) -> Procedure:
        if self._started:
            yield from self._everything()
        if not self._started or self._restarted:
            yield from self._start_up()
        else:
            self._tell_indications()
            yield from self._synchronise()
        yield from self._identify()

    def _read_events(self) -> Procedure:
        for _ in range(MOST_EVENT_POLLS):
            iin = yield EVENTS
            self._indications.refusal(EVENTS, iin)
            if not iin & EVENT_CLASSES or not self._inbox.room:
                break
        yield from self._react()

    def _look_after(self) -> Procedure:
        session = self._live()
        if not self._started:
            yield from self._start_up()
        elif not session.alive or (session.news and session.iin & EVENT_CLASSES):
            yield from self._read_events()
        else:
            yield from self._react()

    def _start_up(self) -> Procedure:
        self._started = False
        iin = yield DISABLE_UNSOLICITED
        self._live().silenced = not iin & REFUSED
        yield from self._acknowledge_restart()
        yield from self._everything()
        if self.device.unsolicited:
            self._live().silenced = False
            self._indications.refusal(ENABLE_UNSOLICITED, (yield ENABLE_UNSOLICITED))
        self._started = True
        self._tell_indications()
        yield from self._synchronise()

    def _identify(self) -> Procedure:
        """Ask who it is, where that is wanted and due; each part for itself."""
        now_ns, last_ns = self._clock(), self._identified_ns
        due = last_ns is None or not 0 <= now_ns - last_ns < IDENTIFY_AGAIN_NS
        if self.device.identify == "never" or not due or self._broken_off >= MOST_BROKEN_OFF:
            return
        self._identified_ns = now_ns
        self._broken_off += 1
        for request in attributes.REQUESTS:
            if (yield request) & UNKNOWN_FUNCTION:
                break
        self._broken_off = 0
        told = self._intake.attributes
        if told:
            self.notes.say(EventKind.IDENTITY, " ".join(told.values()))
        for what, value in told.items():
            self.notes.sight(EventKind.IDENTITY, value, function=what, value=value)

    def _everything(self) -> Procedure:
        """Poll classes 1, 2, 3, 0, and by their groups the points that are in no class."""
        self._incomplete = True
        self._inbox.begin_integrity()
        self._indications.refusal(INTEGRITY, (yield INTEGRITY))
        yield from self._ask_groups()
        self._incomplete = False
        self._intake.remarks.missing(self._inbox.missing())
        self._inbox.end_integrity(self._clock())

    def _ask_groups(self) -> Procedure:
        """Class 0 need not hold every point (5.1.4.2): ask the groups of what is missing, and remember which helped."""
        if self._explicit is not None:
            for group in self._explicit:
                yield read_all(group)
            return
        helped = []
        for group in self._inbox.missing_groups():
            before = len(self._inbox.missing())
            yield read_all(group)
            if len(self._inbox.missing()) < before:
                helped.append(group)
        self._explicit = tuple(helped)

    def _react(self) -> Procedure:
        """Do what the newest indications ask for, and an integrity poll that was broken off."""
        if self._restarted:
            yield from self._start_up()
            return
        told = self._tell_indications()
        yield from self._synchronise()
        if told & OVERFLOW or self._incomplete:
            yield from self._everything()

    def _acknowledge_restart(self) -> Procedure:
        if not self._live().iin & RESTART:
            self._ran = True
        else:
            self._tell_restart()
            iin = yield CLEAR_RESTART
            self._stuck = bool(iin & RESTART)
            self._ran = not self._stuck
            if self._stuck:
                self.notes.once(EventKind.REFUSED, "it does not let its restart indication be cleared")

    def _tell_restart(self) -> None:
        """Say it; of one that was never seen without, nobody knows when it was."""
        said = "it has restarted (IIN 1.7)"
        self.notes.say(EventKind.RESTART, said)
        self.notes.sight(EventKind.RESTART, said, function="IIN1.7", bit="IIN1.7", edge=self._ran)

    def _synchronise(self) -> Procedure:
        if not self._live().iin & NEED_TIME:
            self._time_sync.content()
            return
        said = yield from self._time_sync.run(lambda: self._intake.delay)
        if said:
            self.notes.say(EventKind.CLOCK, said)

    @property
    def _restarted(self) -> bool:
        return bool(self._live().iin & RESTART) and not self._stuck

    def _tell_indications(self) -> int:
        session = self._live()
        new, session.raised = self._indications.tell(session.raised, session.iin), 0
        return new

    def _settled(self, kept: bool) -> None:  # noqa: FBT001  as Receipt calls it
        if self._session is not None:
            self._session.settled(kept)
