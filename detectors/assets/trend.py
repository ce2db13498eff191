"""Trend: a value that moves towards its limit and will reach it, with the date and how sure that is."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np

from detectors.assets.conditions import turn
from detectors.assets.gases import GASES, TYPICAL
from detectors.assets.health import date
from detectors.assets.means import Means, Reals
from detectors.detector import Detector, DetectorConfig
from detectors.framed import Framed
from detectors.model import Finding, Report, Said, Severity
from protocols.model import Frame, Rows, Seen
from protocols.point import PointConfig, SeverityWord
from protocols.points import Points
from protocols.settings import Field, settings

NS = 1_000_000_000
DAY_NS = 86_400 * NS
LOOK_NS = 60 * NS
"""An hour's mean of sixty looks is as good as of all readings of a value that drifts."""
FOLLOWING = (
    "voltage", "current", "active_power", "reactive_power", "apparent_power", "power_factor", "frequency", "energy",
)  # fmt: skip
"""They follow customers, weather and markets, of which a drift of days says nothing: forecast and limits watch them."""
MOST = 1e30
"""Larger numbers are no measurements; their means would overflow."""


@settings
class TrendConfig(DetectorConfig):
    """Finds values that drift towards limits.high or low over days and weeks; gases also to what is typical."""

    detector: Literal["trend"] = "trend"
    horizon_d: float = Field(default=30.0, ge=1, le=365)
    """How far ahead a limit is announced, days; never further than the trend was seen."""
    delay_s: float = Field(default=10_800.0, ge=0, le=604_800)
    """How long a limit must lie ahead before the alarm, and no longer before its end; seconds."""
    severity: SeverityWord = "info"
    """Severity of the alarm; it tells of days to come, and needs nobody now."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the points with limits, and for gases."""
        rows = [row for row in points.matching(self.points).tolist() if _limits(points.configs[row]) != (None, None)]
        return TrendDetector(points, np.array(rows, np.int32), self)


