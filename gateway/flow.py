"""Carries what the pollers read through the pipeline into the store: the one queue in RAM, with its bound."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import structlog

from gateway.beat import until_next
from gateway.clocksync import synchronised
from gateway.core.merge import merge
from gateway.core.messages import Alarm, Message, Summary, Unsaid
from gateway.core.pipeline import Pipeline
from gateway.evidence.witness import Witness
from gateway.memory import Bookmarks, keep_alarms, keep_bookmark
from gateway.store.packing import to_record
from gateway.store.store import Store
from gateway.timeline import Timeline
from protocols.model import Batch, Bookmark, Event, Fed, Read, Receipt, Tick

log = structlog.get_logger()

TICK_S = 0.25
"""How often time passes for the detectors: the resolution of their delays."""
SLOW_TICK_S = 0.5
"""The same where no scan is due more often than every `SLOW_SCAN_S`: to wake up is what an idle gateway pays for."""
SLOW_SCAN_S = 2.0
AT_ONCE = 256
"""Most waiting items that are taken together, so that the loop breathes under load."""


class Flow:
    """The queue and its consumer. `put` waits while the queue is full: then polls become late and are counted.

    `bound` is how many batches wait at most, `quickest_s` tells how often the scan that is due most often is due now.
    A reload exchanges these, `pipeline` and `witness` while it is `still`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        store: Store,
        bookmarks: Bookmarks,
        *,
        queue_batches: int,
        window_s: float,
        clock: Timeline,
        witness: Witness | None = None,
    ) -> None:
        self.pipeline, self.witness, self.bound = pipeline, witness, queue_batches
        self.quickest_s: Callable[[], float] = lambda: 0.0
        self.ticks = 0
        self._store, self._bookmarks, self._clock = store, bookmarks, clock
        self._window_ns = int(window_s * 1_000_000_000)
        self._marks: dict[tuple[str, str], Bookmark] = {}
        self._putting, self._held = 0, False
        self._room = asyncio.Event()
        self._queue: asyncio.Queue[Read | Tick | None] = asyncio.Queue()

    @property
    def waiting(self) -> int:
        """How many batches and other items wait for the checks."""
        return self._queue.qsize()

    @property
    def tick_s(self) -> float:
        """How often time passes at present."""
        return TICK_S if self.quickest_s() < SLOW_SCAN_S else SLOW_TICK_S

    async def put(self, seen: Read, told: Callable[[Read], Read] | None = None) -> None:
        """Hand on what was read, as `told` says it to the pipeline that is at work once there is room."""
        await self._place()
        self._queue.put_nowait(self._renewed(told(seen) if told else seen))

    async def tick(self) -> None:
        """Let time pass, for ever. The clock is not looked at while the queue is full, or somebody waits for a place.

        So a step neither is overtaken nor overtakes what has the time of before it.
        """
        while True:
            stepped_ns = 0 if self._shut or self._putting else self._clock.follow()
            tick = Tick(self._clock(), stepped_ns, synchronised())
            await self._place()
            self._queue.put_nowait(tick)
            if stepped_ns:
                log.warning("clock_stepped", by_s=round(stepped_ns / 1e9, 3))
            await asyncio.sleep(until_next(self.tick_s, asyncio.get_running_loop().time()))

    async def run(self) -> None:
        """Carry on until `finish`. Not to be cancelled before: what was taken from the queue would be lost."""
        running = True
        while running:
            waiting = [await self._queue.get(), *self._drain()]
            self._room.set()
            running = None not in waiting
            await self._store.room()
            await self._carry(seen for seen in waiting if seen is not None)
            for _ in waiting:
                self._queue.task_done()
        await self.keep(self.pipeline.flush(self._clock()))
        self._keep_marks()

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Carry all that has come; who has more waits until this is over."""
        self._held = True
        try:
            await self._queue.join()
            yield
        finally:
            self._held = False
            self._room.set()

    def begin_with(self, seen: Iterable[Read]) -> None:
        """Hand on before all who wait, while it is still: no more than there are devices."""
        for each in seen:
            self._queue.put_nowait(self._renewed(each))

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to carry, and let time pass."""
        self._carrier = group.create_task(self.run(), name="pipeline")
        self._ticker = group.create_task(self.tick(), name="tick")

    async def stop(self) -> None:
        """Carry what was put, and end."""
        self._ticker.cancel()
        await asyncio.wait((self._ticker,))
        self.finish()
        await self._carrier

    def finish(self) -> None:
        """End `run` after all that waits, with the open windows closed. Nobody may put anything any more."""
        self._queue.put_nowait(None)

    async def keep(self, messages: Sequence[Message | Unsaid]) -> None:
        """Give `messages` to the store: alarms at once and with their states, summaries one at a time."""
        if self.witness is not None:
            messages = self.witness.told(messages)
        alarms = [message for message in messages if isinstance(message, Alarm)]
        unsaid = [message for message in messages if isinstance(message, Unsaid)]
        others = [message for message in messages if not isinstance(message, Alarm | Unsaid)]
        if alarms or unsaid:
            keep_alarms(self._store, alarms, unsaid)
        for message in others:
            self._store.append([to_record(message)])
            if len(others) > 1:
                await asyncio.sleep(0)  # packing many summaries must not delay a poll

    @property
    def _shut(self) -> bool:
        return self._held or self._queue.qsize() >= self.bound

    async def _place(self) -> None:
        """Wait for room in the queue."""
        self._putting += 1
        try:
            while self._shut:
                self._room.clear()
                await self._room.wait()
        finally:
            self._putting -= 1

    def _renewed(self, seen: Read) -> Read:
        """Return `seen` with a time of the clock as it is now, should it have been set since."""
        if isinstance(seen, Batch):
            arrival_ns = self._clock.renewed(seen.arrival_ns)
            if arrival_ns == seen.arrival_ns:
                return seen
            ours = seen.time_ns == seen.arrival_ns  # as Modbus says it, whose devices give no time
            return replace(seen, time_ns=np.where(ours, arrival_ns, seen.time_ns), arrival_ns=arrival_ns)
        if isinstance(seen, Event):
            return replace(seen, time_ns=self._clock.renewed(seen.time_ns))
        return seen

    async def _carry(self, waiting: Iterable[Read | Tick]) -> None:
        for seen in merge(waiting, self._window_ns):
            if isinstance(seen, Bookmark):
                self._bookmarks[seen.device, seen.key] = seen.value
                self._marks[seen.device, seen.key] = seen
            elif isinstance(seen, Receipt):
                self._store.receipt(seen.settle, urgent=seen.urgent)
            else:
                await self._observe(seen)

    async def _observe(self, seen: Fed) -> None:
        messages = self.pipeline.observe(seen)
        if isinstance(seen, Batch) and self.witness is not None:
            self.witness.observe(seen)
        if isinstance(seen, Tick):
            self.ticks += 1
        if messages:
            await self.keep(messages)
        if any(isinstance(message, Summary) for message in messages):
            self._keep_marks()

    def _keep_marks(self) -> None:
        """Keep where drivers stand once the window that holds their readings is closed: a kill loses neither."""
        for mark in self._marks.values():
            keep_bookmark(self._store, mark)
        self._marks.clear()

    def _drain(self) -> Iterable[Read | Tick | None]:
        for _ in range(min(self._queue.qsize(), AT_ONCE)):
            yield self._queue.get_nowait()
