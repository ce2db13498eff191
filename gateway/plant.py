"""One configuration at work: its points, its conversations and the pipeline behind them."""

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from detectors.config import build
from gateway.config.model import Config
from gateway.conversation import Conversation, free_share
from gateway.core.messages import Message, Unsaid
from gateway.core.pipeline import Pipeline
from gateway.core.state import BadState, pack, unpack
from gateway.core.trends import Trends
from gateway.evidence import shelf as evidence
from gateway.evidence.wire import Remembers
from gateway.evidence.witness import Audit, Witness
from gateway.flow import Flow
from gateway.lines import conversations
from gateway.memory import Memory
from gateway.operator import carry_out
from gateway.poll.poller import Retry
from gateway.poll.unit import Unit
from gateway.store import learned
from gateway.store.baseline import set_aside
from gateway.store.store import Store
from gateway.timeline import Timeline
from protocols.config import Device
from protocols.driver import Outside
from protocols.model import Qualities, Times, Values
from protocols.points import Points

if TYPE_CHECKING:
    from gateway.recording.recorder import Recorder

log = structlog.get_logger()


class Plant:
    """What is polled and checked under one configuration. A reload makes another, which goes on where this one was.

    To make it takes a while, and can be done in a thread: it starts nothing.
    """

    def __init__(self, config: Config, store: Store, clock: Timeline, audit: Audit) -> None:
        self.config, self._store, self._clock, self._audit = config, store, clock, audit
        self.points = Points.of([(device, device.points) for device in config.devices])
        detectors = build(config.detectors, self.points, config.gateway.timezone)
        self.pipeline = Pipeline(self.points, detectors, config.uplink.window_s, config.alarms, self._trends())
        self.conversations: dict[str, Conversation] = {}
        self.witness: Witness | None = None
        self.flow: Flow
        self._memory = Memory()
        self._recorder: Recorder | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def memory(self) -> Memory:
        """Return what a plant that takes over must know: newer than what the disk has."""
        return Memory(list(self.pipeline.alarms), self._memory.bookmarks, self.facts())

    def learned(self) -> Iterator[bytes]:
        """Yield what the checks have learned so far, in pieces; one of a check is of the moment it is asked for."""
        return pack(self.pipeline.marks, self.pipeline.states())

    def facts(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Return what is normal, by the detector that says so; of one that is switched off what it said last.

        None while it is not known what was normal before: that must not be replaced.
        """
        before = self._memory.facts
        if before is None:
            return None
        return {**before, **{name: each.told() for name, each in self.pipeline.baselines().items()}}

    async def start(self, group: asyncio.TaskGroup, memory: Memory) -> None:
        """Take up what was before, then check and poll."""
        self._memory = memory
        self.witness = self._witness()
        self.flow = Flow(
            self.pipeline,
            self._store,
            memory.bookmarks,
            queue_batches=self.config.poll.queue_batches,
            window_s=self.config.uplink.window_s,
            clock=self._clock,
            witness=self.witness,
        )
        self.flow.quickest_s = self._quickest_s
        await self.flow.keep(self._resume(await asyncio.to_thread(self._read)))
        self.flow.start(group)
        await self.converse(group)

    def succeed(self, older: "Plant", stay: Mapping[str, Conversation], store: Memory) -> Sequence[Message | Unsaid]:
        """Take over the flow, the conversations that `stay` and what `older` knows, and of `store` what is not newer.

        Return what is to be said of that. The flow must be still.
        """
        self._memory = older.memory().over(store)
        self.conversations = dict(stay)
        for conversation in stay.values():
            conversation.join(self.points)
        if self.pipeline.trends is not None and older.pipeline.trends is not None:
            self.pipeline.trends.take_over(older.pipeline.trends)
        self.flow, self.witness = older.flow, self._witness()
        if self.witness is not None:
            self.witness.taps = [tap.memory for tap in self.taps.values()]
        self.flow.pipeline, self.flow.witness = self.pipeline, self.witness
        self.flow.bound, self.flow.quickest_s = self.config.poll.queue_batches, self._quickest_s
        same = bool(np.array_equal(older.pipeline.marks, self.pipeline.marks))
        said = self._resume(self.pipeline.restore(older.pipeline.states(), same=same))
        self.flow.begin_with(seen for each in stay.values() for seen in each.standing())
        return said

    def staying(self, config: Config) -> dict[str, Conversation]:
        """Return the conversations that go on as they are under another configuration, by their names there."""
        retry, there = _retry(config), {frozenset(each.devices): each for each in self.conversations.values()}
        wanted = ((line, devices, _names(devices)) for line, devices in conversations(config.devices).items())
        return {
            line: there[names]
            for line, devices, names in wanted
            if names in there and there[names].fits(devices, retry)
        }

    async def leave(self, stay: Mapping[str, Conversation]) -> None:
        """Stop everything but the conversations that `stay`, and the flow."""
        staying = list(stay.values())
        leaving = [each for each in self.conversations.values() if each not in staying]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *(each.stop() for each in leaving), return_exceptions=True)
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)

    async def close(self) -> None:
        """End the evidence, after the last alarm."""
        if self.witness is not None:
            await self.witness.close()

    async def stop(self) -> None:
        """Stop the polls, carry what was read, close the windows."""
        await self.leave({})
        await self.flow.stop()
        await self.close()

    async def converse(self, group: asyncio.TaskGroup) -> None:
        """Begin the conversations that there are not yet, and what watches all of them."""
        before, all_of_them = self.conversations, dict[str, Conversation]()
        for line, each in self._conversations():
            all_of_them[line] = each
            await asyncio.sleep(0)  # to plan the requests of a device takes a while: polls come between
        self.conversations = all_of_them
        if self.witness is not None:
            self.witness.taps = [tap.memory for tap in self.taps.values()]
            self._tasks.append(group.create_task(self.witness.run(), name="evidence"))
        if self.config.recorder is not None:
            from gateway.recording.opened import FOLDER  # noqa: PLC0415 - 1 MB that few need
            from gateway.recording.recorder import Recorder  # noqa: PLC0415

            self._recorder = Recorder(self.config.gateway.state_dir / FOLDER, self.points, self.config.recorder)
            recording = self._recorder.run(self.pipeline.image, self._clock)
            self._tasks.append(group.create_task(recording, name="recorder"))
        for line in self.conversations.keys() - before.keys():
            self.conversations[line].start(group)

    def _conversations(self) -> Iterator[tuple[str, Conversation]]:
        """Yield those that there are, and new ones, in the order of the configuration."""
        shares, retry = [each.share for each in self.conversations.values()], _retry(self.config)
        for line, devices in conversations(self.config.devices).items():
            each = self.conversations.get(line)
            if each is None:
                share = free_share(shares, self.config.poll.together)
                each = Conversation(devices, self._outside(), retry=retry, share=share, enter=self.flow.put)
                each.join(self.points)
                shares.append(share)
            yield line, each

    @property
    def taps(self) -> Mapping[str, Remembers]:
        """The drivers that remember frames, by the name of their device."""
        found = ((next(iter(each.devices)), each.tap) for each in self.conversations.values())
        return {name: tap for name, tap in found if tap is not None}

    def _quickest_s(self) -> float:
        return min((each.poller.quickest_s for each in self.conversations.values()), default=math.inf)

    def _trends(self) -> Trends | None:
        """Return what remembers how the points went, None without a page."""
        page = self.config.page
        return None if page is None else Trends(self.points, page.trend_bytes, self.config.uplink.window_s)

    def _witness(self) -> Witness | None:
        budget, directory = self.config.evidence, self.config.gateway.state_dir / evidence.FOLDER
        if budget is None:
            return None
        alarms = self.pipeline.alarms
        return Witness(directory, self.points, budget, alarms=alarms, audit=self._audit, clock=self._clock)

    def _outside(self) -> Outside:
        return Outside(
            clock=self._clock,
            synchronised=lambda: self._clock.agrees and self._clock.synchronised(),
            bookmarks=self._memory.bookmarks,
            broker=(self.config.uplink.host, self.config.uplink.port),
        )

    def _read(self) -> Sequence[str]:
        """Let the checks take up what the disk remembers of them, for which it waits; return what is refused."""
        file = learned.opened(self.config.gateway.state_dir)
        if file is None:
            return ()
        with file:
            try:
                states, same = unpack(self.pipeline.marks, file)
                return self.pipeline.restore(states, same=same)
            except BadState as error:
                log.warning("learning_anew", reason=str(error))
            except OSError as error:
                learned.not_read(error)
        return ()

    def _resume(self, refused: Sequence[str]) -> Sequence[Message | Unsaid]:
        """Take up the alarms, and what is normal; say whose state was `refused`: they learn anew."""
        for name, each in self.pipeline.baselines().items():
            try:
                if name in (before := self._memory.facts or {}):
                    each.take_up(before[name])
            except ValueError as error:
                set_aside(self.config.gateway.state_dir, f"{name}: {error}")
        anew: dict[str, list[str]] = {}
        for owner, _, reason in (each.partition(": ") for each in refused):
            anew.setdefault(reason, []).append(owner.partition("/")[0])
        for reason, checks in anew.items():
            log.warning("learning_anew", reason=reason, checks=checks)
        return self.pipeline.resume(self._memory.alarms, self._clock())

    def answering(self) -> dict[str, bool]:
        """Return of each device whether it answers; one that was not asked yet is not held against anybody."""
        return {name: unit.answering is not False for name, unit in self._units()}

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
            for name, unit in self._units()
        }

    def explained(self, row: int) -> Mapping[str, str]:
        """Return how the point of `row` is read at present; nothing where its driver does not say."""
        return next((found for each in self.conversations.values() if (found := each.explain(row))), {})

    def lines(self) -> list[dict[str, Any]]:
        """Return what is known of each conversation: whether it is open, and how busy it is."""
        now = asyncio.get_running_loop().time()
        return [{"line": line, **each.told(now)} for line, each in self.conversations.items()]

    def command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a command on an alarm; return its new state, or why it cannot be done."""
        return carry_out(command, self.pipeline, self._store, now_ns=self._clock())

    def _units(self) -> Iterator[tuple[str, Unit]]:
        for each in self.conversations.values():
            yield from each.poller.units.items()


def _retry(config: Config) -> Retry:
    return Retry(first_s=config.poll.retry_first_s, max_s=config.poll.retry_max_s)


def _names(devices: Iterable[Device]) -> frozenset[str]:
    return frozenset(device.name for device in devices)
