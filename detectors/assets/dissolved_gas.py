"""Dissolved gas: faults inside a transformer, by the gases they leave in its oil (IEC 60599).

One alarm a transformer where a gas is above its typical value (`dissolved_gas`), with the fault that the gases together
tell, and one where a gas rises faster than is typical (`gassing`). The fault is that of the basic gas ratios, and where
they fit none, the zone of Duval's triangle 1: so most analyses of known faults come out right (benchmarks/detection).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.assets import gas_story as story
from detectors.assets.conditions import turn
from detectors.assets.gases import GASES, SERIOUS, Faults, Reals, fault_of, ratios, triangle, typical
from detectors.assets.health import SIGNIFICANT, report
from detectors.assets.inventory import Transformer, first, gathered, measuring, transformers
from detectors.assets.samples import Samples
from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.framed import Framed
from detectors.model import Finding, Said, Severity
from protocols.model import Frame, Seen
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, Name, Seconds, settings

NS = 1_000_000_000
LOOK_NS = 300 * NS
"""Gases move in hours."""
MOST_PPM = 1e6
BACK = 0.9
"""An alarm ends a tenth below its limit: less is what two analyses of one sample differ by."""


@settings
class DissolvedGasConfig(DetectorConfig):
    """Judges gases dissolved in transformer oil; needs points with the roles of gases, in ppm."""

    detector: Literal["dissolved_gas"] = "dissolved_gas"
    typical: float = Field(default=1.0, ge=0.1, le=10)
    """Times the typical values of IEC 60599 that gases may reach; limits.high of a gas goes before them."""
    typical_rate: float = Field(default=1.0, ge=0.1, le=100)
    """Times the typical rates of rise of IEC 60599 that gases may rise at."""
    shared_oil: tuple[Name, ...] = ()
    """Transformers whose tap changer shares their oil: its arcs make acetylene."""
    delay_s: float = Field(default=600.0, ge=0, le=86_400)
    """How long a gas must be above its limit before the alarm, and below before its end; seconds."""
    report_every_s: Seconds = 3600.0
    """How often the state of each transformer is told; seconds."""
    severity: SeverityWord = "warning"
    """Severity; discharges and thermal faults above 700 degC are one step higher."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the transformers that have gases."""
        found = transformers(points, points.matching(self.points))
        return DissolvedGasDetector(points, [each for each in found if _gases(points, each)], self)

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Tell of each transformer which faults its gases can tell."""
        found = transformers(points, points.matching(self.points))
        return [story.outlook(each.name, _gases(points, each)) for each in found]


class DissolvedGasDetector(Samples, Framed):
    """All transformers at once, each five minutes; an alarm is told again when its fault becomes a serious one."""

    KEPT: ClassVar = (*Samples.MODEL, "_looked_ns", "_active", "_since", "_serious", "_told_ns", "_told_health")

    def __init__(self, points: Points, found: Sequence[Transformer], config: DissolvedGasConfig) -> None:
        n = len(found)
        super().__init__(n)
        self._found, self._config = found, config
        at = np.array([[first(points, each.rows, gas) for gas in GASES] for each in found], np.int32)
        self._at = at.reshape(n, len(GASES))
        self._typical, self._typical_rate = _limits(points, found, self._at, config)
        self._looked_ns = np.zeros((), np.int64)
        self._active, self._since = np.zeros((2, n), bool), np.zeros((2, n), np.int64)
        self._serious = np.zeros(n, bool)
        self._told_ns, self._told_health = np.zeros(n, np.int64), np.full(n, np.nan)

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what began or ended with this frame, and the states that are due to be told."""
        if not isinstance(seen, Frame) or not self._found or 0 <= seen.time_ns - int(self._looked_ns) < LOOK_NS:
            return ()
        self._looked_ns[...] = seen.time_ns
        read = gathered(seen.values, self._at)
        gases = np.where((read >= 0) & (read <= MOST_PPM), read, np.nan)
        self.add(gases, seen.time_ns)
        both = diagnosed(gases)
        rises = np.where(np.isnan(gases), np.nan, self.surely)
        levels = np.stack([_worst(gases / self._typical), _worst(rises / self._typical_rate)])
        return [*self._judge(gases, both, levels, seen.time_ns), *self._tell(seen, gases, both, levels)]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        names = [each.name for each in self._found]
        taken = [each for each in active if each.subject in names and each.kind in story.KINDS]
        self._active.fill(False)
        for each in taken:
            self._active[story.KINDS.index(each.kind), names.index(each.subject)] = True
        self._serious &= self._active[0]
        return taken

    def _judge(self, gases: Reals, both: Faults, levels: Reals, now_ns: int) -> Sequence[Finding]:
        state, delay_ns = (self._active, self._since), int(self._config.delay_s * NS)
        known = ~np.isnan(levels)
        turned = list(turn(state, over=levels > 1, back=levels < BACK, known=known, now_ns=now_ns, delay_ns=delay_ns))
        serious = np.isin(fault_of(both), SERIOUS) & self._active[0] & known[0]
        worse = np.flatnonzero(serious & ~self._serious).tolist()
        self._serious[...] = self._active[0] & (self._serious | serious)
        turned += [(0, n) for n in worse if (0, n) not in turned]
        return [
            self._finding(kind, n, self._analysis(n, gases, both), float(levels[kind, n]), now_ns) for kind, n in turned
        ]

    def _finding(self, kind: int, n: int, found: story.Analysis, level: float, now_ns: int) -> Finding:
        """Return the finding; its first point is the gas that is furthest beyond its limit."""
        shares = found.gases / found.typical if kind == 0 else self.surely[n] / self._typical_rate[n]
        order = np.argsort(np.where(np.isnan(shares), np.inf, -shares), kind="stable")
        order = order[self._at[n, order] >= 0]
        severity = Severity(self._config.severity)
        told = story.finding(kind, self._found[n].name, found, order.tolist())
        return replace(
            told,
            device=self._found[n].device,
            rows=tuple(self._at[n, order].tolist()),
            severity=severity.next if self._serious[n] and kind == 0 else severity,
            time_ns=now_ns,
            active=bool(self._active[kind, n]),
            score=level,
        )

    def _analysis(self, n: int, gases: Reals, both: Faults) -> story.Analysis:
        return story.Analysis(
            gases=gases[n],
            zone=int(both[0, n]),
            ratio=int(both[1, n]),
            typical=self._typical[n],
            rate=self.rate[n],
            typical_rate=self._typical_rate[n],
            active=tuple(self._active[:, n].tolist()),
        )

    def _tell(self, frame: Frame, gases: Reals, both: Faults, levels: Reals) -> Sequence[Said]:
        """Tell the states that are due, or whose health has changed."""
        with np.errstate(divide="ignore"):
            health = np.where(levels[0] > 1, 80 - 25 * np.log2(levels[0]), 100 - 20 * levels[0])
        health -= 30.0 * (np.isin(fault_of(both), SERIOUS) & self._active[0]) + 20.0 * self._active[1]
        health = np.minimum(np.maximum(health, 0.0), 100.0)
        late = (frame.time_ns - self._told_ns >= self._config.report_every_s * NS) | (self._told_ns > frame.time_ns)
        changed = ~(np.abs(health - self._told_health) < SIGNIFICANT)
        due = np.flatnonzero((late | changed) & ~np.isnan(health))
        self._told_ns[due], self._told_health[due] = frame.time_ns, health[due]
        told = [(self._found[n].name, self._analysis(n, gases, both), float(health[n])) for n in due.tolist()]
        return [report(story.condition(*each, frame.utc_ns), frame.time_ns) for each in told]


