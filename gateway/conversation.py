"""One conversation at work: its driver, its poller, and the rows by which the plant knows its points.

It may outlive the plant that it was begun for. So its driver knows the points of its own devices only, numbered from 0;
here they get the rows of the plant that is at work when they enter it.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from gateway.evidence.wire import Remembers
from gateway.poll.poller import Poller, Retry
from gateway.poll.unit import Unit
from protocols.config import Device
from protocols.driver import Explaining, Outside
from protocols.model import Batch, Event, Read, Rows
from protocols.points import Points

Enter: TypeAlias = Callable[[Read, Callable[[Read], Read]], Awaitable[None]]
"""Hands on what was read as soon as there is room, in the words of the plant that is at work then."""


class Conversation:
    """The devices of one line. `share` is where in their interval they are asked, 0 to 1."""

    def __init__(
        self, devices: Sequence[Device], outside: Outside, *, retry: Retry, share: float, enter: Enter
    ) -> None:
        self.devices, self.retry, self.share = {device.name: device for device in devices}, retry, share
        self._points = Points.of([(device, device.points) for device in devices])
        self._driver = devices[0].driver(devices, self._points, outside)
        self._enter = enter
        self._rows: Rows = np.arange(len(self._points), dtype=np.int32)
        self._same = self._ascending = True
        self._task: asyncio.Task[None] | None = None
        self.poller = Poller(
            self._driver,
            [Unit(device.name, device.timeout_s, shared=len(devices) > 1) for device in devices],
            retry=retry,
            phase=share * min(device.every_s for device in devices),
            put=self._put,
            clock=outside.clock,
            host=devices[0].host,
        )

    @property
    def tap(self) -> Remembers | None:
        """The driver, if it is one that remembers frames."""
        return self._driver if isinstance(self._driver, Remembers) else None

    def fits(self, devices: Iterable[Device], retry: Retry) -> bool:
        """Return whether it is what these would be: the same devices, in whatever order, and pauses."""
        return self.retry == retry and self.devices == {device.name: device for device in devices}

    def join(self, points: Points) -> None:
        """Tell readings by the rows of `points` from now on."""
        rows = [points.rows_of[name] for name in self.devices]
        self._rows = np.concatenate([np.arange(each.start, each.stop, dtype=np.int32) for each in rows])
        self._same = bool((self._rows == np.arange(len(self._rows))).all())
        self._ascending = bool((np.diff(self._rows) > 0).all())

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to poll."""
        self._task = group.create_task(self.poller.run(), name=f"poll:{next(iter(self.devices))}")

    async def stop(self) -> None:
        """End it; what was read before is in the queue then, or was never handed on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def standing(self) -> Iterator[Read]:
        """Yield what a plant that takes over must be told, as it was said only once: our own address, who is lost."""
        yield from map(self._translated, self.poller.standing())

    def explain(self, row: int) -> Mapping[str, str]:
        """Return how the point of `row` is read at present; nothing of a stranger, or where the driver does not say."""
        own = np.flatnonzero(self._rows == row)
        return self._driver.explain(int(own[0])) if len(own) and isinstance(self._driver, Explaining) else {}

    def told(self, now: float) -> dict[str, Any]:
        """Return what is known of it: whether it is open, and how busy it is; `now` is the time of the loop."""
        busy = self.poller.occupancy
        return {
            "devices": list(self.devices),
            "connected": self.poller.connected,
            "busy": round(busy.share(now), 4),
            "busy_s": round(busy.busy_s, 3),
        }

    async def _put(self, seen: Read) -> None:
        await self._enter(seen, self._translated)

    def _translated(self, seen: Read) -> Read:
        """Return `seen` with the rows of the plant."""
        if self._same:
            return seen
        if isinstance(seen, Batch):
            return self._batch(seen)
        if isinstance(seen, Event) and seen.rows:
            return replace(seen, rows=tuple(self._rows[list(seen.rows)].tolist()))
        return seen

    def _batch(self, batch: Batch) -> Batch:
        rows = self._rows.take(batch.rows)
        if self._ascending:
            return Batch(rows, batch.values, batch.quality, batch.time_ns, batch.arrival_ns)
        order = np.argsort(rows)
        values, quality, time_ns = batch.values[order], batch.quality[order], batch.time_ns[order]
        return Batch(rows[order], values, quality, time_ns, batch.arrival_ns)


def free_share(taken: Iterable[float], together: int) -> float:
    """Return where in a turn from 0 to 1 one more conversation is polled: with others, at most `together` at a moment.

    Else it is the middle of the widest gap between the shares that are `taken`; the first is 0.
    """
    members = Counter(taken)
    if room := [share for share, count in members.items() if count < together]:
        return min(room)
    places = sorted(members)
    if not places:
        return 0.0
    gaps = [(later - place, place) for place, later in zip(places, [*places[1:], places[0] + 1.0], strict=True)]
    width, place = max(gaps, key=lambda gap: (round(gap[0], 9), -gap[1]))
    return (place + width / 2) % 1.0
