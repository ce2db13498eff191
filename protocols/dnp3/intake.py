"""What an outstation says, taken apart: readings go to the inbox, what they leave unsaid to the notes."""

from protocols.dnp3.clock import ClockWatch
from protocols.dnp3.config import Dnp3Device
from protocols.dnp3.custody import Custody
from protocols.dnp3.decode import CON, FIN, HEADER_OCTETS, Content, Header, Readings, decode
from protocols.dnp3.inbox import Inbox
from protocols.dnp3.indications import EVENT_CLASSES, NEED_TIME
from protocols.dnp3.remarks import Remarks
from protocols.dnp3.session import Taken
from protocols.dnp3.timesync import Delay
from protocols.driver import Outside
from protocols.model import EventKind
from protocols.notes import Notes
from protocols.points import Points


class Intake:
    """Takes the fragments of one outstation.

    `delay` is what the last of them said of its delay, and when it came; `attributes` all that was told of the device.
    """

    def __init__(
        self, device: Dnp3Device, points: Points, outside: Outside, *, inbox: Inbox, custody: Custody, notes: Notes
    ) -> None:
        self.delay: Delay | None = None
        self.attributes: dict[str, str] = {}
        self.remarks = Remarks(notes, inbox.points, points.names, device.points)
        self._inbox, self._custody, self._notes, self._outside = inbox, custody, notes, outside
        self._clock = ClockWatch()
        self._usual_delay_ns = int(device.events_every_s * 1e9)

    def take(self, header: Header, fragment: bytes) -> Taken:
        """Take a fragment; one whose events find no room is left alone, so that they come again."""
        content = decode(fragment, untrusted=bool(header.iin & NEED_TIME))
        events, to_confirm = [each for each in content.readings if each.group.event], bool(header.control & CON)
        if events and (not self._inbox.room or (to_confirm and self._custody.held)):
            return Taken.REFUSED
        known = bool(events) and self._known(fragment, events)
        now_ns = self._outside.clock()
        kept = self._inbox.take(content.readings, now_ns, known=known)
        self._note(content, now_ns)
        if not (kept and to_confirm):
            return Taken.WHOLE
        more = bool(header.iin & EVENT_CLASSES) or not header.control & FIN
        self._inbox.follow(self._custody.hold(fragment, urgent=more))
        return Taken.HELD

    def _known(self, fragment: bytes, events: list[Readings]) -> bool:
        """Whether the very same events are on disk: our confirm came too late for them. Their times tell."""
        return fragment[HEADER_OCTETS:] == self._custody.stored and all(each.time_ns.all() for each in events)

    def _note(self, content: Content, now_ns: int) -> None:
        self.delay = None if content.delay_ms is None else Delay(content.delay_ms, now_ns)
        self.attributes |= content.attributes
        for text in content.violations:
            self._notes.once(EventKind.VIOLATION, text)
        for text in content.refused:
            self._notes.once(EventKind.REFUSED, text)
        for readings in content.readings:
            if readings.octets:
                self.remarks.octets(readings)
        if self._outside.synchronised():
            off = self._clock.observe(content.readings, now_ns, self._usual_delay_ns)
            if off:
                self._notes.say(EventKind.CLOCK, off)
            if (offset_s := self._clock.take_offset()) is not None:
                self._notes.sight(EventKind.CLOCK, "time of the newest event", offset_s=offset_s)
