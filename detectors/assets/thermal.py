"""Thermal: the temperatures of transformers against what load and weather explain (IEC 60076-7).

One alarm of each kind a transformer: `thermal`, its top oil is warmer than load and ambient explain; `hot_spot`, over
its limit; `thermal_overload`, it would get there at this load; `ageing`, a mean day costs more than a day of life.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from detectors.assets.conditions import turn
from detectors.assets.health import SIGNIFICANT, report
from detectors.assets.iec60076 import Fleet, Reals
from detectors.assets.inventory import Transformer, first, gathered, transformers
from detectors.assets.loading import Loading
from detectors.assets.oil_error import SIGMAS
from detectors.assets.temperatures import NS, Inputs, Temperatures
from detectors.assets.thermal_config import Cooling, Paper, Size, ThermalUnit
from detectors.assets.thermal_story import KINDS, Snapshot, condition, finding, outlook
from detectors.detector import Detector, DetectorConfig, Learned, Outlook
from detectors.framed import Framed
from detectors.model import Finding, Said, Severity
from protocols.model import Frame, Rows, Seen
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, Seconds, settings

LEARNING_H = 24.0
"""Until a day was seen the model's error is not known yet: so long the margin is half as wide again."""
ENOUGH_H = 6.0
"""A mean day is told when a quarter of one was seen."""
BACK = np.array([[0.5], [0.96], [0.96], [0.8]])
"""Where each condition ends, as a share of its limit: half the margin, and 5 K below 120 degC."""
AHEAD = np.array([*range(5, 60, 5), *range(60, 24 * 60 + 1, 15)], np.float64)
"""Minutes from now at which the hot spot is looked ahead."""


