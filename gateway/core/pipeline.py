"""The pipeline: everything that was seen goes through it once, in order, and messages come out.

It asks no clock, no network and no disk: the same input gives the same messages, live or replayed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from detectors.detector import Detector
from detectors.model import Finding
from gateway.core.alarms import Alarms
from gateway.core.changes import Changes
from gateway.core.image import Image
from gateway.core.messages import Alarm, Message, Summary
from gateway.core.steady import CLOCK, Steady
from gateway.core.summary import Windows
from protocols.model import Batch, Event, EventKind, Seen, Tick, sound
from protocols.points import Points

T = TypeVar("T", bound=Message)


class Pipeline:
    """Process image, windows, changes, detectors and alarms of one configuration."""

    def __init__(self, points: Points, detectors: Mapping[str, Sequence[Detector]], window_s: float) -> None:
        self.points = points
        self.image = Image(points)
        self.alarms = Alarms(points)
        self.readings = 0
        self._windows = Windows(points, window_s)
        self._changes = Changes(points)
        self._steady = Steady()
        self._synchronised = False
        self._named = detectors
        self._detectors = [detector for group in detectors.values() for detector in group]

    @property
    def good(self) -> int:
        """Readings that the windows have counted so far."""
        return self._windows.good

    def resume(self, alarms: Iterable[Alarm], now_ns: int) -> Sequence[Message]:
        """Take up the alarms of before a restart; return those that nobody watches any more."""
        self.alarms.restore(alarms)
        active = self.alarms.findings()
        detectors = ((detector, active.get(name, ())) for name, group in self._named.items() for detector in group)
        watched = [finding for detector, findings in detectors for finding in detector.resume(findings)]
        watched += self._steady.resume(active.get(CLOCK, ()))
        return self.alarms.forget([*self._named, CLOCK], watched, now_ns)

    def observe(self, seen: Seen) -> Sequence[Message]:
        """Return what there is to say after `seen`."""
        if isinstance(seen, Batch):
            return self._stamped(self._batch(sound(seen)) if len(seen) else ())
        if isinstance(seen, Event):
            return self._stamped([*self._event(seen), *self._judge(seen)])
        return self._stamped([*self._tick(seen), *self._judge(seen)])

    def stamped(self, message: T) -> T:
        """Return a change or an alarm that says whether our clock is synchronised now; a window knows that itself."""
        if isinstance(message, Summary) or message.synchronised is self._synchronised:
            return message
        return replace(message, synchronised=self._synchronised)

    def flush(self, now_ns: int) -> Sequence[Message]:
        """Return the open windows, at a stop."""
        return self._windows.flush(now_ns)

    def _batch(self, batch: Batch) -> Sequence[Message]:
        messages: list[Message] = [*self._windows.turn(batch.arrival_ns, self.image.quality)]
        self.readings += len(batch)
        self.image.observe(batch)
        self._windows.observe(batch)
        messages += self._changes.observe(batch)
        messages += self._judge(batch)
        return messages

    def _event(self, event: Event) -> Sequence[Message]:
        if event.kind is not EventKind.LOST:
            return ()
        batch = self.image.lost(event.device, event.time_ns)
        if batch is None:
            return ()
        self._windows.observe(batch)
        return self._changes.observe(batch)

    def _tick(self, tick: Tick) -> Sequence[Message]:
        self._synchronised = tick.synchronised
        self._windows.trust(synchronised=tick.synchronised)
        messages = [*self._step(tick)] if tick.stepped_ns else []
        messages += [*self._windows.turn(tick.time_ns, self.image.quality), *self.alarms.tick(tick.time_ns)]
        for finding in self._steady.observe(tick):
            messages += self.alarms.observe(finding)
        return messages

    def _step(self, tick: Tick) -> Sequence[Message]:
        """Let the clock be set, and nothing else happen with it."""
        self._steady.step(tick.stepped_ns)
        self.image.step(tick.stepped_ns)
        closed = self._windows.step(tick.time_ns, tick.stepped_ns, self.image.quality)
        return [*closed, *self.alarms.step(tick.time_ns, tick.stepped_ns)]

    def _judge(self, seen: Seen) -> Sequence[Message]:
        """Ask the detectors, who live in a time without steps."""
        messages: list[Message] = []
        steady = self._steady.of(seen)
        for detector in self._detectors:
            findings: Sequence[Finding] = detector.observe(steady)
            for finding in findings:
                messages += self.alarms.observe(self._steady.told(finding))
        return messages

    def _stamped(self, messages: Sequence[Message]) -> Sequence[Message]:
        return [self.stamped(each) for each in messages]