class TrendDetector(Means, Framed):
    """Looks each minute, judges each hour; one alarm a point."""

    KEPT: ClassVar = (*Means.MODEL, "_looked_ns", "_active", "_since", "_told_ns")

    def __init__(self, points: Points, rows: Rows, config: TrendConfig) -> None:
        super().__init__(len(rows))
        self._points, self._rows, self._config, self.whose = points, rows, config, rows
        limits = [_limits(points.configs[row]) for row in rows.tolist()]
        self._floor = np.array([np.nan if low is None else low for low, _ in limits], np.float64)
        self._ceiling = np.array([np.nan if high is None else high for _, high in limits], np.float64)
        self._looked_ns = np.zeros((), np.int64)
        self._active, self._since = np.zeros((1, len(rows)), bool), np.zeros((1, len(rows)), np.int64)
        self._told_ns = np.zeros(len(rows), np.int64)

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what began or ended with this frame, and the trends of the day."""
        if not isinstance(seen, Frame) or not len(self._rows) or 0 <= seen.time_ns - int(self._looked_ns) < LOOK_NS:
            return ()
        self._looked_ns[...] = seen.time_ns
        values = seen.values[self._rows]
        with np.errstate(invalid="ignore"):
            values = np.where(np.abs(values) < MOST, values, np.nan)
        return self._judge(seen) if self.add(values, seen.time_ns) else ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        index = {row: n for n, row in enumerate(self._rows.tolist())}
        taken = [each for each in active if each.rows and each.rows[0] in index]
        self._active.fill(False)
        for each in taken:
            self._active[0, index[each.rows[0]]] = True
        return taken

    def _judge(self, frame: Frame) -> Sequence[Said]:
        found = self.slopes()
        rising = found.slope > 0
        least, largest = self.peaks()
        left = np.where(rising, self._ceiling - largest, least - self._floor)
        ends = np.abs(np.stack([found.slope, found.low, found.high]))
        sure = (found.low * found.high > 0) & ~np.isnan(found.days)
        with np.errstate(divide="ignore", invalid="ignore"):
            days = np.where(sure & (left > 0), left / ends, np.inf)
        days.sort(axis=0)
        ahead = np.minimum(self._config.horizon_d, found.days)
        over, back = (days[1] <= ahead)[None, :], (~(days[1] <= 1.5 * ahead) & ~(left <= 0))[None, :]
        turned = turn(
            (self._active, self._since),
            over=over,
            back=back,
            known=~np.isnan(largest)[None, :],
            now_ns=frame.time_ns,
            delay_ns=int(self._config.delay_s * NS),
        )
        changed = [self._finding(n, float(found.slope[n]), days[:, n], frame) for _, n in turned]
        due = over[0] & ((frame.time_ns - self._told_ns >= DAY_NS) | (self._told_ns > frame.time_ns))
        self._told_ns[due] = frame.time_ns
        return [
            *changed,
            *(self._report(n, float(found.slope[n]), days[:, n], frame) for n in np.flatnonzero(due).tolist()),
        ]

    def _limit(self, n: int, slope: float) -> float:
        return float(self._ceiling[n] if slope > 0 else self._floor[n])

    def _finding(self, n: int, slope: float, days: Reals, frame: Frame) -> Finding:
        row, active = int(self._rows[n]), bool(self._active[0, n])
        label, unit = self._points.label(row), f" {self._points.configs[row].unit}".rstrip()
        soon, likely, late = (_day(frame, each) for each in days.tolist())
        word, limit = ("rises", "high") if slope > 0 else ("falls", "low")
        level = f"{label} {word} {abs(slope):.3g}{unit} a day"
        story = f"{level}, reaches {limit} limit {self._limit(n, slope):.6g}{unit} about {likely}"
        return Finding(
            detector="trend",
            kind="trend",
            device=self._points.device(row),
            rows=(row,),
            severity=Severity(self._config.severity),
            time_ns=frame.time_ns,
            active=active,
            expected=self._limit(n, slope) if active else None,
            actual=float(frame.values[row]) if np.isfinite(frame.values[row]) else None,
            text=f"{story} (95 %: {soon} to {late})" if active else f"{label} no longer moves towards its limit",
            causes=("slow change of the plant", "drift of the sensor") if active else (),
            advice="Look at the point before that date; compare it with its neighbours for a drift." if active else "",
            evidence=_numbers(slope, days) if active else {},
        )

    def _report(self, n: int, slope: float, days: Reals, frame: Frame) -> Report:
        label = self._points.label(int(self._rows[n]))
        soon, likely, late = (_day(frame, each) for each in days.tolist())
        body = {"limit": self._limit(n, slope), "limit_date": likely, "earliest": soon, "latest": late}
        return Report("trend", label, frame.time_ns, {**body, **_numbers(slope, days), "confidence": 0.95})


def _limits(config: PointConfig) -> tuple[float | None, float | None]:
    """Return low and high limit, the first that is reached; of a gas what is typical where it has none."""
    limits, quantity = config.limits, config.role.quantity if config.role is not None else None
    if quantity in FOLLOWING:
        return None, None
    low = (limits.low if limits.low is not None else limits.low_low) if limits is not None else None
    high = (limits.high if limits.high is not None else limits.high_high) if limits is not None else None
    if high is None and quantity in GASES:
        high = float(TYPICAL[GASES.index(quantity)])
    return low, high


def _numbers(slope: float, days: Reals) -> dict[str, float | None]:
    keys = ("days_at_least", "days_likely", "days_at_most")
    told = [round(each, 2) if np.isfinite(each) else None for each in days.tolist()]
    return {"change_a_day": slope, **dict(zip(keys, told, strict=True))}


def _day(frame: Frame, days: float) -> str:
    found = date(frame.utc_ns + int(days * DAY_NS)) if days < 36_525 else None
    return found[:10] if found else "later"
