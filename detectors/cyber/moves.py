"""What has just moved in the plant: breakers and outputs, and whatever could be the reason for them to move.

A reason is a status of the same bay or device (a pickup, a protection trip, the local/remote switch), a current that
rises, a voltage that leaves its place; a command of somebody who may; a device that starts or is reached again.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from detectors.cyber.policy import Rules
from protocols.model import UNUSABLE, Batch, Event, EventKind, Frame, Rows, span
from protocols.point import PointConfig
from protocols.points import Points
from protocols.sighting import Sighting

NS: Final = 1_000_000_000
WINDOW_NS: Final = 2 * NS
"""Reasons come so shortly before or after what they move."""
COMMAND_NS: Final = 10 * NS
"""A command moves an output within this time: motor drives are slow, and so are polls."""
FRESH_NS: Final = 60 * NS
"""For so long after a device has started, or is reached again, what it shows may be old news."""
WAIT_MAX_NS: Final = 12 * NS
"""Longest wait for the reason of a move; points that are read more seldom come too late."""
TAP_NS: Final = 300 * NS
"""For so long after the last word of a tap there is one."""

OUTPUT, BREAKER, STATUS, CURRENT, VOLTAGE = 1, 2, 4, 8, 16
STEP: Final = {CURRENT: 0.2, VOLTAGE: 0.05}
"""Relative change that may be a fault: load flickers by some per cent, the voltage by less."""
FLOOR: Final = 0.1
"""Of the rating: changes of less current than a part of this are no fault."""


class Move(NamedTuple):
    """A point that has changed: when the gateway had it, and when its reason must be known."""

    row: int
    was: float
    value: float
    time_ns: int
    due_ns: int


@dataclass(slots=True)
class Commanded:
    """The last command that was seen to a device: `allowed` whether its source may."""

    time_ns: int
    source: str
    allowed: bool


class Moves:
    """Follows breakers, outputs and their reasons. `moved` is what the newest batch moved."""

    def __init__(self, points: Points, rules: Rules) -> None:
        self.moved: list[Move] = []
        self._points, self._rules = points, rules
        self._sense = np.array([_sense(config) for config in points.configs], np.uint8)
        self._states = (self._sense & (OUTPUT | BREAKER | STATUS)) != 0
        self._stateless = not self._states.any()
        self._last = [np.nan] * len(points)
        self._measured: Rows = np.flatnonzero(self._sense & (CURRENT | VOLTAGE)).astype(np.int32)
        self._current = (self._sense[self._measured] & CURRENT) != 0
        self._step = np.where(self._current, STEP[CURRENT], STEP[VOLTAGE])
        rating = points.column(lambda config: config.role.rating if config.role else None)[self._measured]
        self._floor = np.where(self._current, FLOOR * np.nan_to_num(rating), 0.0)
        self._before = np.full(len(self._measured), np.nan)
        self._reasons: dict[str, tuple[int, int]] = {}
        self._commands: dict[str, Commanded] = {}
        self._fresh: dict[str, int] = {}
        self._tapped_ns = -TAP_NS
        self._wait_ns = np.minimum(WINDOW_NS + (points.every_s * NS), WAIT_MAX_NS).astype(np.int64)

    def batch(self, batch: Batch) -> None:
        """Take states as they come, in their order."""
        if self.moved:
            self.moved = []
        if self._stateless:
            return
        rows, quality, last = batch.rows, batch.quality, self._last
        for place in self._states[span(rows)].nonzero()[0].tolist():
            row, value = int(rows[place]), float(batch.values[place])
            was = last[row]
            if value != was and not int(quality[place]) & UNUSABLE:
                last[row] = value
                if was == was:  # noqa: PLR0124 - not the first one
                    self._take(row, was, value, batch.arrival_ns)

    def frame(self, frame: Frame) -> None:
        """Take what is measured, once a second: a current that rises, a voltage that leaves its place."""
        if not len(self._measured):
            return
        values, before = frame.values[self._measured], self._before
        least = self._step * np.maximum(np.abs(before), self._floor)
        off = values - before
        reasons = (np.abs(off) > least) & np.where(self._current, off > 0, values > before / 10)
        for place in np.flatnonzero(reasons).tolist():
            self._note(int(self._measured[place]), frame.time_ns)
        self._before = np.where(np.isnan(values), before, values)

    def event(self, seen: Event) -> None:
        """Take what may be a reason: commands, and devices that begin anew."""
        if not isinstance(seen, Sighting):
            if seen.kind in (EventKind.CONNECTED, EventKind.LOST, EventKind.RESTART):
                self._fresh[seen.device] = seen.time_ns
        elif seen.kind is EventKind.RESTART and seen.live:
            self._fresh[seen.device] = seen.time_ns
        elif not seen.live:
            self._tapped_ns = max(self._tapped_ns, seen.time_ns)

    def command(self, device: str, seen: Sighting) -> None:
        """Take a command to `device`, a configured one."""
        action = str(seen.facts.get("action", ""))
        allowed = self._rules.allow(seen.source, seen.target, seen.protocol, action) or self._rules.silent(action)
        self._commands[device] = Commanded(seen.time_ns, seen.source, allowed)

    def tapped(self, now_ns: int) -> bool:
        """Return whether a tap sees what others do."""
        return now_ns - self._tapped_ns < TAP_NS

    def opened(self, move: Move) -> bool:
        """Return whether it is a breaker that has opened."""
        if not self._sense[move.row] & BREAKER:
            return False
        closed, open_ = (2.0, 1.0) if self._points.configs[move.row].kind == "dbpos" else (1.0, 0.0)
        return move.was == closed and move.value == open_

    def commanded(self, move: Move) -> Commanded | None:
        """Return the command that may have moved it."""
        last = self._commands.get(self._points.device(move.row))
        return last if last and -WINDOW_NS <= move.time_ns - last.time_ns <= COMMAND_NS else None

    def reason(self, move: Move) -> int | None:
        """Return the row that shows why it moved, None when none does."""
        for place in self._places(move.row):
            row, time_ns = self._reasons.get(place, (-1, 0))
            if row >= 0 and row != move.row and abs(move.time_ns - time_ns) <= WINDOW_NS + self._slack_ns(move):
                return row
        return None

    def fresh(self, move: Move) -> bool:
        """Return whether its device has just started, or was just reached again."""
        since_ns = self._fresh.get(self._points.device(move.row))
        return since_ns is not None and abs(move.time_ns - since_ns) < FRESH_NS

    def output(self, row: int) -> bool:
        """Return whether it is an output or a set point."""
        return bool(self._sense[row] & OUTPUT)

    def _slack_ns(self, move: Move) -> int:
        return move.due_ns - move.time_ns - WINDOW_NS

    def _take(self, row: int, was: float, value: float, time_ns: int) -> None:
        if self._sense[row] & (OUTPUT | BREAKER):
            self.moved.append(Move(row, was, value, time_ns, time_ns + int(self._wait_ns[row])))
        else:
            self._note(row, time_ns)

    def _note(self, row: int, time_ns: int) -> None:
        for place in self._places(row):
            self._reasons[place] = row, time_ns

    def _places(self, row: int) -> tuple[str, ...]:
        """Return where its reasons are looked for: its bay and its device; as many as the configuration has."""
        role = self._points.configs[row].role
        device = f"device {self._points.device(row)}"
        return (f"bay {role.bay}", device) if role and role.bay else (device,)


def _sense(config: PointConfig) -> int:
    quantity = config.role.quantity if config.role else None
    if quantity == "breaker":
        return BREAKER | (OUTPUT if config.commanded else 0)
    if config.commanded:
        return OUTPUT
    if quantity in ("current", "voltage"):
        return CURRENT if quantity == "current" else VOLTAGE
    return STATUS if config.status else 0
