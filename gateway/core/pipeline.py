"""The pipeline: everything that was seen goes through it once, in order, and messages come out.

It asks no clock, no network and no disk: the same input gives the same messages, live or replayed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

import numpy as np

from detectors.cyber.baseline import Baseline
from detectors.detector import EVERYTHING, Daily, Detector, Learned, Learning, Remembering, sees
from detectors.kept import WHOSE, Kept, State
from detectors.model import Finding, Report
from gateway.core.alarms import Alarms
from gateway.core.annunciator import OWN, Annunciator
from gateway.core.changes import Changes
from gateway.core.frames import Frames
from gateway.core.image import Image
from gateway.core.messages import Alarm, Message, Summary, Unsaid
from gateway.core.rules import AlarmRules
from gateway.core.state import entries, marks, of_now
from gateway.core.steady import CLOCK, Steady
from gateway.core.summary import Windows
from gateway.core.tally import Tally
from gateway.core.trends import Trends
from protocols.model import Batch, Event, EventKind, Fed, Frame, Seen, Tick, sound
from protocols.points import Points

T = TypeVar("T", bound=Message | Unsaid)
RULES = AlarmRules()


class Pipeline:
    """Process image, windows, changes, detectors and alarms of one configuration.

    `reports` are the last ones, by kind and subject: as many as the detectors have subjects. `trends` are how the
    points went in the last hours, None where nobody asks for it.
    """

    def __init__(
        self,
        points: Points,
        detectors: Mapping[str, Sequence[Detector]],
        window_s: float,
        rules: AlarmRules = RULES,
        trends: Trends | None = None,
    ) -> None:
        self.points = points
        self.marks = marks(points)
        self.image = Image(points)
        self.alarms = Alarms(points)
        self.annunciator = Annunciator(self.alarms, points, self.image, rules)
        self.trends = trends
        self.readings = 0
        self.reports: dict[tuple[str, str], Report] = {}
        self._frames = Frames(self.image)
        self.windows = Windows(points, window_s)
        self.changes = Changes(points)
        self._steady = Steady()
        self._tally = Tally(points)
        self.synchronised = False
        self._named = detectors
        self._detectors = [detector for group in detectors.values() for detector in group]
        self._learning = {
            name: [detector for detector in group if isinstance(detector, Learning)]
            for name, group in detectors.items()
        }
        self._asked = {kind: [each for each in self._detectors if kind in sees(each)] for kind in EVERYTHING}

    @property
    def good(self) -> int:
        """Readings that the windows have counted so far."""
        return self.windows.good

    def take_over(self, older: "Pipeline", devices: Iterable[str]) -> None:
        """Go on with the readings of `devices`, the same in both: the last ones, the open window, what was sent."""
        here, there = (
            np.array([row for device in devices for row in each.points.rows_of[device]], np.int32)
            for each in (self, older)
        )
        self.image.take_over(older.image, there, here)
        self.changes.take_over(older.changes, there, here)
        self.windows.take_over(older.windows, there, here)
        self.synchronised = older.synchronised

    def resume(self, alarms: Iterable[Alarm], now_ns: int) -> Sequence[Message]:
        """Take up the alarms of before a restart; return those that nobody watches any more."""
        self.alarms.restore(alarms)
        self._tally.resume(self.alarms)
        active = {name: [self._steady.seen(each) for each in found] for name, found in self.alarms.findings().items()}
        detectors = ((detector, active.get(name, ())) for name, group in self._named.items() for detector in group)
        watched = [finding for detector, findings in detectors for finding in detector.resume(findings)]
        watched += self._steady.resume(active.get(CLOCK, ()))
        watched += self.annunciator.resume([finding for word in OWN for finding in active.get(word, ())])
        forgotten = self.alarms.forget([*self._named, CLOCK, *OWN], watched, now_ns)
        self.annunciator.forget(forgotten)
        return forgotten

    def learned(self) -> Mapping[str, Sequence[Learned]]:
        """Return how far each check is that has to learn what is normal."""
        return {name: [each for of in group for each in of.learned()] for name, group in self._learning.items()}

    def baselines(self) -> Mapping[str, Baseline]:
        """Return what is normal, by the word of the detector whose facts they are; of a second one with its number."""
        return {
            f"{name}/{index}" if index else name: detector.baseline
            for name, group in self._named.items()
            for index, detector in enumerate(each for each in group if isinstance(each, Remembering))
        }

    def utc_ns(self, steady_ns: int) -> int:
        """Return in UTC, as it is told now, a time that detectors remember."""
        return self._steady.utc_ns(steady_ns)

    def steady_ns(self, utc_ns: int) -> int:
        """Return a time of now as detectors remember it."""
        return self._steady.time_ns(utc_ns)

    def states(self) -> Iterator[tuple[str, State]]:
        """Return what must survive a restart beside the alarms, with whose it is.

        That of a detector is asked for as it comes, its own, which orders of people change, now.
        """
        own = [(owner, kept.state()) for owner, kept in self._own()]
        return chain(own, ((owner, self._state(kept)) for owner, kept in self._kept_by_detectors()))

    def _state(self, kept: Kept) -> State:
        of = entries(kept, self.marks)
        return kept.state() if of is None else {**kept.state(), WHOSE: of}

    def restore(self, states: Iterable[tuple[str, State]], *, same: bool = True) -> Sequence[str]:
        """Put back what `states` returned, before `resume`; return whose state was refused, and why.

        `same` is whether the points are the same in the same order; else it is told apart by point, where it can be.

        That of a detector which is no longer there is left out; one that is new, or whose configuration is another,
        begins anew.
        """
        refused, kept_by = [], dict(self._kept())
        for owner, state in states:
            kept = kept_by.get(owner)
            try:
                if kept is not None:
                    kept.restore(state if same else of_now(kept, state, self.marks))
            except ValueError as error:
                refused.append(f"{owner}: {error}")
        return refused

    def _kept(self) -> Iterator[tuple[str, Kept]]:
        return chain(self._own(), self._kept_by_detectors())

    def _own(self) -> Iterator[tuple[str, Kept]]:
        yield CLOCK, self._steady
        yield "frames", self._frames
        yield "annunciator", self.annunciator
        yield "tally", self._tally

    def _kept_by_detectors(self) -> Iterator[tuple[str, Kept]]:
        for name, group in self._named.items():
            for index, detector in enumerate(group):
                if isinstance(detector, Kept):
                    yield f"{name}/{index}/{detector.made_by}", detector

    def observe(self, seen: Fed) -> Sequence[Message | Unsaid]:
        """Return what there is to say after `seen`."""
        if isinstance(seen, Batch):
            return self._stamped(self._batch(sound(seen)) if len(seen) else ())
        if isinstance(seen, Event):
            return self._stamped([*self._event(seen), *self._ask(Event, self._steady.of(seen))])
        return self._stamped([*self._tick(seen), *self._ask(Tick, self._steady.of(seen)), *self._frame(seen)])

    def stamped(self, message: T) -> T:
        """Return a change or an alarm that says whether our clock is synchronised now; a window knows that itself."""
        if isinstance(message, Summary | Unsaid) or message.synchronised is self.synchronised:
            return message
        return replace(message, synchronised=self.synchronised)

    def flush(self, now_ns: int) -> Sequence[Message | Unsaid]:
        """Return the open windows, and what is to be kept of alarms, at a stop."""
        return [*map(self._tallied, self.windows.flush(now_ns)), *self.annunciator.flush(now_ns)]

    def so_far(self) -> Sequence[Report]:
        """Return the reports of the days that are open, as far as they have come."""
        days = [detector for detector in self._detectors if isinstance(detector, Daily)]
        reports = [report for detector in days for report in detector.so_far()]
        return [self.stamped(self._tally.joined(self._steady.told(report))) for report in reports]

    def _batch(self, batch: Batch) -> Sequence[Message | Unsaid]:
        messages: list[Message | Unsaid] = [*self.windows.turn(batch.arrival_ns, self.image.quality)]
        self.readings += len(batch)
        self.image.observe(batch)
        self.windows.observe(batch)
        messages += self.changes.observe(batch)
        messages += self._ask(Batch, self._steady.of(batch))
        return messages

    def _event(self, event: Event) -> Sequence[Message]:
        if event.kind is not EventKind.LOST:
            return ()
        batch = self.image.lost(event.device, event.time_ns)
        if batch is None:
            return ()
        self.windows.observe(batch)
        return self.changes.observe(batch)

    def _tick(self, tick: Tick) -> Sequence[Message | Unsaid]:
        self.synchronised = tick.synchronised
        self.windows.trust(synchronised=tick.synchronised)
        messages: list[Message | Unsaid] = [*self._step(tick)] if tick.stepped_ns else []
        messages += [*self.windows.turn(tick.time_ns, self.image.quality), *self.annunciator.tick(tick.time_ns)]
        for finding in self._steady.observe(tick):
            messages += self.annunciator.observe(finding)
        return messages

    def _step(self, tick: Tick) -> Sequence[Message]:
        """Let the clock be set, and nothing else happen with it."""
        self._steady.step(tick.stepped_ns)
        self.image.step(tick.stepped_ns)
        closed = self.windows.step(tick.time_ns, tick.stepped_ns, self.image.quality)
        return [*closed, *self.annunciator.step(tick.time_ns, tick.stepped_ns)]

    def _frame(self, tick: Tick) -> Sequence[Message]:
        frame = self._frames.turn(self._steady.time_ns(tick.time_ns), tick.time_ns)
        return self._ask(Frame, frame) if frame else ()

    def _ask(self, kind: type[Seen], steady: Seen) -> Sequence[Message]:
        """Ask the detectors, who live in a time without steps, about something of a `kind` that they see."""
        messages: list[Message] = []
        for detector in self._asked[kind]:
            for said in detector.observe(steady):
                messages += self._say(said)
        return messages

    def _say(self, said: Finding | Report) -> Sequence[Message]:
        if isinstance(said, Finding):
            return self.annunciator.observe(self._steady.told(said))
        return (self._steady.told(said),)

    def _stamped(self, messages: Sequence[Message | Unsaid]) -> Sequence[Message | Unsaid]:
        return [self.stamped(self._tallied(each)) for each in messages] if messages else []

    def _tallied(self, message: Message | Unsaid) -> Message | Unsaid:
        """Count alarms, follow windows, and keep reports: that of a day with the number of its alarms."""
        if isinstance(message, Alarm):
            self._tally.observe(message)
        if isinstance(message, Summary) and self.trends is not None:
            self.trends.observe(message)
        if not isinstance(message, Report):
            return message
        report = self._tally.joined(message)
        self.reports[report.kind, report.subject] = report
        return report
