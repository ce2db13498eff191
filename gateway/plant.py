"""One configuration at work: its points, its conversations and the pipeline behind them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from detectors.config import build
from gateway.config.model import Config
from gateway.core.alarms import AlarmError
from gateway.core.messages import Alarm
from gateway.core.pipeline import Pipeline
from gateway.core.state import BadState, pack, unpack
from gateway.core.trends import Trends
from gateway.evidence import shelf as evidence
from gateway.evidence.wire import Remembers
from gateway.evidence.witness import Audit, Witness
from gateway.flow import Flow
from gateway.lines import conversations
from gateway.memory import Memory, keep_alarms
from gateway.poll.poller import Poller, Retry
from gateway.poll.unit import Unit
from gateway.recording.opened import FOLDER
from gateway.recording.recorder import Recorder
from gateway.store.baseline import set_aside
from gateway.store.store import Store
from gateway.timeline import Timeline
from gateway.uplink.commands import instant_s
from protocols.config import Device
from protocols.driver import Explaining, Outside
from protocols.model import Qualities, Times, Values
from protocols.points import Points

log = structlog.get_logger()


class Plant:
    """What is polled and checked under one configuration; a reload replaces it whole."""

    def __init__(self, config: Config, store: Store, memory: Memory, clock: Timeline, audit: Audit) -> None:
        self.config, self._store, self._clock = config, store, clock
        self._memory = replace(memory, trends=None)  # they are taken over here, and take megabytes
        self.points = Points.of([(device, device.points) for device in config.devices])
        detectors = build(config.detectors, self.points, config.gateway.timezone)
        trends = self._trends(memory)
        self.pipeline = Pipeline(self.points, detectors, config.uplink.window_s, config.alarms, trends)
        self.witness = self._witness(audit)
        self.flow = Flow(
            self.pipeline,
            store,
            memory.bookmarks,
            queue_batches=config.poll.queue_batches,
            window_s=config.uplink.window_s,
            clock=clock,
            witness=self.witness,
        )
        self._lines = conversations(config.devices)
        self._explaining: list[Explaining] = []
        self.taps: dict[str, Remembers] = {}
        self.pollers = list(self._pollers())
        self._tasks: list[asyncio.Task[None]] = []
        self._carrier: asyncio.Task[None] | None = None
        self._recorder: Recorder | None = None

    def memory(self) -> Memory:
        """Return what a plant that takes over must know: newer than what the disk has."""
        alarms, trends = list(self.pipeline.alarms), self.pipeline.trends
        return Memory(alarms, self._memory.bookmarks, self.learned(), self.facts(), trends)

    def learned(self) -> bytes:
        """Return what the checks have learned so far."""
        return pack(self.points, self.pipeline.states())

    def facts(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return what is normal, by the detector that says so; of one that is switched off what it said last.

        None while it is not known what was normal before: that must not be replaced.
        """
        before = self._memory.facts
        if before is None:
            return None
        return {**before, **{name: each.told() for name, each in self.pipeline.baselines().items()}}

    def _witness(self, audit: Audit) -> Witness | None:
        budget, directory = self.config.evidence, self.config.gateway.state_dir / evidence.FOLDER
        if budget is None:
            return None
        alarms = self.pipeline.alarms
        return Witness(directory, self.points, budget, alarms=alarms, audit=audit, clock=self._clock)

    def _trends(self, memory: Memory) -> Trends | None:
        """Return how the points went, with what is known of the time before a reload; None without a page."""
        if self.config.page is None:
            return None
        trends = Trends(self.points, self.config.page.trend_bytes, self.config.uplink.window_s)
        if memory.trends is not None:
            trends.take_over(memory.trends)
        return trends

    async def start(self, group: asyncio.TaskGroup) -> None:
        """Take up the alarms of before, then check and poll."""
        self._restore()
        await self.flow.keep(self.pipeline.resume(self._memory.alarms, self._clock()))
        self._carrier = group.create_task(self.flow.run(), name="pipeline")
        self._tasks = [group.create_task(self.flow.tick(), name="tick")]
        for poller in self.pollers:
            self._tasks.append(group.create_task(poller.run(), name=f"poll:{next(iter(poller.units))}"))
        if self.witness is not None:
            self._tasks.append(group.create_task(self.witness.run(), name="evidence"))
        if self.config.recorder is not None:
            self._recorder = Recorder(self.config.gateway.state_dir / FOLDER, self.points, self.config.recorder)
            recording = self._recorder.run(self.pipeline.image, self._clock)
            self._tasks.append(group.create_task(recording, name="recorder"))

    def _restore(self) -> None:
        """Take up what the checks had learned; where it is of no use they learn anew, and that is said."""
        for name, each in self.pipeline.baselines().items():
            try:
                if name in (before := self._memory.facts or {}):
                    each.take_up(before[name])
            except ValueError as error:
                set_aside(self.config.gateway.state_dir, f"{name}: {error}")
        if not self._memory.learned:
            return
        try:
            refused = self.pipeline.restore(unpack(self.points, self._memory.learned))
        except BadState as error:
            log.warning("learning_anew", reason=str(error))
        else:
            for reason in refused:
                log.warning("learning_anew", reason=reason)

    async def stop(self) -> None:
        """Stop the polls, carry what was read, close the windows."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.flow.finish()
        if self._carrier is not None:
            await self._carrier
        if self.witness is not None:
            await self.witness.close()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)

    def answering(self) -> dict[str, bool]:
        """Return of each device whether it answers; one that was not asked yet is not held against anybody."""
        return {name: unit.answering is not False for poller in self.pollers for name, unit in poller.units.items()}

    def readings(self, device: str) -> tuple[Sequence[str], Values, Qualities, Times]:
        """Return the points of `device`, the last value of each, its quality and its own time; none of a stranger."""
        rows, image = self.points.rows_of.get(device, range(0)), self.pipeline.image
        at = slice(rows.start, rows.stop)
        return self.points.names[at], image.values[at], image.quality[at], image.time_ns[at]

    def devices(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each device's link."""
        return {
            name: {
                "online": unit.answering is True,
                "polls": unit.polls,
                "skipped": unit.skipped,
                "timeouts": unit.timeouts,
                "answer_ms": round(unit.usual_s * 1000, 2),
            }
            for poller in self.pollers
            for name, unit in poller.units.items()
        }

    def explained(self, row: int) -> Mapping[str, str]:
        """Return how the point of `row` is read at present; nothing where its driver does not say."""
        return next((found for driver in self._explaining if (found := driver.explain(row))), {})

    def lines(self) -> list[dict[str, Any]]:
        """Return what is known of each conversation: whether it is open, and how busy it is."""
        now = asyncio.get_running_loop().time()
        return [
            {
                "line": line,
                "devices": list(poller.units),
                "connected": poller.connected,
                "busy": round(poller.occupancy.share(now), 4),
                "busy_s": round(poller.occupancy.busy_s, 3),
            }
            for line, poller in zip(self._lines, self.pollers, strict=True)
        ]

    def command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out ack, shelve or unshelve on an alarm; return its new state, or why it cannot be done."""
        try:
            alarm = self._command(command["do"], command["alarm"], command.get("by", ""), command.get("until", ""))
        except AlarmError as error:
            return {"ok": False, "error": str(error)}
        alarm = self.pipeline.stamped(alarm)
        keep_alarms(self._store, [alarm])
        return {"alarm": alarm.id, "state": alarm.state.value}

    def _command(self, do: str, id_: str, by: str, until: str) -> Alarm:
        alarms, now_ns = self.pipeline.alarms, self._clock()
        match do:
            case "ack":
                return alarms.acknowledge(id_, by=by, now_ns=now_ns)
            case "shelve":
                return alarms.shelve(id_, until_ns=_instant(until), by=by, now_ns=now_ns)
            case "unshelve":
                return alarms.unshelve(id_, by=by, now_ns=now_ns)
        raise AlarmError(f"'{do}' is not for alarms")

    def _pollers(self) -> Iterator[Poller]:
        outside = Outside(
            clock=self._clock,
            synchronised=lambda: self._clock.agrees and self._clock.synchronised(),
            bookmarks=self._memory.bookmarks,
            broker=(self.config.uplink.host, self.config.uplink.port),
        )
        retry = Retry(first_s=self.config.poll.retry_first_s, max_s=self.config.poll.retry_max_s)
        for index, devices in enumerate(self._lines.values()):
            driver = devices[0].driver(devices, self.points, outside)
            if isinstance(driver, Explaining):
                self._explaining.append(driver)
            if isinstance(driver, Remembers):
                self.taps[devices[0].name] = driver
                if self.witness is not None:
                    self.witness.taps.append(driver.memory)
            yield Poller(
                driver,
                _units(devices),
                retry=retry,
                phase=index / len(self._lines) * min(device.every_s for device in devices),
                put=self.flow.put,
                clock=self._clock,
                host=devices[0].host,
            )


def _units(devices: Sequence[Device]) -> list[Unit]:
    return [Unit(device.name, device.timeout_s, shared=len(devices) > 1) for device in devices]


def _instant(text: str) -> int:
    """Return UTC nanoseconds of an ISO 8601 time; one without a zone is UTC.

    Raises:
        AlarmError: it is none.
    """
    until_s = instant_s(text)
    if until_s is None:
        raise AlarmError(f"until: '{text}' is no time like 2026-11-20T12:00:00Z")
    return int(until_s) * 1_000_000_000
