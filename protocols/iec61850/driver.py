"""The IEC 61850 driver: one IED over one association.

What can be had by a buffered report comes by it, then by an unbuffered one, then by reading a data set, and what is
left by reading variables, many at once. A scan for each scan class reads; a drain hands on the reports.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np

from protocols.demand import Demand
from protocols.driver import LinkLost, Outside, Scan
from protocols.iec61850.attributes import Attributes
from protocols.iec61850.blocks import Blocks
from protocols.iec61850.config import Iec61850Device
from protocols.iec61850.plan import Plan
from protocols.iec61850.questions import Questions
from protocols.iec61850.readings import Readings
from protocols.iec61850.remarks import Remarks
from protocols.iec61850.session import Session
from protocols.iec61850.transport import Violation
from protocols.model import Event, EventKind, Read
from protocols.notes import Notes
from protocols.points import Points

DRAIN_S: Final = 0.05
"""How long a report waits at most before it is handed on."""
POINTS_A_REQUEST: Final = 50
"""For the number of round trips, as long as the size of messages is not agreed."""
PLATES_AGAIN_S: Final = 6 * 3600.0
"""How often name plates are read again: firmware and configuration may change while the association stays."""
NAME_PLATE: Final = "LLN0$DC$NamPlt"
PLATE: Final = ("vendor", "swRev", "configRev")
"""Of the common data class LPL (IEC 61850-7-3 clause 7.9.3)."""
MOST_TEXT: Final = 64
"""Characters of each."""
FAREWELL_S: Final = 0.2
"""Giving blocks back may take no longer: the poller waits 0.3 s for the whole goodbye."""


class Iec61850Driver:
    """Reads `device`."""

    def __init__(self, device: Iec61850Device, points: Points, outside: Outside) -> None:
        self._device = device
        self._notes = Notes(device.name, outside.clock, host=device.host, protocol="mms")
        readings = Readings(points, points.rows_of[device.name])
        self._remarks = Remarks(self._notes, points, readings.first)
        self._blocks = Blocks(
            device, readings, self._remarks, notes=self._notes, clock=outside.clock, bookmarks=outside.bookmarks
        )
        self._scans = tuple(_scans(device, points))
        classes = [frozenset((scan.rows - readings.first).tolist()) for scan in self._scans[:-1]]
        self._plan = Plan(device, readings, self._remarks, clock=outside.clock, classes=classes)
        self._session: Session | None = None
        self._silent = False
        self._plates_at = 0.0
        self._devices = sorted({point.place.path[0] for point in device.points})

    @property
    def scans(self) -> Sequence[Scan]:
        """One for each scan class, and one that hands on reports."""
        return self._scans

    @property
    def demands(self) -> Sequence[Demand]:
        """What the device is asked and tells, in octets."""
        from protocols.iec61850.demand import demands  # noqa: PLC0415 - for planning only

        return list(demands(self._device))

    async def connect(self) -> Sequence[Event]:
        """Associate, after ending the association before. What the device has is learned with the first read.

        Raises:
            OSError, LinkLost: nobody answers, not in this protocol, or not to us.
        """
        await self.close()
        try:
            self._session = session = await Session.open(self._device)
            with self._ending(session):
                self._remarks.identity(await Questions(session, self._device.timeout_s).identity())
                self._notes.opened(session.certificate)
        except LinkLost as lost:
            if not lost.events and str(lost).startswith("violation"):
                self._notes.say(EventKind.VIOLATION, str(lost))
            raise LinkLost(str(lost), [*lost.events, *self._notes.take()]) from None
        self._plan.covered, self._silent, self._plates_at = None, False, 0.0
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
        if session.reports and (not len(scan.rows) or session.over is not None):
            return [*self._blocks.receive(session), *self._notes.take()]
        try:
            asked = await self._ask(session, Questions(session, scan.timeout_s), scan)
        except TimeoutError:
            if session.full:  # it has answered, behind reports that it could not get rid of
                return [*self._blocks.receive(session), *self._notes.take()]
            self._silent = True
            raise
        return [*asked, *self._notes.take()]

    async def close(self) -> None:
        """Give blocks back and end the association; may be called twice."""
        session, self._session = self._session, None
        try:
            if session is not None and session.over is None:
                with suppress(LinkLost, TimeoutError, Violation):
                    async with asyncio.timeout(FAREWELL_S):
                        await self._blocks.release(Questions(session, FAREWELL_S))
                    session.conclude()
        finally:
            self._blocks.lost()
            if session is not None:
                await session.close()

    async def _ask(self, session: Session, questions: Questions, scan: Scan) -> list[Read]:
        with self._ending(session):
            if session.over is not None:
                raise LinkLost(session.over)
            await self._make_sure(session, questions)
            await self._read_plates(questions)
            await self._blocks.tend(session, questions)
            if self._plan.covered is not self._blocks.covered:
                await self._plan.make(questions, self._blocks.covered)
            return await self._plan.read(questions, scan.key) if len(scan.rows) else []

    async def _make_sure(self, session: Session, questions: Questions) -> None:
        """Ask a device that is silent whether it is there, before anything else."""
        if session.late:
            self._notes.say(EventKind.LATE, f"{session.late} late answers dropped")
            session.late = 0
        now = asyncio.get_running_loop().time()
        if self._silent or now - session.heard > self._device.heartbeat_s:
            self._silent = True
            await questions.identity()
            self._silent = False

    async def _read_plates(self, questions: Questions) -> None:
        """Read the name plate of each logical device: at first, and again now and then."""
        now = asyncio.get_running_loop().time()
        if now < self._plates_at:
            return
        self._plates_at = now + PLATES_AGAIN_S
        for device in self._devices:
            plate = await Attributes.read(questions, device, NAME_PLATE, PLATE)
            for name in PLATE:
                self._remarks.part(f"{device} {name}", plate.text(name)[:MOST_TEXT])

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


def _scans(device: Iec61850Device, points: Points) -> Iterator[Scan]:
    key = 0
    for key, (every_s, rows) in enumerate(points.classes(device), 1):
        yield Scan(key - 1, device.name, every_s, rows, 1 + len(rows) // POINTS_A_REQUEST, device.timeout_s)
    yield Scan(key, device.name, DRAIN_S, np.empty(0, np.int32), 0, device.timeout_s)
