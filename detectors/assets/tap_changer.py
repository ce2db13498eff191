"""Tap changers: hunting, an end position, and wear by operations.

One alarm of each kind a tap changer: `tap_hunting`, it goes to and fro or works too often; `tap_limit`, it stands at an
end and can regulate no further; `tap_wear`, it has made the operations that its service allows.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.assets.conditions import turn
from detectors.assets.health import SIGNIFICANT, TRANSFORMER_PER_YEAR, Condition, report
from detectors.assets.inventory import Transformer, first, transformers
from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.framed import Framed
from detectors.model import Finding, Said, Severity
from protocols.model import Frame, Rows, Seen
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, Name, Seconds, settings

NS = 1_000_000_000
HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS
LOOK_NS = 300 * NS
KINDS = ("tap_hunting", "tap_limit", "tap_wear")
SLOTS = 64
"""Operations whose times are kept; more in an hour are counted as so many."""
MOST = 1000.0
"""No position is beyond it."""
STEP = 0.5
"""Positions are whole steps: less is the noise of a transducer."""
CAUSES = {
    "tap_hunting": (
        "dead-band of the regulator narrower than a tap step", "regulators of parallel transformers at odds",
        "a load that comes and goes", "line-drop compensation set wrong",
    ),
    "tap_limit": ("voltage of the grid too low or too high", "regulator out of order", "blocked in this position"),
    "tap_wear": ("the operations that its maker allows between services are made",),
}  # fmt: skip
ADVICE = {
    "tap_hunting": "Widen the regulator's dead-band or delay, and compare the settings of parallel transformers.",
    "tap_limit": "Check the voltage of the grid; change the off-load taps or reactive power if it stays.",
    "tap_wear": "Plan the service of the tap changer: contacts, oil, drive.",
}


@settings
class TapChanger:
    """What is known of one tap changer."""

    name: Name
    """The transformer's name in the roles."""
    lowest: float | None = None
    """Lowest position; no alarm of an end position when left out."""
    highest: float | None = None
    """Highest position; no alarm of an end position when left out."""
    operations: int = Field(default=0, ge=0)
    """Operations since its last service, before the gateway began to count."""
    service_operations: int | None = Field(default=None, ge=100)
    """Operations between services; the detector's when left out."""


