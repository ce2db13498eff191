"""Unbalance: three voltages, or three currents, that are not alike.

Voltages by IEC 61000-4-30 clause 5.7.1, negative over positive sequence from three line voltages:
u2 = sqrt((1 - r) / (1 + r)), r = sqrt(3 - 6 b), b = (sum U^4) / (sum U^2)^2. Where only phase voltages or currents are
measured, by NEMA MG 1 clause 14.36: the largest deviation from the mean, over the mean.
"""

from collections.abc import Sequence

import numpy as np

from detectors.framed import Framed
from detectors.kept import State
from detectors.model import Finding, Severity
from detectors.physics.persistence import Mask, Persistence
from detectors.physics.plan import LL, LN, PHASES, Plan
from detectors.physics.usual import RISE, follow, paces
from protocols.model import Frame, Rows, Seen, Values
from protocols.points import Points

BACK = 0.9
"""It ends at nine tenths of the limit."""
LOADED = 0.5
"""Currents below half their rating, or the usual, may be as uneven as they like: they heat nothing."""
ALIVE = 0.2
"""Voltages below a fifth of the usual are those of something switched off."""
SAFE = 1 - 1e-9
"""Below the limit by more than rounding."""
HUGE = 1e30
"""Beyond it nothing was measured, and fourth powers would overflow."""


