"""What an operator reads of a group whose values do not fit together: how far, which one, and what was expected."""

from dataclasses import dataclass

import numpy as np

from detectors.groups import Group
from detectors.model import Finding, Severity
from protocols.model import Rows, Values
from protocols.points import Points

NAMED = 5
"""Values whose shares are told: the others have little."""
CAUSES = (
    "one transducer, its wiring or its scaling has changed",
    "the plant runs as it never did while this was learned",
    "a value is old while the others are new",
)


@dataclass(frozen=True, slots=True)
class Outlier:
    """A group that began or ceased to be one; `score` is its distance in limits, `relearning` why it ends."""

    group: Group
    score: float
    severity: Severity
    time_ns: int
    relearning: bool

    def end(self) -> Finding:
        """Return that the values fit together again, or that this is normal from now on."""
        told = "stay as they are: it is learned anew what is normal" if self.relearning else "fit together again"
        return self._finding(
            f"{self.group.subject}: its {len(self.group)} values {told}", self.group.rows, active=False
        )

    def begin(self, points: Points, values: Values, shares: Values, expected: Values) -> Finding:
        """Return that they do not; `values`, `shares`, `expected` float64[points of the group], NaN where not known."""
        order = np.argsort(-shares, kind="stable")
        rows, first = self.group.rows[order], int(order[0])
        unit = f" {points.configs[int(rows[0])].unit}".rstrip()
        actual = float(values[first]) if np.isfinite(values[first]) else None
        told = f"{actual:.6g}{unit}" if actual is not None else "not known"
        text = (
            f"{self.group.subject}: its {len(rows)} values do not fit together as they did: {self.score:.1f} times the "
            f"limit, {shares[first]:.0%} of it by {points.label(int(rows[0]))}: {told}, where the others make "
            f"{expected[first]:.6g}{unit} likely"
        )
        named = {
            points.label(int(row)): round(float(shares[k]), 3) for row, k in zip(rows[:NAMED], order, strict=False)
        }
        return self._finding(text, rows, active=True, shares=named, expected=float(expected[first]), actual=actual)

    def _finding(
        self,
        text: str,
        rows: Rows,
        *,
        active: bool,
        shares: dict[str, float] | None = None,
        expected: float | None = None,
        actual: float | None = None,
    ) -> Finding:
        return Finding(
            detector="group",
            kind="outlier",
            device=self.group.device,
            subject=self.group.subject,
            rows=tuple(rows.tolist()),
            severity=self.severity,
            time_ns=self.time_ns,
            active=active,
            score=self.score,
            expected=expected,
            actual=actual,
            text=text,
            evidence={"points": len(self.group), "shares": shares} if shares else {},
            causes=CAUSES if active else (),
            advice="Compare the first point named with another instrument." if active else "",
        )
