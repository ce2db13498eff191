"""Rate of change: a value that moves faster than its quantity can."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from detectors.detector import Detector, DetectorConfig, Kinds
from detectors.kept import Kept
from detectors.model import Finding, Severity
from protocols.model import Batch, Rows, Seen, Span, span, usable
from protocols.points import Points
from protocols.settings import settings

NS = 1_000_000_000
SURE = 1 - 1e-9
"""What moves by less than this part of what it may is within, however the numbers are rounded."""
ANY = 1e280
"""A move a nanosecond of points that may move as they like; times any time it is still a number."""


@settings
class RateConfig(DetectorConfig):
    """Judges `limits.rate_per_s` of the points."""

    detector: Literal["rate"] = "rate"

    def build(self, points: Points) -> Detector:
        """Make the detector for the points that have a fastest believable change."""
        return RateDetector(points, points.matching(self.points))


class RateDetector(Kept):
    """Compares each reading with the last good one, by the readings' own times."""

    KEPT = ("_value", "_time_ns", "_active", "_calm_ns")
    sees: Kinds = (Batch,)

    def __init__(self, points: Points, rows: Rows) -> None:
        self._points = points
        self.whose = np.arange(len(points), dtype=np.int32)
        fastest = points.column(lambda config: config.limits.rate_per_s if config.limits else None)
        self._fastest = np.full(len(points), np.inf)
        self._fastest[rows] = np.where(np.isnan(fastest[rows]), np.inf, fastest[rows])
        self._watched = np.isfinite(self._fastest)
        self._value = np.full(len(points), np.nan)
        self._time_ns = np.zeros(len(points), np.int64)
        self._active = np.zeros(len(points), bool)
        self._calm_ns = np.zeros(len(points), np.int64)
        delays = points.column(lambda config: config.limits.off_delay_s if config.limits else 0.0)
        self._off_delay_ns = (delays * NS).astype(np.int64)
        self._surely = np.minimum(self._fastest * (SURE / NS), ANY)
        if not self._watched.any():
            self.sees = ()

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the points that began or ceased to move too fast."""
        if not isinstance(seen, Batch):
            return ()
        at = span(seen.rows)
        if seen.complete and self._calm(at, seen):
            return ()
        good = usable(seen.quality) & np.isfinite(seen.values)
        times = np.where(seen.time_ns == 0, seen.arrival_ns, seen.time_ns)
        before = self._time_ns[at]
        passed_s = (times - before) / NS
        with np.errstate(invalid="ignore", over="ignore"):  # no time passed, nothing known, or all of float64
            moved = np.abs(seen.values - self._value[at])
            fast = moved > self._fastest[at] * passed_s
        self._value[at] = np.where(good, seen.values, self._value[at])
        self._time_ns[at] = np.where(good, times, before)
        turn = np.flatnonzero((fast | self._active[at]) & good & (passed_s > 0) & (moved >= 0))
        return [
            finding
            for k in turn
            if (finding := self._turn(int(seen.rows[k]), bool(fast[k]), float(moved[k]) / float(passed_s[k]), seen))
        ]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if self._watched[list(finding.rows)].all()]
        self._active.fill(False)
        for finding in taken:
            self._active[list(finding.rows)] = True
            self._calm_ns[list(finding.rows)] = finding.time_ns
        return taken

    def _calm(self, at: Span, batch: Batch) -> bool:
        """Return whether no point turns with a complete batch, as nearly always; then it is taken."""
        if np.count_nonzero(self._active[at]):
            return False
        times, moved = batch.time_ns, batch.values - self._value[at]
        np.abs(moved, out=moved)
        passed_ns = (times - self._time_ns[at]).astype(np.float64)  # first: numpy is slow at a product of both kinds
        within = moved < passed_ns * self._surely[at]
        if np.count_nonzero(within) < len(within):
            return False
        self._value[at], self._time_ns[at] = batch.values, times
        return True

    def _turn(self, row: int, fast: bool, rate: float, batch: Batch) -> Finding | None:  # noqa: FBT001 - the event
        """Begin at once; end when no fast change was seen for the off delay."""
        if fast:
            self._calm_ns[row] = batch.arrival_ns
            began, self._active[row] = not self._active[row], True
            return self._finding(row, rate, batch.arrival_ns, active=True) if began else None
        self._calm_ns[row] = min(self._calm_ns[row], batch.arrival_ns)
        if batch.arrival_ns - self._calm_ns[row] < self._off_delay_ns[row]:
            return None
        self._active[row] = False
        return self._finding(row, rate, batch.arrival_ns, active=False)

    def _finding(self, row: int, rate: float, now_ns: int, *, active: bool) -> Finding:
        config, fastest = self._points.configs[row], float(self._fastest[row])
        assert config.limits is not None
        unit = f" {config.unit}/s" if config.unit else "/s"
        relation = "faster than" if active else "again within"
        return Finding(
            detector="rate",
            kind="rate_of_change",
            device=self._points.device(row),
            rows=(row,),
            severity=Severity(config.limits.severity),
            time_ns=now_ns,
            active=active,
            score=rate / fastest,
            expected=fastest,
            actual=rate,
            text=f"{self._points.label(row)} moves {rate:.4g}{unit}, {relation} {fastest:.4g}{unit}",
            evidence={"rate_per_s": rate, "fastest_per_s": fastest},
        )