@settings
class ThermalConfig(DetectorConfig):
    """Follows top oil and hot spot of transformers from load and ambient; needs a load with a rating."""

    detector: Literal["thermal"] = "thermal"
    size: Size = "power"
    """What transformers are unless named below: power or distribution."""
    cooling: Cooling = "onan"
    """How they are cooled unless named below: onan, onaf, ofaf, odaf."""
    paper: Paper = "upgraded"
    """Their insulation unless named below: upgraded, kraft."""
    ambient_c: float = Field(default=20.0, ge=-50, le=60)
    """Ambient where none is measured; the oil is not compared with the model then; degC."""
    margin_k: float = Field(default=10.0, ge=2, le=50)
    """How much warmer than expected the top oil may be, K."""
    hot_spot_c: float = Field(default=120.0, ge=80, le=180)
    """Limit of the hot spot, degC; IEC 60076-7 allows 120 in normal cyclic loading."""
    ageing_limit: float = Field(default=1.0, gt=0, le=100)
    """Most days of life that a mean day may cost."""
    life_h: float = Field(default=180_000.0, ge=1000, le=1_000_000)
    """Life of the insulation at rated temperature, hours."""
    delay_s: float = Field(default=900.0, ge=0, le=86_400)
    """How long a condition must hold before its alarm, and before its end; seconds."""
    report_every_s: Seconds = 3600.0
    """How often the state of each transformer is told; seconds."""
    severity: SeverityWord = "warning"
    """Severity; a hot spot over its limit is one step higher."""
    transformers: tuple[ThermalUnit, ...] = ()
    """How single transformers are built."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the transformers whose load is known with a rating."""
        rows = points.matching(self.points)
        return ThermalDetector(points, self._able(points), self, rows.tolist())

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Tell of each transformer whether it is followed, and what is missing."""
        able = {each.name for each in self._able(points)}
        found = transformers(points, points.matching(self.points))
        return [outlook(points, each, followed=each.name in able) for each in found]

    def _able(self, points: Points) -> Sequence[Transformer]:
        found = transformers(points, points.matching(self.points))
        loads = Loading(points, found, self.ratings).rows
        return [each for each, rows in zip(found, loads, strict=True) if rows]

    @property
    def ratings(self) -> dict[str, float]:
        """The ratings that stand here, by transformer."""
        return {unit.name: unit.rating for unit in self.transformers if unit.rating is not None}


class ThermalDetector(Temperatures, Framed):
    """All transformers at once, every minute; the alarms' delays count only while load and ambient are known."""

    KEPT: ClassVar = (*Temperatures.MODEL, "_active", "_since", "_told_ns", "_told_health")

    def __init__(
        self, points: Points, found: Sequence[Transformer], config: ThermalConfig, watched: Sequence[int]
    ) -> None:
        units = {unit.name: unit for unit in config.transformers}
        own = [units.get(each.name) or ThermalUnit(name=each.name) for each in found]
        fleet = Fleet.of([unit.build(config.size, config.cooling) for unit in own])
        super().__init__(fleet, [(unit.paper or config.paper) == "upgraded" for unit in own])
        self._found, self._config = found, config
        self._every_ns = int(config.report_every_s * NS)
        self._loading = Loading(points, found, config.ratings)
        self._oil_at = _rows(points, found, "oil_temperature")
        self._ambient_at = _rows(points, found, "ambient_temperature")
        self._ambient_at[self._ambient_at < 0] = first(points, watched, "ambient_temperature")
        self._used = np.array([unit.life_used for unit in own])
        self._judged = (self._oil_at >= 0) & (self._ambient_at >= 0)
        n = len(found)
        self._active, self._since = np.zeros((len(KINDS), n), bool), np.zeros((len(KINDS), n), np.int64)
        self._told_ns, self._told_health = np.zeros(n, np.int64), np.full(n, np.nan)

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what began or ended with this frame, and the states that are due to be told."""
        if not isinstance(seen, Frame) or not self._found or not self.due(seen.time_ns):
            return ()
        oil_load, winding_load = self._loading.of(seen.values)
        ambient = np.where(self._ambient_at < 0, self._config.ambient_c, gathered(seen.values, self._ambient_at))
        inputs = Inputs(oil_load, winding_load, ambient, gathered(seen.values, self._oil_at))
        self.step(seen.time_ns, inputs, self._active[0])
        levels = self._levels()
        return [*self._judge(levels, seen.time_ns), *self._tell(seen, levels)]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        names = [each.name for each in self._found]
        taken = [each for each in active if each.subject in names and each.kind in KINDS]
        self._active.fill(False)
        for each in taken:
            self._active[KINDS.index(each.kind), names.index(each.subject)] = True
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return how far the model's error of each transformer with an oil thermometer is known."""
        bias, sigma = self.expected - self._oil, self._error.sigma
        return [
            Learned(
                each.name,
                "frozen" if self._active[0, n] else "ready" if self._learned_h[n] >= LEARNING_H else "learning",
                min(float(self._learned_h[n]) / LEARNING_H, 1.0),
                f"top oil {bias[n]:+.1f} K from the model, +-{sigma[n]:.1f} K, over {self._learned_h[n]:.0f} h"
                if np.isfinite(bias[n]) and np.isfinite(sigma[n])
                else "not enough of the top oil was measured yet",
            )
            for n, each in enumerate(self._found)
            if self._judged[n]
        ]

    def _judge(self, levels: Reals, now_ns: int) -> Sequence[Finding]:
        turned = turn(
            (self._active, self._since),
            over=levels > 1,
            back=levels < BACK,
            known=~np.isnan(levels) & self.known,
            now_ns=now_ns,
            delay_ns=int(self._config.delay_s * NS),
        )
        return [self._finding(kind, n, float(levels[kind, n]), now_ns) for kind, n in turned]

    def _finding(self, kind: int, n: int, level: float, now_ns: int) -> Finding:
        told = finding(
            KINDS[kind], self._snapshot(n), Severity(self._config.severity), active=bool(self._active[kind, n])
        )
        rows = (self._oil_at[n], *self._loading.rows[n], self._ambient_at[n])
        used = tuple(int(row) for row in rows if row >= 0)
        return replace(told, device=self._found[n].device, rows=used, time_ns=now_ns, score=level)

    @property
    def _margin(self) -> Reals:
        margin = self._config.margin_k * np.where(self._learned_h < LEARNING_H, 1.5, 1.0)
        return np.maximum(margin, SIGMAS * self._error.sigma)

    def _levels(self) -> Reals:
        """Return float64[kind, n]: how near each condition is to its limit, which is 1; NaN where it is not judged."""
        config = self._config
        excess = np.where(self._judged, self.excess, np.nan)
        rise = self._fleet.oil_end(self._oil_load)
        end = self._ambient + rise + self._error.of(rise) + np.where(np.isnan(excess), 0.0, excess)
        ahead = end + self._fleet.gradient(self._winding_load)
        rate = np.where(self._counted_h >= ENOUGH_H, self._day_rate, np.nan)
        over, beyond = self.hot_spot / config.hot_spot_c, ahead / config.hot_spot_c
        return np.stack([excess / self._margin, over, beyond, rate / config.ageing_limit])

    def _healths(self, levels: Reals) -> Reals:
        """Return float64[3, n] of cooling, hot spot and insulation, 100 good to 0 bad, NaN where it is not known."""
        used = self._used + self._life_h / self._config.life_h
        shares: Reals = np.stack([(3 - levels[0]) / 2.5, (1.2 - levels[1]) / 0.3, 1 - used])
        return 100 * np.minimum(np.maximum(shares, 0), 1)

    def _tell(self, frame: Frame, levels: Reals) -> Sequence[Said]:
        """Tell the states that are due, or whose health has changed."""
        healths = self._healths(levels)
        health = np.fmin.reduce(healths, axis=0)
        late = (frame.time_ns - self._told_ns >= self._every_ns) | (self._told_ns > frame.time_ns)
        changed = ~(np.abs(health - self._told_health) < SIGNIFICANT)
        due = np.flatnonzero((late | changed) & ~np.isnan(self._oil))
        self._told_ns[due], self._told_health[due] = frame.time_ns, health[due]
        return [report(condition(self._snapshot(n), healths[:, n], frame.utc_ns), frame.time_ns) for n in due.tolist()]

    def _snapshot(self, n: int) -> Snapshot:
        unit, config = self._found[n], self._config
        return Snapshot(
            name=unit.name,
            load=float(self._oil_load[n]),
            warmest_load=float(self._winding_load[n]),
            ambient=float(self._ambient[n]),
            ambient_measured=bool(self._ambient_at[n] >= 0),
            oil=float(self._measured[n]),
            expected=float(self.expected[n]),
            bias=float(self.expected[n] - self._oil[n]),
            learned=bool(self._learned_h[n] >= LEARNING_H),
            hot_spot=float(self.hot_spot[n]),
            hot_spot_limit=config.hot_spot_c,
            margin=float(self._margin[n]),
            day_rate=float(self._day_rate[n]),
            life_lost_h=float(self._life_h[n]),
            life_left_h=float(max(config.life_h * (1 - self._used[n]) - self._life_h[n], 0.0)),
            minutes_left=self._minutes_left(n),
            known=bool(self.known[n]),
        )

    def _minutes_left(self, n: int) -> float:
        """Return after how many minutes the hot spot reaches its limit at the load of now; infinity for never."""
        fleet = self._fleet.one(n)
        quick, slow = fleet.winding_after(
            self._quick[n : n + 1], self._slow[n : n + 1], self._winding_load[n : n + 1], AHEAD
        )
        end = fleet.oil_end(self._oil_load[n : n + 1])
        rise = fleet.oil_after(self._oil[n : n + 1] - self._ambient[n], end, AHEAD)
        excess = 0.0 if np.isnan(self.excess[n]) else float(self.excess[n])
        ahead = self._ambient[n] + rise + self._error.of(rise, slice(n, n + 1)) + excess + quick - slow
        over = np.flatnonzero(ahead > self._config.hot_spot_c)
        return float(AHEAD[over[0]]) if len(over) else np.inf


def _rows(points: Points, found: Sequence[Transformer], quantity: str) -> Rows:
    return np.array([first(points, each.rows, quantity) for each in found], np.int32)
