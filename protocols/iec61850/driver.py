"""The IEC 61850 driver: one IED over one association.

What can be had by a buffered report comes by it, then by an unbuffered one, then by reading a data set, and what is
left by reading variables, many at once. A scan for each scan class reads; a drain hands on the reports.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray
from open61850.mms.pdu import ObjectName

from protocols.driver import LinkLost, Outside, Scan
from protocols.iec61850.blocks import Block, Busy, data_set
from protocols.iec61850.codec import Refusal, Report
from protocols.iec61850.config import OBJECT, Iec61850Device, Iec61850Point
from protocols.iec61850.feed import Outdated
from protocols.iec61850.layout import Image, Wanted
from protocols.iec61850.notes import Notes
from protocols.iec61850.polled import Batch as Asked
from protocols.iec61850.polled import batches, fetch, variables
from protocols.iec61850.questions import Questions, together
from protocols.iec61850.report import taken
from protocols.iec61850.session import Session
from protocols.iec61850.transport import Violation
from protocols.model import Batch, Bookmark, Event, EventKind, Read, Rows
from protocols.points import Points

DRAIN_S: Final = 0.05
"""How long a report waits at most before it is handed on."""
RETRY_BLOCK_S: Final = 30.0
"""How often a block that somebody else has is tried again; its points are read meanwhile."""
POINTS_A_REQUEST: Final = 50
"""For the number of round trips, as long as the size of messages is not agreed."""
FAREWELL_S: Final = 0.2
"""Giving blocks back may take no longer: the poller waits 0.3 s for the whole goodbye."""
NS: Final = 1_000_000_000


class Iec61850Driver:
    """Reads `device`."""

    def __init__(self, device: Iec61850Device, points: Points, outside: Outside) -> None:
        self._device, self._points, self._clock = device, points, outside.clock
        rows = np.array(points.rows_of[device.name], np.int32)
        self._first = int(rows[0]) if len(rows) else 0
        self._scale, self._offset = (
            np.array([getattr(points.configs[row], key) for row in rows]) for key in ("scale", "offset")
        )
        self._wanted = [_wanted(place, points.configs[row]) for place, row in enumerate(rows)]
        self._entries = {key: value for (name, key), value in outside.bookmarks.items() if name == device.name}
        self._notes = Notes(device.name, points, outside.clock)
        self._image = Image(len(rows))
        self._blocks = [Block(report, device.reserve_s) for report in device.reports]
        self._session: Session | None = None
        self._prepared = self._silent = False
        self._retry_at = 0.0
        self._missing: dict[int, str] = {}
        self._plans: list[list[Asked]] = []
        every_s = np.array([points.configs[row].every_s or device.every_s for row in rows], np.float64)
        self._scans = tuple(_scans(device, rows, every_s))
        self._classes = [frozenset((scan.rows - self._first).tolist()) for scan in self._scans[:-1]]

    @property
    def scans(self) -> Sequence[Scan]:
        """One for each scan class, and one that hands on reports."""
        return self._scans

    async def connect(self) -> Sequence[Event]:
        """Associate, after ending the association before. What the device has is learned with the first read.

        Raises:
            OSError, LinkLost: nobody answers, not in this protocol, or not to us.
        """
        await self.close()
        try:
            self._session = session = await Session.open(self._device)
            with self._ending(session):
                self._notes.identity(await Questions(session, self._device.timeout_s).identity())
        except LinkLost as lost:
            if not lost.events and str(lost).startswith("violation"):
                self._notes.say(EventKind.VIOLATION, str(lost))
            raise LinkLost(str(lost), [*lost.events, *self._notes.take()]) from None
        self._prepared = self._silent = False
        return self._notes.take()

    async def read(self, scan: Scan) -> Sequence[Read]:
        """Hand on the reports that came; where none did, or the scan has points of its own, ask.

        Reports are handed on by themselves: nothing is waited for between taking them and returning them, so that
        none is lost however this ends.

        Raises:
            TimeoutError: a request was not answered in `scan.timeout_s`.
            LinkLost: the association is over, and what it brought was handed on.
        """
        session = self._session
        if session is None:
            raise LinkLost("not connected")
        if session.reports and (scan.key == len(self._classes) or session.over is not None):
            return [*self._received(session), *self._notes.take()]
        try:
            asked = await self._ask(session, Questions(session, scan.timeout_s), scan)
        except TimeoutError:
            if session.full:  # it has answered, behind reports that it could not get rid of
                return [*self._received(session), *self._notes.take()]
            self._silent = True
            raise
        return [*asked, *self._notes.take()]

    async def _ask(self, session: Session, questions: Questions, scan: Scan) -> list[Read]:
        with self._ending(session):
            if session.over is not None:
                raise LinkLost(session.over)
            await self._make_sure(session, questions)
            if not self._prepared:
                await self._prepare(questions)
            await self._tend(session, questions)
            return await self._poll(questions, scan.key) if scan.key < len(self._classes) else []

    async def close(self) -> None:
        """Give blocks back and end the association; may be called twice."""
        session, self._session = self._session, None
        live = [block for block in self._blocks if block.live]
        try:
            if session is not None and session.over is None:
                questions = Questions(session, FAREWELL_S)
                with suppress(LinkLost, TimeoutError, Violation):
                    async with asyncio.timeout(FAREWELL_S):
                        await together([block.release(questions) for block in live])
                    session.conclude()
        finally:
            for block in self._blocks:
                block.lost()
            if session is not None:
                await session.close()

    # what the device has

    async def _prepare(self, questions: Questions) -> None:
        """Learn what there is, take the blocks, and plan what is read."""
        await self._take_blocks(questions)
        await self._plan(questions)
        self._prepared = True
        self._retry_at = _now() + RETRY_BLOCK_S

    async def _take_blocks(self, questions: Questions) -> None:
        """Take the blocks that are not ours yet, buffered ones first."""
        covered = {place for block in self._blocks for place in block.covered}
        found = [(await block.instances(questions), block) for block in self._blocks if not block.live]
        for instances, block in sorted(found, key=lambda each: not each[0] or not each[0][0].startswith("BR")):
            try:
                wanted = [each for each in self._wanted if each.place not in covered]
                await block.take(questions, instances, wanted, self._entries, now=_now())
            except Busy as busy:
                self._give_up(block, busy)
            else:
                self._notes.granted(block.config.block)
            covered |= block.covered
            self._note_remarks(block)

    async def _plan(self, questions: Questions) -> None:
        """Plan what is read in each scan class: what no block brings."""
        if not self._classes:
            return
        image = self._image
        image.refused.clear()
        left = {each.place: each for each in self._wanted}
        for block in self._blocks:
            for place in block.covered:
                left.pop(place, None)
        main = min(range(len(self._classes)), key=lambda key: self._scans[key].every_s)
        plans: list[list[Asked]] = [[] for _ in self._classes]
        for name in self._device.data_sets:
            match = OBJECT.fullmatch(name)
            assert match is not None
            reference = ObjectName(f"{match[2]}${match[3]}", match[1])
            found = await data_set(questions, reference, list(left.values()))
            if isinstance(found, Refusal):
                self._notes.refusal(name, f"data set {name}: {found}")
                continue
            asked = Asked.of_data_set(reference, found)
            if asked.places:
                plans[main].append(asked)
            for place in asked.places:
                left.pop(place)
        await questions.learn([each.path for each in left.values()])
        for plan, places in zip(plans, self._classes, strict=True):
            own = [each for each in left.values() if each.place in places]
            plan.extend(batches(variables(questions, own, image), questions.max_pdu))
        self._missing = dict(image.refused)
        self._plans = plans

    async def _make_sure(self, session: Session, questions: Questions) -> None:
        """Ask a device that is silent whether it is there, before anything else."""
        if session.late:
            self._notes.say(EventKind.LATE, f"{session.late} late answers dropped")
            session.late = 0
        if self._silent or _now() - session.heard > self._device.heartbeat_s:
            self._silent = True
            await questions.identity()
            self._silent = False

    async def _tend(self, session: Session, questions: Questions) -> None:
        """Do what blocks need, and try again those that we have not."""
        for block in (each for each in self._blocks if each.live):
            try:
                await block.tend(questions, now=_now(), quiet=not session.reports)
            except Busy as busy:
                self._give_up(block, busy)
                await self._plan(questions)
            self._note_remarks(block)
        if _now() >= self._retry_at and not all(block.live for block in self._blocks):
            self._retry_at = _now() + RETRY_BLOCK_S
            before = [block.live for block in self._blocks]
            await self._take_blocks(questions)
            if [block.live for block in self._blocks] != before:
                await self._plan(questions)

    # readings

    async def _poll(self, questions: Questions, key: int) -> list[Read]:
        image, plan = self._image, self._plans[key]
        image.refused = dict(self._missing)
        smaller = [each for asked in plan for each in await fetch(questions, asked, image)]
        self._plans[key] = smaller
        covered = {place for block in self._blocks for place in block.covered}
        elsewhere = {place for other in self._plans if other is not plan for asked in other for place in asked.places}
        places = (self._classes[key] - covered - elsewhere).union(*(asked.places for asked in smaller))
        self._notes.refusals(places, image.refused)
        return [self._batch(sorted(places), self._clock())] if places else []

    def _received(self, session: Session) -> list[Read]:
        """Return what the reports say that wait, in the order they came, and what the device wants remembered."""
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
        self._entries.update(marks)
        return [*seen, *(Bookmark(self._device.name, key, value) for key, value in marks.items())]

    def _receive(self, each: Report, marks: dict[str, bytes]) -> Iterable[Read]:
        seen = taken(each)
        block = next((block for block in self._blocks if block.is_of(seen)), None)
        if block is None:
            return ()
        now_ns, image = self._clock(), self._image
        image.refused.clear()
        outcome = block.feed.receive(seen, image, now_ns)
        if outcome.bookmark is not None:
            marks[block.key] = outcome.bookmark
        for lost in outcome.lost:
            self._notes.say(EventKind.OVERFLOW, lost)
        if outcome.ahead_ns is not None:
            self._notes.clock(outcome.ahead_ns / NS)
        self._notes.refusals(outcome.places, image.refused)
        return (self._batch(outcome.places, now_ns),) if outcome.places else ()

    def _batch(self, places: list[int], arrival_ns: int) -> Batch:
        at = np.array(places, np.int32)
        values, quality, times = self._image.taken(places)
        rows: Rows = at + np.int32(self._first)
        return Batch(rows, values * self._scale[at] + self._offset[at], quality, times, arrival_ns)

    def _note_remarks(self, block: Block) -> None:
        for key, text in block.remarks:
            self._notes.refusal(key, text) if key else self._notes.say(EventKind.OVERFLOW, text)
        block.remarks.clear()

    def _give_up(self, block: Block, busy: Busy) -> None:
        """Go on without a block, until it is tried again."""
        block.lost()
        self._notes.refusal(block.config.block, str(busy))

    @contextmanager
    def _ending(self, session: Session) -> Iterator[None]:
        """Turn what ends the association into LinkLost, with everything there is to say."""
        try:
            yield
        except Violation as violation:
            session.break_off(str(violation), violation=True)
            raise LinkLost(session.over or "", self._farewell(session)) from None
        except LinkLost as lost:
            raise LinkLost(str(lost), self._farewell(session)) from None

    def _farewell(self, session: Session) -> list[Event]:
        if session.violation is not None:
            self._notes.say(EventKind.VIOLATION, session.violation)
            session.violation = None
        return self._notes.take()


def _wanted(place: int, point: object) -> Wanted:
    assert isinstance(point, Iec61850Point)
    return Wanted(point.place.path, place, point.kind == "bool")


def _scans(device: Iec61850Device, rows: Rows, every_s: NDArray[np.float64]) -> Iterator[Scan]:
    keys = np.unique(every_s)
    for key, each in enumerate(keys):
        of_class = rows[every_s == each]
        yield Scan(key, device.name, float(each), of_class, 1 + len(of_class) // POINTS_A_REQUEST, device.timeout_s)
    yield Scan(len(keys), device.name, DRAIN_S, np.empty(0, np.int32), 1, device.timeout_s)


def _now() -> float:
    return asyncio.get_running_loop().time()
