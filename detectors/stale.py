"""Stale: a device is connected, yet some of its points bring no reading any more."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.detector import Detector, DetectorConfig, Kinds
from detectors.kept import Kept
from detectors.model import Finding, Severity
from protocols.model import Batch, Event, EventKind, Rows, Seen, Tick, span
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, settings

NS = 1_000_000_000
NAMED = 5
"""Points named in the text; the alarm lists all."""
LEAP_NS = 5 * NS
"""More time between two ticks than this is no silence: the clock was set, or the gateway slept."""


@settings
class StaleConfig(DetectorConfig):
    """Finds points without readings while their device is connected; a lost device is one comm_lost alarm instead."""

    detector: Literal["stale"] = "stale"
    after_scans: float = Field(default=5.0, ge=2, le=1000)
    """How many of its intervals a point may stay silent."""
    at_least_s: float = Field(default=5.0, ge=0.1, le=86_400)
    """Shortest silence that counts; seconds."""
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the points."""
        return StaleDetector(points, points.matching(self.points), self)


class StaleDetector(Kept):
    """One finding a device, naming its silent points."""

    KEPT = ("_read_ns", "_lost", "_silent", "_tick_ns")
    sees: Kinds = (Batch, Event, Tick)

    def __init__(self, points: Points, rows: Rows, config: StaleConfig) -> None:
        self._points, self._severity = points, Severity(config.severity)
        self.whose = np.arange(len(points), dtype=np.int32)
        self._watched = np.zeros(len(points), bool)
        self._watched[rows] = True
        self._allowed_ns = (np.maximum(points.every_s * config.after_scans, config.at_least_s) * NS).astype(np.int64)
        self._read_ns = np.zeros(len(points), np.int64)
        self._lost = np.zeros(len(points), bool)
        self._silent = np.zeros(len(points), bool)
        self._tick_ns = np.zeros((), np.int64)
        self._least_ns = int(self._allowed_ns[rows].min(initial=np.iinfo(np.int64).max // 2))
        self._due_ns = 0  # before it nobody can become silent, and nobody is

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the devices whose set of silent points changed."""
        if isinstance(seen, Batch):
            self._read_ns[span(seen.rows)] = seen.arrival_ns
            self._due_ns = min(self._due_ns, seen.arrival_ns + self._least_ns)
        elif isinstance(seen, Event):
            self._event(seen)
        elif isinstance(seen, Tick):
            return self._check(seen)
        return ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped: only a reading ends it."""
        taken = [finding for finding in active if self._watched[list(finding.rows)].any()]
        self._silent.fill(False)
        self._due_ns = 0
        for finding in taken:
            self._silent[list(finding.rows)] = True
        self._read_ns[(self._read_ns == 0) & ~self._silent] = self._tick_ns  # what a reload has added is new
        return taken

    def _event(self, event: Event) -> None:
        rows = self._points.rows_of.get(event.device)
        if rows is not None and event.kind in (EventKind.LOST, EventKind.CONNECTED):
            at = slice(rows.start, rows.stop)
            self._lost[at] = event.kind is EventKind.LOST
            self._begin_anew(at, event.time_ns)

    def _check(self, tick: Tick) -> Sequence[Finding]:
        if not 0 <= tick.time_ns - int(self._tick_ns) < LEAP_NS:
            self._begin_anew(slice(None), tick.time_ns)
        self._tick_ns[...] = tick.time_ns
        if tick.time_ns <= self._due_ns:
            return ()
        judged, until_ns = self._watched & ~self._lost, self._read_ns + self._allowed_ns
        silent = (tick.time_ns > until_ns) & judged
        self._due_ns = 0 if silent.any() else int(until_ns[judged].min(initial=tick.time_ns + self._least_ns))
        changed = sorted(set(self._points.device_of[silent != self._silent].tolist()))
        self._silent[:] = silent
        devices = [self._points.devices[index] for index in changed]
        return [self._finding(device, self._rows(device), tick.time_ns) for device in devices]

    def _begin_anew(self, at: slice, now_ns: int) -> None:
        """Let silence count from here, but not end: what is silent already stays so until it is read."""
        self._read_ns[at] = np.where(self._silent[at], 0, now_ns)
        self._due_ns = 0

    def _rows(self, device: str) -> tuple[int, ...]:
        return tuple(row for row in self._points.rows_of[device] if self._silent[row])

    def _relief(self, device: str) -> str:
        lost = any(self._lost[row] for row in self._points.rows_of[device])
        return f"{device} is lost as a whole" if lost else f"{device} is fresh"

    def _finding(self, device: str, rows: tuple[int, ...], now_ns: int) -> Finding:
        total = len(self._points.rows_of.get(device, ()))
        names = ", ".join(self._points.names[row] for row in rows[:NAMED]) + (", …" if len(rows) > NAMED else "")
        return Finding(
            detector="stale",
            kind="stale",
            device=device,
            rows=rows,
            severity=self._severity,
            time_ns=now_ns,
            active=bool(rows),
            score=len(rows) / max(total, 1),
            text=f"{device}: {len(rows)} of {total} points bring no readings: {names}"
            if rows
            else self._relief(device),
            evidence={"silent": len(rows), "points": total},
        )
