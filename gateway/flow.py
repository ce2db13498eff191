"""Carries what the pollers read through the pipeline into the store: the one queue in RAM, with its bound."""

import asyncio
from collections.abc import Iterable, Sequence

from gateway.core.merge import merge
from gateway.core.messages import Alarm, AlarmState, Message
from gateway.core.pipeline import Pipeline
from gateway.store.packing import to_record
from gateway.store.store import Store
from protocols.driver import Clock
from protocols.model import Batch, Event, Seen, Tick

TICK_S = 0.25
"""How often time passes for the detectors: the resolution of their delays."""
AT_ONCE = 256
"""Most waiting items that are taken together, so that the loop breathes under load."""
ALARM_KEY = "alarm/"
"""Prefix of the alarms among the states in the store."""


class Flow:
    """The queue and its consumer. `put` waits while the queue is full: then polls become late and are counted."""

    def __init__(self, pipeline: Pipeline, store: Store, *, queue_batches: int, window_s: float, clock: Clock) -> None:
        self.pipeline = pipeline
        self.ticks = 0
        self._store, self._clock = store, clock
        self._window_ns = int(window_s * 1_000_000_000)
        self._queue: asyncio.Queue[Seen | None] = asyncio.Queue(maxsize=queue_batches)

    async def put(self, seen: Batch | Event) -> None:
        """Hand on what was read."""
        await self._queue.put(seen)

    async def tick(self) -> None:
        """Let time pass, for ever."""
        while True:
            await self._queue.put(Tick(self._clock()))
            await asyncio.sleep(TICK_S)

    async def run(self) -> None:
        """Carry on until `finish`. Not to be cancelled before: what was taken from the queue would be lost."""
        running = True
        while running:
            waiting = [await self._queue.get(), *self._drain()]
            running = None not in waiting
            await self._store.room()
            await self._carry(seen for seen in waiting if seen is not None)
        await self.keep(self.pipeline.flush(self._clock()))

    async def finish(self) -> None:
        """End `run` after all that waits, with the open windows closed. Nobody may put anything any more."""
        await self._queue.put(None)

    async def keep(self, messages: Sequence[Message]) -> None:
        """Give `messages` to the store: alarms at once and with their states, summaries one at a time."""
        alarms = [message for message in messages if isinstance(message, Alarm)]
        others = [message for message in messages if not isinstance(message, Alarm)]
        if alarms:
            keep_alarms(self._store, alarms)
        for message in others:
            self._store.append([to_record(message)])
            if len(others) > 1:
                await asyncio.sleep(0)  # packing many summaries must not delay a poll

    async def _carry(self, waiting: Iterable[Seen]) -> None:
        for seen in merge(waiting, self._window_ns):
            messages = self.pipeline.observe(seen)
            if isinstance(seen, Tick):
                self.ticks += 1
            if messages:
                await self.keep(messages)

    def _drain(self) -> Iterable[Seen | None]:
        for _ in range(min(self._queue.qsize(), AT_ONCE)):
            yield self._queue.get_nowait()


def keep_alarms(store: Store, alarms: Sequence[Alarm]) -> None:
    """Store alarm messages and what must be known of them after a restart, in one transaction."""
    records = [to_record(alarm) for alarm in alarms]
    states = {
        ALARM_KEY + alarm.id: None if alarm.state is AlarmState.NORMAL else record.body
        for alarm, record in zip(alarms, records, strict=True)
    }
    store.append(records, states)
