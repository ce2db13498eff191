"""The report control blocks of one IED: taken, tried again, tended, given back; and what their reports bring."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from protocols.driver import Clock
from protocols.iec61850.block import Block, Busy
from protocols.iec61850.codec import Report
from protocols.iec61850.config import Iec61850Device
from protocols.iec61850.feed import Outdated
from protocols.iec61850.questions import Questions, together
from protocols.iec61850.readings import Readings
from protocols.iec61850.remarks import Remarks
from protocols.iec61850.report import taken
from protocols.iec61850.session import Session
from protocols.iec61850.transport import Violation
from protocols.model import Bookmark, EventKind, Read
from protocols.notes import Notes

RETRY_BLOCK_S: Final = 30.0
"""How often a block that somebody else has is tried again; its points are read meanwhile."""
NS: Final = 1_000_000_000


class Blocks:
    """The blocks of `device`, in the order of the configuration.

    `covered` are the points that those bring which are ours: another set when it changes. `entries` are the last ones
    taken from each, by its name.
    """

    def __init__(
        self,
        device: Iec61850Device,
        readings: Readings,
        remarks: Remarks,
        *,
        notes: Notes,
        clock: Clock,
        bookmarks: Mapping[tuple[str, str], bytes],
    ) -> None:
        self.configured = [Block(report, device.reserve_s) for report in device.reports]
        self.covered: frozenset[int] = frozenset()
        self.entries = {key: value for (name, key), value in bookmarks.items() if name == device.name}
        self._device = device.name
        self._readings, self._remarks, self._notes, self._clock = readings, remarks, notes, clock
        self._tried = False
        self._retry_at = 0.0

    def lost(self) -> None:
        """The association is over."""
        for block in self.configured:
            block.lost()
        self.covered = frozenset()
        self._tried = False

    async def release(self, questions: Questions) -> None:
        """Give back those that are ours.

        Raises:
            TimeoutError, LinkLost, Violation: as `Questions`.
        """
        await together([block.release(questions) for block in self._live()])

    async def tend(self, session: Session, questions: Questions) -> None:
        """Do what blocks need, and try those that we have not, now and then.

        Raises:
            TimeoutError, LinkLost, Violation: as `Questions`.
        """
        if not self._tried:
            await self._take(questions)
            self._tried = True
            self._retry_at = _now() + RETRY_BLOCK_S
        for block in self._live():
            try:
                await block.tend(questions, now=_now(), quiet=not session.reports)
            except Busy as busy:
                self._give_up(block, busy)
                self._count()
            self._note_remarks(block)
        if _now() >= self._retry_at and len(self._live()) < len(self.configured):
            self._retry_at = _now() + RETRY_BLOCK_S
            await self._take(questions)

    def receive(self, session: Session) -> list[Read]:
        """Return what the reports say that wait, in the order they came, and what the device wants remembered.

        One that does not fit ends the session; what came before it is returned.
        """
        seen: list[Read] = []
        marks: dict[str, bytes] = {}
        try:
            for each in session.take_reports():
                seen.extend(self._receive(each, marks))
        except Violation as violation:
            session.break_off(str(violation), violation=True)
        except Outdated as outdated:
            self._notes.say(EventKind.IDENTITY, str(outdated))
            session.break_off(str(outdated), violation=False)
        self.entries.update(marks)
        return [*seen, *(Bookmark(self._device, key, value) for key, value in marks.items())]

    async def _take(self, questions: Questions) -> None:
        """Take the blocks that are not ours yet, buffered ones first."""
        found = [(await block.instances(questions), block) for block in self.configured if not block.live]
        for instances, block in sorted(found, key=lambda each: not each[0] or not each[0][0].startswith("BR")):
            try:
                wanted = [each for each in self._readings.wanted if each.place not in self.covered]
                await block.take(questions, instances, wanted, self.entries, now=_now())
            except Busy as busy:
                self._give_up(block, busy)
            else:
                self._remarks.granted(block.config.block)
                self._remarks.part(f"{block.key} ConfRev", block.revision)
            finally:
                self._count()
            self._note_remarks(block)

    def _receive(self, each: Report, marks: dict[str, bytes]) -> Iterable[Read]:
        seen = taken(each)
        block = next((block for block in self.configured if block.is_of(seen)), None)
        if block is None:
            return ()
        now_ns, image = self._clock(), self._readings.image
        image.refused.clear()
        outcome = block.feed.receive(seen, image, now_ns)
        if outcome.bookmark is not None:
            marks[block.key] = outcome.bookmark
        for lost in outcome.lost:
            self._notes.say(EventKind.OVERFLOW, lost)
        if outcome.back:
            self._notes.sight(EventKind.ORPHAN, outcome.lost[0], function="report", why="sequence")
        if outcome.ahead_ns is not None:
            self._remarks.clock(outcome.ahead_ns / NS)
        self._remarks.refusals(outcome.places, image.refused)
        return (self._readings.batch(outcome.places, now_ns),) if outcome.places else ()

    def _live(self) -> list[Block]:
        return [block for block in self.configured if block.live]

    def _count(self) -> None:
        covered = frozenset(place for block in self._live() for place in block.covered)
        if covered != self.covered:
            self.covered = covered

    def _give_up(self, block: Block, busy: Busy) -> None:
        """Go on without a block, until it is tried again."""
        block.lost()
        self._remarks.refusal(block.config.block, str(busy))

    def _note_remarks(self, block: Block) -> None:
        for key, text in block.remarks:
            self._remarks.refusal(key, text) if key else self._notes.say(EventKind.OVERFLOW, text)
        block.remarks.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
