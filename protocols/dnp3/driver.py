"""The DNP3 driver: the outstations behind one url, over one link.

Three scans for each: the integrity poll fills all its points; the event poll and the drain have no points of their own
and bring the readings of any, in the order in which they happened.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from protocols.demand import Demand
from protocols.dnp3.config import PORTS, SERIAL, Dnp3Device, serial_line
from protocols.dnp3.demand import demands
from protocols.dnp3.link import Link
from protocols.dnp3.outstation import Brought, Outstation
from protocols.driver import LinkLost, Outside, Scan
from protocols.model import Event, EventKind, Read, Rows
from protocols.points import Points
from protocols.serial import open_serial
from protocols.tcp import open_tcp

DRAIN_EVERY_S: Final = 0.05
"""How long an unsolicited event waits at most before it is handed on."""
FRAGMENT_POINTS: Final = 250
"""Points that a fragment of 2048 octets holds at least, for the number of round trips."""

Poll: TypeAlias = Callable[[float], Awaitable[Brought]]

_NO_ROWS: Final[Rows] = np.empty(0, np.int32)


class Dnp3Driver:
    """Reads `devices`, which share one url."""

    def __init__(self, devices: Sequence[Dnp3Device], points: Points, outside: Outside) -> None:
        self._devices = devices
        self._outstations = {device.name: Outstation(device, points, outside) for device in devices}
        self._link: Link | None = None
        self._polls: list[Poll] = []
        self._scans: list[Scan] = []
        for device in devices:
            outstation = self._outstations[device.name]
            requests = 4 + len(device.points) // FRAGMENT_POINTS
            self._add(device, outstation.integrity, device.integrity_every_s, outstation.rows, requests)
            self._add(device, outstation.events, device.events_every_s, _NO_ROWS, 1)
            self._add(device, outstation.drain, DRAIN_EVERY_S, _NO_ROWS, 0)

    @property
    def scans(self) -> Sequence[Scan]:
        """Three for each outstation: integrity, events, drain."""
        return tuple(self._scans)

    @property
    def demands(self) -> Sequence[Demand]:
        """What the polls take of the line."""
        return [each for device in self._devices for each in demands(device)]

    async def connect(self) -> Sequence[Event]:
        """Open the link, after closing the one before. The start-up of each outstation comes with its first read.

        Raises:
            OSError: nobody answers.
        """
        await self.close()
        self._link = await open_link(self._devices[0])
        for outstation in self._outstations.values():
            outstation.connected(self._link)
            outstation.notes.opened(self._link.certificate)
        return ()

    async def read(self, scan: Scan) -> Sequence[Read]:
        """Ask once, and hand out what came.

        Raises:
            TimeoutError: this outstation did not answer a request in `scan.timeout_s`.
            LinkLost: the link is over, and what it brought was handed out.
        """
        outstation = self._outstations[scan.device]
        if self._link is None:
            raise LinkLost("not connected")
        try:
            brought = await self._polls[scan.key](scan.timeout_s)
        except (LinkLost, TimeoutError) as error:
            received = outstation.fetch()
            if isinstance(error, TimeoutError):
                if not received:
                    raise
            elif not received:
                self._note_link(outstation)
                raise LinkLost(str(error), outstation.take_notes()) from None
            brought = received
        self._note_link(outstation)
        return [*brought, *outstation.take_notes()]

    async def close(self) -> None:
        """End the link; may be called twice."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def _add(self, device: Dnp3Device, poll: Poll, every_s: float, rows: Rows, requests: int) -> None:
        self._polls.append(poll)
        self._scans.append(Scan(len(self._scans), device.name, every_s, rows, requests, device.timeout_s))

    def _note_link(self, outstation: Outstation) -> None:
        """Say of the link what concerns all its outstations, with the name of the one that is read."""
        link = self._link
        if link is None:
            return
        if link.violation is not None:
            outstation.notes.say(EventKind.VIOLATION, link.violation)
            link.violation = None
        for remark in link.remarks:
            outstation.notes.once(EventKind.VIOLATION, remark)
        if link.strangers:
            said = "frames of stations that were not asked"
            outstation.notes.sight(EventKind.ORPHAN, said, count=link.strangers, why="unit")
            link.strangers = 0


async def open_link(device: Dnp3Device) -> Link:
    """Open the link of `device`.

    Raises:
        OSError: nobody answers, no certificate fits, or the line cannot be opened.
    """
    if device.url.startswith(f"{SERIAL}:"):
        return await open_serial(partial(Link, noisy=True), serial_line(device.url))
    return await open_tcp(Link, device, device.url, PORTS)