@settings
class TapChangerConfig(DetectorConfig):
    """Watches tap changers; needs points with the role of a tap, in whole steps."""

    detector: Literal["tap_changer"] = "tap_changer"
    most_per_hour: int = Field(default=20, ge=2, le=SLOTS)
    """Most operations in an hour."""
    reversals_per_hour: int = Field(default=6, ge=2, le=SLOTS)
    """Most times in an hour that an operation takes the one before back."""
    limit_delay_s: float = Field(default=900.0, ge=0, le=86_400)
    """How long it may stand at an end position; seconds."""
    service_operations: int = Field(default=50_000, ge=100)
    """Operations between services, unless given below."""
    report_every_s: Seconds = 3600.0
    """How often the state of each tap changer is told; seconds."""
    severity: SeverityWord = "warning"
    """Severity of the alarms."""
    tap_changers: tuple[TapChanger, ...] = ()
    """What is known of single tap changers."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the transformers with a tap position."""
        return TapChangerDetector(points, self._found(points), self)

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Tell which tap changers are watched."""
        ends = {each.name for each in self.tap_changers if each.lowest is not None or each.highest is not None}
        texts = ("hunting, wear; no end positions without `tap_changers`", "hunting, wear, end positions")
        found = self._found(points)
        return [Outlook("tap_changer", each.name, possible=True, text=texts[each.name in ends]) for each in found]

    def _found(self, points: Points) -> Sequence[Transformer]:
        found = transformers(points, points.matching(self.points))
        return [each for each in found if first(points, each.rows, "tap") >= 0]


class TapChangerDetector(Framed):
    """All tap changers at once: a comparison a frame while none moves, and a look at all of them each five minutes."""

    KEPT: ClassVar = (
        "_position", "_count", "_when", "_way", "_watched_ns", "_looked_ns", "_active", "_since", "_told_ns",
        "_told_health",
    )  # fmt: skip

    def __init__(self, points: Points, found: Sequence[Transformer], config: TapChangerConfig) -> None:
        self._points, self._found, self._config = points, found, config
        units = {each.name: each for each in config.tap_changers}
        own = [units.get(each.name) or TapChanger(name=each.name) for each in found]
        self._at: Rows = np.array([first(points, each.rows, "tap") for each in found], np.int32)
        self._lowest = np.array([-np.inf if each.lowest is None else each.lowest for each in own])
        self._highest = np.array([np.inf if each.highest is None else each.highest for each in own])
        self._service = np.array([each.service_operations or config.service_operations for each in own], np.float64)
        self._before = np.array([each.operations for each in own], np.float64)
        n = len(found)
        self._position, self._count = np.full(n, np.nan), np.zeros(n)
        self._when, self._way = np.zeros((n, SLOTS), np.int64), np.zeros((n, SLOTS), np.int8)
        self._watched_ns, self._looked_ns = np.zeros((), np.int64), np.zeros((), np.int64)
        self._active, self._since = np.zeros((len(KINDS), n), bool), np.zeros((len(KINDS), n), np.int64)
        self._told_ns, self._told_health = np.zeros(n, np.int64), np.full(n, np.nan)

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what began or ended with this frame, and the states that are due to be told."""
        if not isinstance(seen, Frame) or not self._found:
            return ()
        position = seen.values.take(self._at)
        moved = self._whole(position)
        if np.count_nonzero(moved):
            self._operate(np.flatnonzero(moved), position, seen.time_ns)
        elif 0 <= seen.time_ns - int(self._looked_ns) < LOOK_NS:
            return ()
        self._watched_ns += min(max(seen.time_ns - int(self._looked_ns), 0), HOUR_NS) if self._looked_ns else 0
        self._looked_ns[...] = seen.time_ns
        begins = np.isnan(self._position) & (np.abs(position) <= MOST)
        self._position[begins] = position[begins]
        return [*self._judge(~np.isnan(position), seen.time_ns), *self._tell(seen)]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        names = [each.name for each in self._found]
        taken = [each for each in active if each.subject in names and each.kind in KINDS]
        self._active.fill(False)
        for each in taken:
            self._active[KINDS.index(each.kind), names.index(each.subject)] = True
        return taken

    def _whole(self, position: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which positions are at least half a step from the last, and can be one."""
        with np.errstate(over="ignore", invalid="ignore"):
            whole: NDArray[np.bool_] = np.abs(position - self._position) >= STEP
        if np.count_nonzero(whole):
            whole &= np.abs(position) <= MOST
        return whole

    def _operate(self, moved: NDArray[np.intp], position: NDArray[np.float64], now_ns: int) -> None:
        """Note the operations: steps missed between two readings count, as one way."""
        steps = position[moved] - self._position[moved]
        self._count[moved] += np.minimum(np.round(np.abs(steps)), SLOTS)
        self._when[moved, :-1], self._way[moved, :-1] = self._when[moved, 1:], self._way[moved, 1:]
        self._when[moved, -1], self._way[moved, -1] = now_ns, np.sign(steps)
        self._position[moved] = position[moved]

    def _lately(self, now_ns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the operations of the last hour, and how many of them went back."""
        recent = (self._when > 0) & (now_ns - self._when < HOUR_NS) & (self._when <= now_ns)
        back = recent[:, 1:] & recent[:, :-1] & (self._way[:, 1:] != self._way[:, :-1])
        return recent.sum(axis=1), back.sum(axis=1)

    def _levels(self, now_ns: int) -> NDArray[np.float64]:
        """Return float64[kind, n]: how near each condition is to its limit; beyond 1 it begins."""
        operations, back = self._lately(now_ns)
        hunting = np.maximum(operations / self._config.most_per_hour, back / self._config.reversals_per_hour)
        at_end = (self._position <= self._lowest) | (self._position >= self._highest)
        return np.stack([hunting, np.where(at_end, 2.0, 0.0), (self._before + self._count) / self._service])

    def _judge(self, known: NDArray[np.bool_], now_ns: int) -> Sequence[Finding]:
        levels, findings = self._levels(now_ns), []
        for kind, delay_ns in enumerate((0, int(self._config.limit_delay_s * NS), 0)):
            here = slice(kind, kind + 1)
            level, state = levels[here], (self._active[here], self._since[here])
            turned = turn(
                state, over=level > 1, back=level < 0.5, known=known[None, :], now_ns=now_ns, delay_ns=delay_ns
            )
            findings += [self._finding(kind, n, float(level[0, n]), now_ns) for _, n in turned]
        return findings

    def _finding(self, kind: int, n: int, level: float, now_ns: int) -> Finding:
        word, active = KINDS[kind], bool(self._active[kind, n])
        operations, back = (int(each[n]) for each in self._lately(now_ns))
        total, position = self._before[n] + self._count[n], float(self._position[n])
        begun = (
            f"{operations} operations in an hour, {back} of them back again",
            f"stands at its end position {position:.0f} and can regulate no further",
            f"{total:.0f} operations, service is due at {self._service[n]:.0f}",
        )
        ended = ("works calmly again", f"left its end position, at {position:.0f}", "is below its service limit")
        return Finding(
            detector="tap_changer",
            kind=word,
            device=self._points.device(int(self._at[n])),
            subject=self._found[n].name,
            rows=(int(self._at[n]),),
            severity=Severity(self._config.severity),
            time_ns=now_ns,
            active=active,
            score=level,
            actual=(float(operations), position, float(total))[kind],
            text=f"tap changer of {self._found[n].name}: {(begun if active else ended)[kind]}",
            causes=CAUSES[word] if active else (),
            advice=ADVICE[word] if active else "",
            evidence={"operations_in_hour": operations, "reversals_in_hour": back, "operations": float(total)},
        )

    def _tell(self, frame: Frame) -> Sequence[Said]:
        """Tell the states that are due, or whose health has changed."""
        used = (self._before + self._count) / self._service
        health = np.minimum(100 * np.maximum(1 - used, 0), 100 - np.array([50.0, 25.0, 0.0]) @ self._active)
        late = (frame.time_ns - self._told_ns >= self._config.report_every_s * NS) | (self._told_ns > frame.time_ns)
        changed = ~(np.abs(health - self._told_health) < SIGNIFICANT)
        due = np.flatnonzero((late | changed) & ~np.isnan(self._position))
        self._told_ns[due], self._told_health[due] = frame.time_ns, health[due]
        return [report(self._condition(n, float(health[n]), frame), frame.time_ns) for n in due.tolist()]

    def _condition(self, n: int, health: float, frame: Frame) -> Condition:
        days, total = float(self._watched_ns) / DAY_NS, float(self._before[n] + self._count[n])
        a_day = float(self._count[n]) / days if days >= 1 else 0.0
        left_ns = int((self._service[n] - total) / a_day * DAY_NS) if a_day > 0 else 0
        operations, back = (int(each[n]) for each in self._lately(frame.time_ns))
        active = [word for kind, word in enumerate(KINDS) if self._active[kind, n]]
        return Condition(
            asset=self._found[n].name,
            aspect="tap_changer",
            health=health,
            base_per_year=TRANSFORMER_PER_YEAR,
            confidence=0.7 if days >= 7 else 0.4,
            why=f"operations counted over {days:.0f} days",
            factors=[word.replace("_", " ") for word in active],
            advice=ADVICE[active[0]] if active else "",
            limit_ns=frame.utc_ns + left_ns if left_ns > 0 else 0,
            numbers={
                "limit": f"service at {self._service[n]:.0f} operations",
                "position": float(self._position[n]),
                "operations": total,
                "operations_a_day": a_day,
                "operations_in_hour": float(operations),
                "reversals_in_hour": float(back),
            },
        )
