"""Stuck: a measured value that answers, but has not moved by a digit for too long."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.detector import Detector, DetectorConfig, Kinds
from detectors.kept import Kept
from detectors.model import Finding, Severity
from protocols.model import Batch, Event, EventKind, Rows, Seen, Tick, span, usable
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Seconds, settings

NS = 1_000_000_000
CHECK_NS = NS
"""How often all points are looked over; a stuck value is a matter of minutes."""
LEAP_NS = 60 * NS
"""More time between two looks than this is no time that passed: the clock was set, or the gateway slept."""


@settings
class StuckConfig(DetectorConfig):
    """Finds measured values that stand still. Status points and exact zeros (de-energised) may."""

    detector: Literal["stuck"] = "stuck"
    after_s: Seconds = 600.0
    """How long a value may stand still; seconds."""
    severity: SeverityWord = "warning"
    """Severity of the alarm."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the measured values among the points."""
        rows = points.matching(self.points)
        measured = [row for row in rows if not points.configs[row].status]
        return StuckDetector(points, np.array(measured, np.int32), self)


class StuckDetector(Kept):
    """Remembers when each value last moved and was last read: silence is not standing still."""

    KEPT = ("_value", "_moved_ns", "_read_ns", "_active", "_checked_ns")
    sees: Kinds = (Batch, Event, Tick)

    def __init__(self, points: Points, rows: Rows, config: StuckConfig) -> None:
        self._points, self._config = points, config
        self.whose = np.arange(len(points), dtype=np.int32)
        self._after_ns = int(config.after_s * NS)
        self._watched = np.zeros(len(points), bool)
        self._watched[rows] = True
        self._value = np.full(len(points), np.nan)
        self._moved_ns = np.zeros(len(points), np.int64)
        self._read_ns = np.zeros(len(points), np.int64)
        self._active = np.zeros(len(points), bool)
        self._checked_ns = np.zeros((), np.int64)

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the values that were found stuck, or moved again."""
        if isinstance(seen, Batch):
            return self._batch(seen)
        if isinstance(seen, Tick) and not 0 <= seen.time_ns - int(self._checked_ns) < CHECK_NS:
            if not 0 <= seen.time_ns - int(self._checked_ns) < LEAP_NS:
                self._begin_anew(slice(None), seen.time_ns)
            self._checked_ns[...] = seen.time_ns
            return self._check(seen.time_ns)
        if isinstance(seen, Event) and seen.kind is EventKind.CONNECTED:
            rows = self._points.rows_of.get(seen.device, range(0))
            self._begin_anew(slice(rows.start, rows.stop), seen.time_ns)
        return ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if self._watched[list(finding.rows)].all()]
        self._active.fill(False)
        for finding in taken:
            self._active[list(finding.rows)] = True
            self._value[list(finding.rows)] = np.nan if finding.actual is None else finding.actual
        return taken

    def _begin_anew(self, at: slice, now_ns: int) -> None:
        """Count from here: what lies before is no time that the values were seen to stand still."""
        self._moved_ns[at] = np.where(self._moved_ns[at] > 0, now_ns, 0)
        self._read_ns[at] = np.minimum(self._read_ns[at], now_ns)

    def _batch(self, batch: Batch) -> Sequence[Finding]:
        at, now_ns = span(batch.rows), batch.arrival_ns
        moved = batch.values != self._value[at]
        if batch.complete and np.count_nonzero(moved) == len(moved):
            self._value[at], self._read_ns[at], self._moved_ns[at] = batch.values, now_ns, now_ns
        else:
            good = usable(batch.quality)
            moved &= good
            silent = good & (now_ns - self._read_ns[at] >= self._after_ns)
            self._value[at] = np.where(good, batch.values, self._value[at])
            self._read_ns[at] = np.where(good, now_ns, self._read_ns[at])
            self._moved_ns[at] = np.where(moved | silent, now_ns, self._moved_ns[at])
        if not np.count_nonzero(freed := moved & self._active[at]):
            return ()
        rows = batch.rows[freed]
        self._active[rows] = False
        return [self._finding(int(row), now_ns, active=False) for row in rows]

    def _check(self, now_ns: int) -> Sequence[Finding]:
        still = (self._read_ns - self._moved_ns >= self._after_ns) & (self._moved_ns > 0)
        still &= self._watched & ~self._active & (self._value != 0)
        rows = np.flatnonzero(still)
        self._active[rows] = True
        return [self._finding(int(row), now_ns, active=True) for row in rows]

    def _finding(self, row: int, now_ns: int, *, active: bool) -> Finding:
        value, unit = float(self._value[row]), f" {self._points.configs[row].unit}".rstrip()
        still_s = float(self._read_ns[row] - self._moved_ns[row]) / NS
        story = (
            f"stands at exactly {value:.9g}{unit} for {still_s:.0f} s" if active else f"moves again: {value:.6g}{unit}"
        )
        return Finding(
            detector="stuck",
            kind="stuck",
            device=self._points.device(row),
            rows=(row,),
            severity=Severity(self._config.severity),
            time_ns=now_ns,
            active=active,
            score=still_s / self._config.after_s,
            actual=value,
            text=f"{self._points.label(row)} {story}",
            evidence={"still_s": still_s, "after_s": self._config.after_s},
            technique="T0832",
        )