def diagnosed(gases: Reals) -> Faults:
    """Return int8[2, n]: what triangle and ratios make of each analysis [n, gas]."""
    hydrogen, methane, ethane, ethylene, acetylene = gases[:, :5].T
    zones = triangle(methane, ethylene, acetylene)
    return np.stack([zones, ratios(hydrogen, methane, ethane, ethylene, acetylene)])


def _worst(shares: Reals) -> Reals:
    worst: Reals = np.fmax.reduce(shares, axis=1)
    return worst


def _gases(points: Points, transformer: Transformer) -> list[str]:
    return [gas for gas in GASES if measuring(points, transformer.rows, gas)]


def _limits(
    points: Points, found: Sequence[Transformer], at: NDArray[np.int32], config: DissolvedGasConfig
) -> tuple[Reals, Reals]:
    """Return [n, gas]: ppm, and ppm a year, that are typical; `limits.high` of a gas goes before the table."""
    pairs = [typical(shared_oil=each.name in config.shared_oil) for each in found]
    levels, rises = (np.array([pair[k] for pair in pairs]).reshape(-1, len(GASES)) for k in (0, 1))
    own = gathered(points.column(lambda point: point.limits.high if point.limits else None), at)
    return np.where(own > 0, own, levels * config.typical), rises * config.typical_rate