class UnbalanceDetector(Framed):
    """Groups of three points, `rows` int[groups, 3]: the line voltages, phase voltages and currents of each place."""

    def __init__(self, points: Points, rows: Rows, *, limits: tuple[float, float], severity: Severity) -> None:
        self._points, self._severity = points, severity
        groups = groups_of(Plan(points, rows))
        self.rows = np.array([group[2] for group in groups], np.intp).reshape(-1, 3)
        self.names = tuple(f"{group[0]}.{group[1]}" for group in groups)
        self._line = np.array([group[1] == "line_voltage" for group in groups], bool)
        self._current = np.array([group[1] == "current" for group in groups], bool)
        self._limit = np.where(self._current, limits[1], limits[0])
        ratings = points.column(lambda config: config.role.rating if config.role else None)
        self._rated = np.nan_to_num(ratings[self.rows].mean(axis=1)) if len(groups) else np.zeros(0)
        self._columns, self._least = self.rows.T.copy(), np.where(self._current, LOADED, ALIVE)
        self._calm = SAFE * np.where(self._line, self._limit / 2, self._limit)
        self.usual = np.zeros(len(groups))
        self._persistence = Persistence(len(groups))
        self._paced()
        self._fresh, self._all = b"", np.ones(len(groups), bool)

    def state(self) -> State:
        """Return which groups are uneven, and what is usual."""
        return {"usual": self.usual, **self._persistence.state()}

    def restore(self, state: State) -> None:
        """Put back what `state` returned once."""
        super().restore(state)
        self._persistence.restored()
        self._paced()

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the groups that became uneven or even."""
        if not isinstance(seen, Frame) or not len(self.rows):
            return ()
        with np.errstate(all="ignore"):  # what is not finite is not known
            values = seen.values.take(self._columns)
            np.abs(values, out=values)
            mean = (values[0] + values[1] + values[2]) / 3
            known = mean < HUGE
            if np.count_nonzero(seen.fresh) < len(seen.fresh):
                known &= self._read(seen)
            self._follow(mean, known)
            apart = np.abs(values - mean) > self._calm * mean
            if not (self._persistence.busy or np.count_nonzero(apart)):
                return ()
            known &= mean > self._least * np.maximum(self.usual, self._rated)
            apart &= known
            if not (self._persistence.busy or np.count_nonzero(apart)):
                return ()
            share = self._shares(values, mean, known)
        begins, ends = self._persistence.turn(share / self._limit, known, BACK)
        if not len(begins) and not len(ends):
            return ()
        turned = [(k, True) for k in begins.tolist()] + [(k, False) for k in ends.tolist()]
        return [self._finding(k, 100 * float(share[k]), values[:, k], seen.time_ns, active=on) for k, on in turned]

    def _read(self, frame: Frame) -> Mask:
        """Return bool[groups]: all three were read; what is silent is mostly so for long."""
        fresh = frame.fresh.tobytes()
        if fresh != self._fresh:
            self._fresh, self._all = fresh, np.logical_and.reduce(frame.fresh.take(self._columns), axis=0)
        return self._all

    def _follow(self, mean: Values, known: Mask) -> None:
        """Let the usual size follow; once there is one of every group, all go at the same pace."""
        follow(self.usual, mean, ~known, self._pace)
        if self._new:
            self._paced()

    def _paced(self) -> None:
        self._pace = paces(self.usual)
        self._new = bool((self._pace > RISE).any())

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped, where the three points are still together."""
        taken = [finding for finding in active if finding.subject in self.names]
        self._persistence.active[:] = False
        self._persistence.active[[self.names.index(finding.subject) for finding in taken]] = True
        self._persistence.restored()
        return taken

    def _shares(self, values: Values, mean: Values, known: Mask) -> Values:
        """Return float64[groups]: the unbalance of each, 0 to 1; 0 where it is not known."""
        a, b, c = values
        highest, lowest = np.maximum(np.maximum(a, b), c), np.minimum(np.minimum(a, b), c)
        out = np.where(known, np.maximum(highest - mean, mean - lowest) / mean, 0.0)
        lines = np.flatnonzero(self._line & (out > self._limit / 2))  # both measures are within a factor of two
        if len(lines):
            out[lines] = sequence(values[:, lines].T)
        return out

    def _finding(self, k: int, percent: float, values: Values, now_ns: int, *, active: bool) -> Finding:
        rows = tuple(self.rows[k].tolist())
        worst = rows[int(np.argmax(np.abs(values - np.median(values))))]
        limit, what = 100 * float(self._limit[k]), self.names[k].rpartition(".")[2].replace("_", " ")
        shown = ", ".join(f"{v:.5g}" for v in values)
        unit = self._points.configs[rows[0]].unit
        story = f"{percent:.2g} % over {limit:.2g} %" if active else f"back to {percent:.2g} %"
        cause = ("one phase of the load", "broken conductor or blown fuse", "CT of one phase")
        return Finding(
            detector="unbalance",
            kind="unbalance",
            device=self._points.device(rows[0]),
            subject=self.names[k],
            rows=(worst, *(row for row in rows if row != worst)),
            severity=self._severity,
            time_ns=now_ns,
            active=active,
            score=percent / limit,
            expected=limit,
            actual=percent,
            text=f"{self.names[k].rpartition('.')[0]}: {what} unbalance {story} ({shown} {unit})".rstrip(),
            evidence={"percent": percent, "limit_percent": limit, "farthest": self._points.label(worst)},
            causes=cause if self._current[k] else ("VT fuse", "single-phase load or broken conductor", "earth fault"),
            advice=f"Compare {self._points.label(worst)} with the other phases and with a neighbouring bay.",
        )


def sequence(lines: Values) -> Values:
    """Return float64[groups]: negative over positive sequence of line voltages float64[groups, 3]."""
    squares = lines * lines
    b = (squares * squares).sum(axis=1) / squares.sum(axis=1) ** 2
    root = np.sqrt(np.clip(3 - 6 * b, 0.0, 1.0))
    share: Values = np.sqrt((1 - root) / (1 + root))
    return share


def groups_of(plan: Plan) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return place, word and rows of every three points that should be alike; line voltages go before phase ones."""
    found = []
    for place in plan.places:
        if plan.has(place, "voltage", LL):
            found.append((place.name, "line_voltage", plan.rows(place, "voltage", LL)))
        elif plan.has(place, "voltage", LN):
            found.append((place.name, "phase_voltage", plan.rows(place, "voltage", LN)))
        if plan.has(place, "current", PHASES):
            found.append((place.name, "current", plan.rows(place, "current", PHASES)))
    return [(name.replace(" ", "-"), word, rows) for name, word, rows in found]
