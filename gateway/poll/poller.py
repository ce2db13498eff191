"""Runs one conversation for ever: connect, read each scan in its turn, and on any loss back off and try again."""

import asyncio
import math
import random
import ssl
import traceback
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import structlog

from gateway.own import own
from gateway.poll.occupancy import Occupancy
from gateway.poll.schedule import Schedule
from gateway.poll.unit import TRIPS, Unit
from protocols.driver import Clock, Driver, LinkLost, Scan
from protocols.model import Event, EventKind, Read
from protocols.reason import reason
from protocols.sighting import Sighting

log = structlog.get_logger()

STEADY_S = 10.0
"""A conversation that lasted this long was a good one: its loss is tried again quickly; a flapping one backs off."""
CLOSE_S = 0.3
"""Longest farewell; a stop must not wait for a link that is broken."""
HANG_S = 60.0
"""A read that takes longer, and twice as long as its requests may, hangs in the driver: requests have time-outs."""

Put: TypeAlias = Callable[[Read], Awaitable[None]]
"""Hands on what was read; waits while the queue to the pipeline is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How a lost endpoint is tried again: exponential back-off between two bounds, with jitter."""

    first_s: float
    max_s: float

    def pause(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row, seconds."""
        longest = min(self.max_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter keeps no secret


class Poller:
    """One conversation and its devices; `quickest_s` is how often the scan of it is due that is due most often."""

    def __init__(
        self,
        driver: Driver,
        units: Iterable[Unit],
        *,
        retry: Retry,
        phase: float,
        put: Put,
        clock: Clock,
        host: str = "",
    ) -> None:
        self.units = {unit.name: unit for unit in units}
        self.connected, self.quickest_s = False, math.inf
        self.occupancy = Occupancy()
        self._driver, self._retry, self._phase, self._put, self._clock = driver, retry, phase, put, clock
        self._host = host
        self._failures = 0
        self._faults: set[str] = set()
        self._own: Sighting | None = None
        self._away: dict[str, Event] = {}

    def standing(self) -> Sequence[Event]:
        """Return what was said once and holds still: which address is ours, and which devices are lost."""
        return [*([self._own] if self._own is not None else []), *self._away.values()]

    async def run(self) -> None:
        """Poll until cancelled: also where a driver, as it is cancelled, tells of a lost link instead."""
        while True:
            try:
                await self._guard(self._converse)
            finally:
                self.connected = False
                await self._guard(self._close)
            if _cancelled():
                return
            self._failures += 1
            await asyncio.sleep(self._retry.pause(self._failures))

    async def _guard(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except (LinkLost, TimeoutError, OSError) as error:
            await self._lost(error)
        except Exception as error:  # noqa: BLE001 - the bulkhead: one device's fault stays with it
            await self._fault(error)

    async def _converse(self) -> None:
        async with asyncio.timeout(max(unit.timeout_s for unit in self.units.values()) * 2):
            self._own = await own(self._host, self._clock())
            if self._own is not None:  # before anything is sent: a tap sees it
                await self._put(self._own)
            events = await self._driver.connect()
        self.connected, began = True, _now()
        try:
            await self._hand_on(events)
            await self._poll(self._driver.scans)
        finally:
            if _now() - began >= STEADY_S:
                self._failures = 0

    async def _poll(self, scans: Sequence[Scan]) -> None:
        if not scans:
            raise LinkLost("there is nothing to ask")
        self.quickest_s = min(scan.every_s for scan in scans)
        schedule = Schedule(scans, phase=self._phase, now=_now())
        while True:
            due, scan = schedule.first()
            await asyncio.sleep(max(0.0, due - _now()))
            unit = self.units[scan.device]
            if unit.next_try > _now():
                schedule.postpone(scan, unit.next_try)
                continue
            await self._scan(scan, unit)
            unit.late(schedule.done(scan, _now()), scan)

    async def _close(self) -> None:
        with suppress(LinkLost, TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await self._driver.close()

    async def _scan(self, scan: Scan, unit: Unit) -> None:
        began = _now()
        try:
            seen = await self._read(replace(scan, timeout_s=unit.patience(scan)))
        except TimeoutError as error:
            await self._unanswered(unit, scan, _now() - began, error)
            return
        took_s = _now() - began
        if unit.answered(took_s, scan):
            log.info("device_answers", device=unit.name)
            self._away.pop(unit.name, None)
            await self._put(Event(unit.name, EventKind.CONNECTED, "answers", self._clock()))
        await self._hand_on(seen)
        middle_s = unit.trip(took_s, scan)
        if middle_s is not None:
            await self._put(self._round_trip(scan, middle_s))

    def _round_trip(self, scan: Scan, middle_s: float) -> Sighting:
        """Return how long the device takes to answer: what the line waited for others is not in it."""
        middle_ms = round(middle_s * 1000, 3)
        return Sighting(
            scan.device, EventKind.ROUND_TRIP, f"{middle_ms:g} ms", self._clock(), function=str(scan.key),
            facts={"median_ms": middle_ms, "count": TRIPS}, live=True,
        )  # fmt: skip

    async def _read(self, scan: Scan) -> Sequence[Read]:
        limit_s = max(HANG_S, 2 * scan.requests * scan.timeout_s)
        if scan.requests:
            self.occupancy.begin(_now())
        try:
            async with asyncio.timeout(limit_s) as limit:
                return await self._driver.read(scan)
        except TimeoutError:
            if limit.expired():
                raise LinkLost(f"reading {scan.device} hung for {limit_s:g} s") from None
            raise
        finally:
            if scan.requests:
                self.occupancy.end(_now())

    async def _unanswered(self, unit: Unit, scan: Scan, cost_s: float, error: TimeoutError) -> None:
        """One device is silent; the conversation is over only when all of them are."""
        why = str(error) or f"no answer in {cost_s:.2g} s"
        if unit.failed(cost_s, scan, _now()):
            await self._say_lost(unit, why)
        for other in self.units.values():
            other.make_way(_now() + cost_s)
        if all(other.answering is False for other in self.units.values()):
            raise LinkLost(why)

    async def _lost(self, error: Exception) -> None:
        await self._hand_on(getattr(error, "events", ()))
        why = reason(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            await self._distrusted(error)
        for unit in self.units.values():
            if unit.down():
                await self._say_lost(unit, why)

    async def _distrusted(self, error: ssl.SSLCertVerificationError) -> None:
        """Say, for the cyber checks, that somebody shows a certificate that we do not take."""
        facts = {"value": f"refused: {error.verify_message}", "refused": True}
        for name in self.units:
            await self._put(
                Sighting(
                    name, EventKind.SECURITY, str(facts["value"]), self._clock(), source=self._host, protocol="tls",
                    function="certificate", facts=facts, live=True,
                )
            )  # fmt: skip

    async def _fault(self, error: Exception) -> None:
        """Log a programming fault once with its traceback, and treat the conversation as lost.

        The same fault is one at the same line, whatever its message: lines are bounded, messages are not.
        """
        kind, at = f"{type(error).__name__}: {error}", traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} {at.filename}:{at.lineno}"
        if place not in self._faults:
            self._faults.add(place)
            log.error("device_fault", devices=list(self.units), error=kind, exc_info=error)
        for name in self.units:
            await self._put(Event(name, EventKind.FAULT, kind, self._clock()))
        await self._lost(LinkLost(kind))

    async def _say_lost(self, unit: Unit, why: str) -> None:
        log.warning("device_lost", device=unit.name, reason=why)
        self._away[unit.name] = Event(unit.name, EventKind.LOST, why, self._clock())
        await self._put(self._away[unit.name])

    async def _hand_on(self, seen: Iterable[Read]) -> None:
        for each in seen:
            unit = self.units.get(each.device) if isinstance(each, Event) else None
            if type(each) is Event and (unit is None or unit.answering is not False):  # sightings are for the checks
                log.info("device_event", device=each.device, kind=each.kind.value, detail=each.detail)
            await self._put(each)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
