"""Breakers: what is worn of their contacts, from the current that each opening interrupted, and of their drive.

An opening takes (I / I_rated)^n of one of the `breaking_operations` that the contacts bear at rated breaking current;
I is the largest phase current of the last seconds before it was seen open. A fault that is cleared between two readings
is not seen: then the load before it counts, and the wear is too low. So the health says how sure it is.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from detectors.assets.bays import Breaker, breakers, currents
from detectors.assets.conditions import turn
from detectors.assets.health import BREAKER_PER_YEAR, SIGNIFICANT, Condition, report
from detectors.detector import Detector, DetectorConfig, Outlook
from detectors.framed import Framed
from detectors.model import Finding, Said, Severity
from protocols.model import Frame, Rows, Seen
from protocols.point import SeverityWord
from protocols.points import Points
from protocols.settings import Field, Seconds, settings

NS = 1_000_000_000
DAY_NS = 86_400 * NS
HOUR_NS = 3600 * NS
LOOK_NS = 300 * NS
BEFORE = 4
"""Frames whose currents are kept: in the one that shows it open the current may be gone already, or be 2 s old."""
PHASES = 3
KINDS = ("breaker_wear", "breaker_operations", "breaker_pumping")
PARTS = ("contacts", "drive")
AT_ONCE = 16
"""States that are told with one look at most: the others follow with the next ones."""
SLOTS = 32
"""Openings whose times are kept; more in an hour are counted as so many."""
CAUSES = (
    ("openings under fault current", "many openings under load"),
    ("many operations",),
    ("reclosing on to a lasting fault", "a control that chatters", "manual tests"),
)
ADVICE = (
    "Measure contact resistance and travel, and plan the exchange of the contacts.",
    "Plan the service of the drive: lubrication, springs, timing.",
    "Find out what opens it; block reclosing until it is found.",
)


@settings
class BreakerConfig(DetectorConfig):
    """Counts the wear of breakers; needs points with the role of a breaker, and currents of the same bay."""

    detector: Literal["breaker"] = "breaker"
    breaking_ka: float = Field(default=25.0, gt=0)
    """Rated short-circuit breaking current, kA, unless given below."""
    breaking_operations: float = Field(default=20.0, gt=0)
    """Openings at that current that the contacts bear, unless given below."""
    exponent: float = Field(default=2.0, ge=1, le=3)
    """Exponent n of the current in the wear; makers state 1.4 to 2."""
    mechanical_operations: int = Field(default=10_000, ge=100)
    """Openings that the drive bears: 10000 of class M2 in IEC 62271-100, 2000 of M1."""
    most_per_hour: int = Field(default=6, ge=1, le=SLOTS - 1)
    """Most openings in an hour: more than a reclosing cycle and two tests."""
    warn_at: float = Field(default=0.8, gt=0, le=1)
    """Share of contacts or drive that may be used up."""
    report_every_s: Seconds = 3600.0
    """How often the state of each breaker is told; seconds."""
    severity: SeverityWord = "warning"
    """Severity of the alarms."""
    breakers: tuple[Breaker, ...] = ()
    """What is known of single breakers."""

    def build(self, points: Points) -> Detector:
        """Make the detector for the breakers among the points."""
        rows = points.matching(self.points)
        return BreakerDetector(points, breakers(points, rows.tolist()), self)

    def outlook(self, points: Points) -> Sequence[Outlook]:
        """Tell of each breaker whether the current that it interrupts is known."""
        rows = breakers(points, points.matching(self.points).tolist())
        texts = ("operations only: no current in its bay", "operations and contact wear")
        found = currents(points, rows)
        return [Outlook("breaker", points.label(row), possible=True, text=texts[bool(found[row])]) for row in rows]


class BreakerDetector(Framed):
    """All breakers at once: a comparison a frame while none moves."""

    KEPT: ClassVar = (
        "_closed", "_amperes", "_openings", "_opened_ns", "_worn", "_highest", "_watched_ns", "_looked_ns", "_active",
        "_since", "_told_ns", "_told_health",
    )  # fmt: skip

    def __init__(self, points: Points, rows: Sequence[int], config: BreakerConfig) -> None:
        self._points, self._config = points, config
        self._at: Rows = np.array(rows, np.int32)
        self._shut = np.array([2.0 if points.configs[row].kind == "dbpos" else 1.0 for row in rows])
        self._currents = np.full((len(rows), PHASES), -1, np.int32)
        bays = currents(points, rows)
        for n, row in enumerate(rows):
            found = bays[row][:PHASES]
            self._currents[n, : len(found)] = found
        self._flat = np.maximum(self._currents.ravel(), 0).astype(np.intp)
        kilo = [[points.configs[row].unit == "kA" for row in of] for of in self._currents.tolist()]
        self._scale = np.where(np.array(kilo, bool), 1000.0, 1.0)
        units = {each.point: each for each in config.breakers}
        own = [units.get(points.label(row)) or Breaker(point=points.label(row)) for row in rows]
        self._rated = np.array([1000 * (each.breaking_ka or config.breaking_ka) for each in own])
        self._bears = np.array([each.breaking_operations or config.breaking_operations for each in own])
        n = len(rows)
        self._closed, self._amperes = np.full(n, np.nan), np.full((BEFORE, n * PHASES), np.nan)
        self._openings = np.array([float(each.operations) for each in own])
        self._worn, self._highest = np.array([each.worn for each in own], np.float64), np.zeros(n)
        self._begun, self._opened_ns = self._used_up(), np.zeros((n, SLOTS), np.int64)
        self._watched_ns, self._looked_ns = np.zeros((), np.int64), np.zeros((), np.int64)
        self._active, self._since = np.zeros((len(KINDS), n), bool), np.zeros((len(KINDS), n), np.int64)
        self._told_ns, self._told_health = np.zeros(n, np.int64), np.full(n, np.nan)

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what began or ended with this frame, and the states that are due to be told."""
        if not isinstance(seen, Frame) or not len(self._at):
            return ()
        self._amperes[seen.time_ns // NS % BEFORE] = seen.values.take(self._flat)
        position = seen.values.take(self._at)
        moved = position != self._closed
        if (
            np.count_nonzero(moved)
            and (moved := moved & ((position == self._shut) | (position == self._shut - 1))).any()
        ):
            self._operate(np.flatnonzero(moved), position, seen.time_ns)
        elif 0 <= seen.time_ns - int(self._looked_ns) < LOOK_NS:
            return ()
        self._watched_ns += min(max(seen.time_ns - int(self._looked_ns), 0), HOUR_NS) if self._looked_ns else 0
        self._looked_ns[...] = seen.time_ns
        return [*self._judge(seen.time_ns), *self._tell(seen)]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        index = {row: n for n, row in enumerate(self._at.tolist())}
        taken = [each for each in active if each.rows and each.rows[0] in index and each.kind in KINDS]
        self._active.fill(False)
        for each in taken:
            self._active[KINDS.index(each.kind), index[each.rows[0]]] = True
        return taken

    def _operate(self, moved: NDArray[np.intp], position: NDArray[np.float64], now_ns: int) -> None:
        """Note the new positions; those that opened have interrupted what flowed just before."""
        opened = moved[(self._closed[moved] == self._shut[moved]) & (position[moved] < self._shut[moved])]
        self._closed[moved] = position[moved]
        if not len(opened):
            return
        flowed = np.abs(np.where(self._currents.ravel() >= 0, self._amperes * self._scale.ravel(), np.nan))
        largest = np.fmax.reduce(np.fmax.reduce(flowed, axis=0).reshape(-1, PHASES), axis=1)[opened]
        amperes = np.where(np.isnan(largest), 0.0, np.minimum(largest, 2 * self._rated[opened]))
        self._openings[opened] += 1
        self._opened_ns[opened, :-1] = self._opened_ns[opened, 1:]
        self._opened_ns[opened, -1] = now_ns
        self._worn[opened] += (amperes / self._rated[opened]) ** self._config.exponent / self._bears[opened]
        self._highest[opened] = np.maximum(self._highest[opened], amperes)

    def _used_up(self) -> NDArray[np.float64]:
        """Return float64[kind, n]: the share of contacts and drive that is used up."""
        return np.stack([self._worn, self._openings / self._config.mechanical_operations])

    def _lately(self, now_ns: int) -> NDArray[np.int64]:
        """Return the openings of the last hour."""
        recent = (self._opened_ns > 0) & (now_ns - self._opened_ns < HOUR_NS) & (self._opened_ns <= now_ns)
        openings: NDArray[np.int64] = recent.sum(axis=1)
        return openings

    def _judge(self, now_ns: int) -> Sequence[Finding]:
        levels = np.vstack([self._used_up() / self._config.warn_at, self._lately(now_ns) / self._config.most_per_hour])
        over = levels >= np.array([[1.0], [1.0], [1.0 + 1e-9]])
        back = levels < np.array([[1.0], [1.0], [0.5]])
        known, state = np.ones(levels.shape, bool), (self._active, self._since)
        turned = turn(state, over=over, back=back, known=known, now_ns=now_ns, delay_ns=0)
        return [self._finding(kind, n, float(levels[kind, n]), now_ns) for kind, n in turned]

    def _finding(self, kind: int, n: int, level: float, now_ns: int) -> Finding:
        row, active = int(self._at[n]), bool(self._active[kind, n])
        return Finding(
            detector="breaker",
            kind=KINDS[kind],
            device=self._points.device(row),
            rows=(row,),
            severity=Severity(self._config.severity),
            time_ns=now_ns,
            active=active,
            score=level,
            text=f"{self._points.label(row)}: {self._story(kind, n, now_ns, active=active)}",
            causes=CAUSES[kind] if active else (),
            advice=ADVICE[kind] if active else "",
            evidence={
                "contacts_worn": float(self._worn[n]),
                "openings": float(self._openings[n]),
                "openings_in_hour": int(self._lately(now_ns)[n]),
            },
        )

    def _story(self, kind: int, n: int, now_ns: int, *, active: bool) -> str:
        if kind == 2:
            often = f"{self._lately(now_ns)[n]} openings in an hour"
            return f"{often}, {self._config.most_per_hour} are normal" if active else f"{often}: calm again"
        used, limit = 100 * self._used_up()[kind, n], 100 * self._config.warn_at
        counted = f"{self._openings[n]:.0f} openings, of up to {self._highest[n]:.0f} A"
        part = f"{used:.0f} % of the {PARTS[kind]} is used up after {counted}"
        return part if active else f"{part}, below {limit:.0f} % again"

    def _tell(self, frame: Frame) -> Sequence[Said]:
        """Tell the states that are due, or whose health has changed, those first that wait for longest."""
        health = 100 * np.minimum(np.maximum(1 - self._used_up().max(axis=0), 0), 1)
        late = (frame.time_ns - self._told_ns >= self._config.report_every_s * NS) | (self._told_ns > frame.time_ns)
        changed = ~(np.abs(health - self._told_health) < SIGNIFICANT)
        due = np.flatnonzero((late | changed) & ~np.isnan(self._closed))
        due = due[np.argsort(self._told_ns[due], kind="stable")][:AT_ONCE]
        self._told_ns[due], self._told_health[due] = frame.time_ns, health[due]
        return [report(self._condition(n, float(health[n]), frame), frame.time_ns) for n in due.tolist()]

    def _condition(self, n: int, health: float, frame: Frame) -> Condition:
        used, days = self._used_up()[:, n], float(self._watched_ns) / DAY_NS
        worst, measured = int(np.argmax(used)), bool((self._currents[n] >= 0).any())
        gained = float(used[worst] - self._begun[worst, n])
        left_ns = int((1 - used[worst]) / gained * days * DAY_NS) if gained > 0 and days >= 1 else 0
        factors = [f"{100 * share:.0f} % of the {part} is used up" for share, part in zip(used, PARTS, strict=True)]
        return Condition(
            asset=self._points.label(int(self._at[n])),
            aspect="contacts",
            health=health,
            base_per_year=BREAKER_PER_YEAR,
            confidence=0.5 if measured else 0.3,
            why="currents of faults shorter than a scan are not seen" if measured else "no current in its bay",
            factors=[factor for factor, share in zip(factors, used, strict=True) if share > 0.5],
            advice=ADVICE[worst] if health < 50 else "",
            limit_ns=frame.utc_ns + left_ns if left_ns > 0 else 0,
            numbers={
                "limit": f"{PARTS[worst]} used up",
                "contacts_worn": float(self._worn[n]),
                "openings": float(self._openings[n]),
                "highest_interrupted_a": float(self._highest[n]),
            },
        )
