"""What is served once more: time tags that go back, and energy that is no longer counted while power flows.

That whole blocks of values come again is found by `replay`, that one value stands still by `stuck`; here is what these
cannot see. Only counters that have counted are looked at, and only points whose times have moved on.
"""

from typing import ClassVar, Final

import numpy as np

from detectors.cyber.check import Check, Desk
from detectors.model import Severity
from protocols.model import Batch, Event, EventKind, Frame, span
from protocols.sighting import Sighting

NS: Final = 1_000_000_000
OLDER_NS: Final = 2 * NS
"""Events of several points overtake one another by less."""
OLD_ENOUGH: Final = 3
"""Old times of a device within `OLD_WITHIN_NS` that are no accident."""
OLD_WITHIN_NS: Final = 60 * NS
FRESH_NS: Final = 60 * NS
"""For so long after a device is reached again it may bring what it had kept."""
COUNTED: Final = 20
"""Steps of a counter after which its pace is known."""
STALL: Final = 20.0
"""Times its usual interval that a counter may stand while power flows."""
LEAST_STALL_NS: Final = 120 * NS
ALPHA: Final = 0.1
"""Memory of a counter's pace: some ten steps."""
FLOWS: Final = 0.02
"""Of the rating, or of the most that was seen: less power moves no counter for long."""


class ReplayFrozen(Check):
    """Follows the times of all points, and the counters of energy with the power of their bay."""

    NAME: ClassVar[str] = "replay_frozen"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.CONNECTED, EventKind.CLOCK, EventKind.RESTART})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0856", "T0832")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    BATCHES: ClassVar[bool] = True
    FRAMES: ClassVar[bool] = True
    ADVICE: ClassVar[str] = "Read the device at its own display; believe no value of it until both agree."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        points = desk.points
        size = len(points)
        self._newest = np.zeros(size, np.int64)
        self._old: dict[str, list[int]] = {}
        self._fresh: dict[str, int] = {}
        powers = _powers(desk)
        self._counters, self._powers = np.array([*powers], np.intp), np.array([*powers.values()], np.intp)
        size = len(powers)
        self._value = np.full(size, np.nan)
        self._most = np.zeros(size)
        self._moved = np.zeros(size, np.int64)
        self._pace = np.zeros(size)
        self._steps = np.zeros(size, np.int64)
        self._flows = np.zeros(size, np.int64)
        """Since when power flows without a break, 0 while it does not."""

    def event(self, seen: Event) -> None:
        """Note that a device begins anew, or that its clock was set: then times may be old."""
        if not isinstance(seen, Sighting):
            self._fresh[seen.device] = max(seen.time_ns, self._fresh.get(seen.device, 0))

    def batch(self, batch: Batch) -> None:
        """Compare times with the newest of the same points, where they are not our own."""
        if len(batch) and (int(batch.time_ns[0]) != batch.arrival_ns or int(batch.time_ns[-1]) != batch.arrival_ns):
            self._times(batch)

    def frame(self, frame: Frame) -> None:
        """Follow counters, and the power of their bays."""
        if not len(self._counters):
            return
        now_ns, fresh = frame.time_ns, frame.fresh[self._counters]
        power = np.abs(frame.values[self._powers])
        self._most = np.fmax(self._most, power)
        flows = (power > FLOWS * self._most) & fresh
        self._flows = np.where(flows, np.where(self._flows, self._flows, now_ns), np.where(fresh, 0, self._flows))
        value = frame.values[self._counters]
        for place in np.flatnonzero(fresh & (value != self._value)).tolist():
            self._step(place, float(value[place]), now_ns)
        least_ns = np.maximum(STALL * self._pace, LEAST_STALL_NS)
        stands = fresh & (self._steps >= COUNTED) & (now_ns - self._moved >= least_ns)
        for place in np.flatnonzero(stands & flows & (now_ns - self._flows >= least_ns)).tolist():
            self._tell_stall(place, now_ns)

    def _times(self, batch: Batch) -> None:
        at = span(batch.rows)
        newest = self._newest[at]
        older = (batch.time_ns < newest - OLDER_NS) & (batch.time_ns > 0)
        if np.count_nonzero(older):
            row = int(batch.rows[int(np.flatnonzero(older)[0])])
            if self._fresh_now(self.desk.points.device(row), batch.arrival_ns):
                self._newest[at] = batch.time_ns  # its clock was set, or it starts anew: begin with what it says now
                return
            self._note_old(row, int(np.count_nonzero(older)), batch)
        self._newest[at] = np.maximum(newest, batch.time_ns)

    def _fresh_now(self, device: str, now_ns: int) -> bool:
        return 0 <= now_ns - self._fresh.get(device, -FRESH_NS) < FRESH_NS

    def _note_old(self, row: int, count: int, batch: Batch) -> None:
        device, now_ns = self.desk.points.device(row), batch.arrival_ns
        recent = [each for each in self._old.get(device, []) if now_ns - each < OLD_WITHIN_NS]
        self._old[device] = recent = [*recent, *[now_ns] * min(count, OLD_ENOUGH)][-OLD_ENOUGH:]
        if len(recent) == OLD_ENOUGH:
            text = f"{device} sends times older than it has sent before, from {self.desk.points.label(row)} on"
            self.alarm(Event(device, EventKind.CLOCK, "old times", now_ns), text, subject="times", rows=(row,))

    def _step(self, place: int, value: float, now_ns: int) -> None:
        if self._steps[place]:
            took_ns, pace = now_ns - int(self._moved[place]), self._pace[place]
            self._pace[place] = took_ns if self._steps[place] == 1 else pace + ALPHA * (took_ns - pace)
        self._value[place], self._moved[place] = value, now_ns
        self._steps[place] += 1

    def _tell_stall(self, place: int, now_ns: int) -> None:
        points, counter, power = self.desk.points, int(self._counters[place]), int(self._powers[place])
        self.alarm(
            Event(points.device(counter), EventKind.CLOCK, "stands", now_ns),
            f"{points.label(counter)} counts no more while power flows ({points.label(power)})",
            subject=points.names[counter],
            rows=(counter, power),
            evidence={"still_s": (now_ns - int(self._moved[place])) / NS, "usual_s": float(self._pace[place]) / NS},
            technique="T0832",
        )


def _powers(desk: Desk) -> dict[int, int]:
    """Return the power of each counter's bay by the counter's row, where there is one."""
    powers: dict[str, int] = {}
    counters: dict[int, str] = {}
    for row, config in enumerate(desk.points.configs):
        role = config.role
        if role is None or role.bay is None:
            continue
        if role.quantity == "active_power" and role.phase in (None, "total"):
            powers.setdefault(role.bay, row)
        elif role.quantity == "energy":
            counters[row] = role.bay
    return {row: powers[bay] for row, bay in counters.items() if bay in powers}
