"""Limits of a value: low-low, low, high, high-high, with hysteresis and delays (IEC 62682 / ISA-18.2 clause 11)."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Detector, DetectorConfig, Kinds
from detectors.kept import Kept
from detectors.model import Finding, Severity
from protocols.model import Batch, Event, EventKind, Rows, Seen, Tick, Values, span, usable
from protocols.points import Points
from protocols.settings import settings

LEVELS = ("low_low", "low", "high", "high_high")
SIGN = np.array([[-1.0], [-1.0], [1.0], [1.0]])
"""A limit is crossed where SIGN * value > SIGN * limit."""
NS = 1_000_000_000


@settings
class LimitsConfig(DetectorConfig):
    """Judges the `limits` of the points."""

    detector: Literal["limits"] = "limits"

    def build(self, points: Points) -> Detector:
        """Make the detector for the points that have limits."""
        return LimitsDetector(points, points.matching(self.points))


class LimitsDetector(Kept):
    """Four limits a point; one comparison a reading while everything is within its normal band.

    A delay counts from one good reading to the next: what cannot be judged, or a lost device, begins it anew.
    """

    KEPT = ("_active", "_since", "_busy", "_last")
    sees: Kinds = (Batch, Event, Tick)

    def __init__(self, points: Points, rows: Rows) -> None:
        self._points = points
        self.whose = np.arange(len(points), dtype=np.int32)
        judged = np.zeros(len(points), bool)
        judged[rows] = True
        self._limit = np.stack([_level(points, level, judged) for level in LEVELS])
        hysteresis = _setting(points, "hysteresis")
        self._back = self._limit - SIGN * hysteresis
        self._delay_ns = np.stack([_setting(points, "off_delay_s"), _setting(points, "on_delay_s")]) * NS
        self._floor = np.fmax(np.fmax(self._back[0], self._back[1]), -np.inf)
        self._ceiling = np.fmin(np.fmin(self._back[2], self._back[3]), np.inf)
        self._active = np.zeros_like(self._limit, bool)
        self._since = np.zeros_like(self._limit, np.int64)
        self._busy = np.zeros(len(points), bool)
        self._last = np.full(len(points), np.nan)
        if np.isnan(self._limit).all():
            self.sees = ()

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the limits that were crossed or left for longer than their delay."""
        if isinstance(seen, Batch):
            return self._batch(seen)
        if isinstance(seen, Tick) and np.count_nonzero(self._busy):
            rows = np.flatnonzero((self._since > 0).any(axis=0)).astype(np.int32)
            return self._judge(rows, self._last[rows], seen.time_ns) if len(rows) else ()
        if isinstance(seen, Event) and seen.kind is EventKind.LOST:
            self._pause(np.array(self._points.rows_of.get(seen.device, ()), np.int32))
        return ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped, where there still is a limit."""
        levels = [LEVELS.index(finding.kind.removeprefix("limit_")) for finding in active]
        taken = []
        self._active.fill(False)
        for level, finding in zip(levels, active, strict=True):
            rows = list(finding.rows)
            if not np.isnan(self._limit[level, rows]).any():
                self._active[level, rows] = True
                taken.append(finding)
        self._busy[:] = (self._active | (self._since > 0)).any(axis=0)
        return taken

    def _batch(self, batch: Batch) -> Sequence[Finding]:
        at, values = span(batch.rows), batch.values
        normal = values >= self._floor[at]
        normal &= values <= self._ceiling[at]
        if np.count_nonzero(self._busy):
            normal &= ~self._busy[at]
        if np.count_nonzero(normal) == len(normal):
            return ()
        known = usable(batch.quality) & ~np.isnan(values)
        self._pause(batch.rows[~normal & ~known])
        odd = np.flatnonzero(~normal & known)
        return self._judge(batch.rows[odd], values[odd], batch.arrival_ns) if len(odd) else ()

    def _pause(self, rows: Rows) -> None:
        """Hold the states of `rows`, about which nothing is known now."""
        self._since[:, rows] = 0
        self._busy[rows] = self._active[:, rows].any(axis=0)

    def _judge(self, rows: Rows, values: Values, now_ns: int) -> Sequence[Finding]:
        """Move the states of `rows`; a state moves when it has wanted to for as long as its delay."""
        active, since = self._active[:, rows], self._since[:, rows]
        signed = SIGN * values
        crossed, held = signed > SIGN * self._limit[:, rows], signed > SIGN * self._back[:, rows]
        moving = np.where(active, held, crossed) != active
        since = np.where(moving, np.where(since == 0, now_ns, np.minimum(since, now_ns)), 0)
        delay = np.where(active, self._delay_ns[0, rows], self._delay_ns[1, rows])
        fire = moving & (now_ns - since >= delay)
        active ^= fire
        since[fire] = 0
        self._active[:, rows], self._since[:, rows], self._last[rows] = active, since, values
        self._busy[rows] = (active | (since > 0)).any(axis=0)
        return [
            self._finding(int(level), int(rows[k]), float(values[k]), now_ns, active=bool(active[level, k]))
            for level, k in zip(*np.nonzero(fire), strict=True)
        ]

    def _finding(self, level: int, row: int, value: float, now_ns: int, *, active: bool) -> Finding:
        word, limit = LEVELS[level], float(self._limit[level, row])
        config = self._points.configs[row].limits
        assert config is not None
        severity = Severity(config.severity)
        beyond = abs(value - limit)
        side = ("below" if level < 2 else "above") if active else ("above" if level < 2 else "below")
        relation = f"is {side}" if active else f"is back {side}"
        unit = f" {self._points.configs[row].unit}".rstrip()
        return Finding(
            detector="limits",
            kind=f"limit_{word}",
            device=self._points.device(row),
            rows=(row,),
            severity=severity.next if word in ("low_low", "high_high") else severity,
            time_ns=now_ns,
            active=active,
            score=1.0 + beyond / max(abs(limit), 1e-9),
            expected=limit,
            actual=value,
            text=f"{self._points.label(row)} {value:.6g}{unit} {relation} {word.replace('_', '-')} {limit:.6g}{unit}",
            evidence={"limit": limit, "hysteresis": config.hysteresis, "beyond": beyond},
        )


def _level(points: Points, level: str, judged: NDArray[np.bool_]) -> Values:
    """Return float64[n]: the limit of each judged point, NaN (never crossed) where there is none."""
    limits = points.column(lambda config: getattr(config.limits, level) if config.limits else None)
    return np.where(judged, limits, np.nan)


def _setting(points: Points, key: str) -> Values:
    """Return float64[n]: a number of each point's limits, 0 where it has none."""
    return points.column(lambda config: getattr(config.limits, key) if config.limits else 0.0)
