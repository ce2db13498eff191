"""The Modbus driver: the units behind one url, read in one conversation, over TCP, TLS or a serial line."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from protocols.demand import Demand
from protocols.driver import Clock, LinkLost, Scan
from protocols.modbus.codec import Answer, Refusal, Request, Violation
from protocols.modbus.config import ModbusDevice, ModbusPoint
from protocols.modbus.conversation import Conversation, Manners
from protocols.modbus.demand import demand
from protocols.modbus.explain import told
from protocols.modbus.identity import identify
from protocols.modbus.link import Link
from protocols.modbus.reading import Reading
from protocols.modbus.remarks import Remarks
from protocols.model import Batch, Event, EventKind, Rows
from protocols.points import Points

IDENTIFY_S: Final = 1.0
"""Longest wait for an identity. libmodbus refuses after 0.5 s, and throws away what comes before: less would harm."""
IDENTIFY_AGAIN_S: Final = 6 * 3600.0
"""A device that tells who it is is asked again so often: firmware may change without a connection being lost."""


class ModbusDriver:
    """Reads `devices`, which share one url: a scan for each device and scan class."""

    def __init__(self, devices: Sequence[ModbusDevice], points: Points, clock: Clock) -> None:
        self._clock, self._points = clock, points
        self._link = Link(devices[0])
        self._settle_s = max(device.settle_ms for device in devices) / 1000
        units = {device.unit: device.name for device in reversed(devices)}
        self._remarks = Remarks(units, points, clock, devices[0].host)
        self._conversation: Conversation | None = None
        self._identify_at: dict[int, float] = {}
        """Units that are asked who they are, and when next: at once in a new conversation. In seconds of the loop."""
        self._shy: set[int] = set()
        """Units that refused, or ended the conversation, when they were asked: never asked again."""
        self._readings: list[tuple[ModbusDevice, Manners, Reading]] = []
        self._scans: list[Scan] = []
        for device in devices:
            for every_s, rows in points.classes(device):
                self._add(device, every_s, rows)

    @property
    def scans(self) -> Sequence[Scan]:
        """One for each device and scan class; `requests` as planned while nothing is refused."""
        return tuple(self._scans)

    @property
    def demands(self) -> Sequence[Demand]:
        """What each scan takes of the line, as planned while nothing is refused."""
        return [
            demand(device, scan, reading.asked)
            for (device, _, reading), scan in zip(self._readings, self._scans, strict=True)
        ]

    def explain(self, row: int) -> Mapping[str, str]:
        """Return what is asked for the point of `row`, and the octets that came last."""
        for (device, _, reading), scan in zip(self._readings, self._scans, strict=True):
            if row in scan.rows:
                return told(device, scan, *reading.lies(scan.rows.tolist().index(row)))
        return {}

    async def connect(self) -> Sequence[Event]:
        """Open the conversation, after closing the one before.

        Raises:
            OSError: nobody answers, or the line cannot be opened.
        """
        await self.close()
        self._conversation = await self._link.open()
        asked = {device.unit for device, _, _ in self._readings if device.identify == "ask"}
        self._identify_at = dict.fromkeys(asked - self._shy, 0.0)
        for name in dict.fromkeys(device.name for device, _, _ in self._readings):
            self._remarks.opened(name, self._conversation.certificate)
        for _, _, reading in self._readings:
            reading.reconnected()
        if self._settle_s:
            await asyncio.sleep(self._settle_s)
        return self._remarks.take()

    async def read(self, scan: Scan) -> Sequence[Batch | Event]:
        """Ask the points of `scan` once: one batch, then what happened meanwhile.

        Raises:
            TimeoutError: this unit did not answer one of the requests in `scan.timeout_s`.
            LinkLost: the conversation is over; its events say whether the device broke the protocol.
        """
        conversation = self._conversation
        if conversation is None:
            raise LinkLost("not connected")
        device, manners, reading = self._readings[scan.key]

        async def ask(requests: Sequence[Request]) -> Sequence[Answer]:
            answers = await conversation.series(device.unit, requests, scan.timeout_s, manners)
            if isinstance(answers[-1], Refusal):
                self._remarks.exception(device.name, requests[len(answers) - 1].function, answers[-1])
            return answers

        try:
            values, quality = await reading.read(ask)
        except LinkLost as lost:
            self._remarks.listen(scan.device, conversation)
            raise LinkLost(str(lost), self._remarks.take()) from None
        now = self._clock()
        due = self._identify_at.get(device.unit)
        if due is not None and asyncio.get_running_loop().time() >= due:
            await self._identify(device, conversation, manners)
        batch = Batch(scan.rows, values, quality, np.full(len(scan.rows), now, np.int64), now)
        self._remarks.listen(scan.device, conversation)
        return [batch, *self._remarks.take()] if self._remarks else [batch]

    async def close(self) -> None:
        """End the conversation; may be called twice."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.close()

    async def _identify(self, device: ModbusDevice, conversation: Conversation, manners: Manners) -> None:
        """Ask a unit that has just answered who it is; refusal, silence, nonsense and hanging up cost no reading."""
        self._identify_at[device.unit] = asyncio.get_running_loop().time() + IDENTIFY_AGAIN_S

        async def ask(request: Request) -> Answer:
            return await conversation.request(device.unit, request, min(device.timeout_s, IDENTIFY_S), manners)

        try:
            fields = await identify(ask)
        except Violation as violation:
            self._remarks.note(device.name, EventKind.VIOLATION, str(violation))
        except TimeoutError:
            return
        except LinkLost:
            self._never_again(device.unit)
        else:
            if fields:
                self._remarks.identity(device.name, fields)
            else:
                self._never_again(device.unit)

    def _never_again(self, unit: int) -> None:
        self._shy.add(unit)
        del self._identify_at[unit]

    def _add(self, device: ModbusDevice, every_s: float, rows: Rows) -> None:
        points = [point for row in rows if isinstance(point := self._points.configs[row], ModbusPoint)]
        reading = Reading(device, points, partial(self._remarks.change, device.name, rows))
        manners = Manners(device.pause_ms / 1000, device.unit_echo == "lenient", device.retries)
        key = len(self._scans)
        self._readings.append((device, manners, reading))
        self._scans.append(Scan(key, device.name, every_s, rows, reading.requests, device.timeout_s))
