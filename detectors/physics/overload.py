"""Overload: more flows than the rating that stands in the role of the point."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.framed import Framed
from detectors.kept import State
from detectors.model import Finding, Severity
from detectors.physics.persistence import Persistence
from protocols.model import Frame, Rows, Seen
from protocols.points import Points

FLOWS = ("current", "active_power", "reactive_power", "apparent_power")
NEAR = 1 - 1e-9
"""Below the limit by more than rounding, nothing is divided."""
BACK = 0.97
"""It ends 3 % below the limit."""
SEVERE = 1.2
"""Beyond 1.2 times the limit it is one step worse: for hours, IEC 60076-7 lets no large transformer beyond 1.3."""


class OverloadDetector(Framed):
    """The points with a rating through which something flows, in either direction."""

    def __init__(self, points: Points, rows: Rows, *, limit: float, severity: Severity) -> None:
        self._points, self._severity, self._limit = points, severity, limit
        self.rows = rated(points, rows)
        ratings = points.column(lambda config: config.role.rating if config.role else None)
        self._rating = ratings[self.rows]
        self._near = NEAR * self._limit * self._rating
        self._persistence = Persistence(len(self.rows))

    def state(self) -> State:
        """Return which points are overloaded."""
        return self._persistence.state()

    def restore(self, state: State) -> None:
        """Put back what `state` returned once."""
        super().restore(state)
        self._persistence.restored()

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the points that are overloaded from now on, or no more."""
        if not isinstance(seen, Frame) or not len(self.rows):
            return ()
        values = seen.values.take(self.rows)
        if not (self._persistence.busy or np.count_nonzero(np.abs(values) > self._near)):
            return ()
        known = seen.fresh.take(self.rows) & np.isfinite(values)
        begins, ends = self._persistence.turn(np.abs(values) / (self._rating * self._limit), known, BACK)
        if not len(begins) and not len(ends):
            return ()
        said = [self._finding(int(k), float(values[k]), seen.time_ns, active=True) for k in begins]
        return said + [self._finding(int(k), float(values[k]), seen.time_ns, active=False) for k in ends]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped, where there still is a rating."""
        index = {int(row): k for k, row in enumerate(self.rows)}
        taken = [finding for finding in active if len(finding.rows) == 1 and finding.rows[0] in index]
        self._persistence.active[:] = False
        self._persistence.active[[index[finding.rows[0]] for finding in taken]] = True
        self._persistence.restored()
        return taken

    def _finding(self, k: int, value: float, now_ns: int, *, active: bool) -> Finding:
        row, rating = int(self.rows[k]), float(self._rating[k])
        label, unit = self._points.label(row), f" {self._points.configs[row].unit}".rstrip()
        score = abs(value) / (rating * self._limit)
        story = f"is {100 * abs(value) / rating:.0f} % of its rating {rating:.5g}{unit}"
        return Finding(
            detector="overload",
            kind="overload",
            device=self._points.device(row),
            rows=(row,),
            severity=self._severity.next if active and score > SEVERE else self._severity,
            time_ns=now_ns,
            active=active,
            score=score,
            expected=rating * self._limit,
            actual=value,
            text=f"{label} {value:.5g}{unit} {story}" if active else f"{label} {value:.5g}{unit} is within its rating",
            evidence={"rating": rating, "percent": 100 * abs(value) / rating},
            causes=(
                "load transferred from elsewhere",
                "loss of a parallel infeed",
                "a rating that is not the present one",
            ),
            advice="Move load to another bay or transformer, and watch the temperatures.",
        )


def rated(points: Points, rows: Rows) -> NDArray[np.intp]:
    """Return those of `rows` through which something flows and that have a rating."""
    roles = ((row, points.configs[row].role) for row in rows.tolist())
    return np.array([row for row, role in roles if role and role.rating and role.quantity in FLOWS], np.intp)
