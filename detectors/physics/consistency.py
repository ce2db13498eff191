"""Consistency: values that cannot all be true, and which of them is the suspect."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.kept import State
from detectors.model import Finding, Severity
from detectors.physics import words
from detectors.physics.exchange import exchanged
from detectors.physics.judge import Judge
from detectors.physics.judged import Judged
from detectors.physics.suspect import Suspect, find
from detectors.physics.system import shared
from detectors.physics.uneven import Uneven
from protocols.model import Frame, Rows, Seen, Values
from protocols.points import Points

if TYPE_CHECKING:
    from detectors.physics.config import ConsistencyConfig

NOBODY, UNNAMED, SILENT = -1, -2, -3
"""Instead of a suspect's row: the equation holds; no point is clear; another detector says it (a balance)."""
TRIES = 8
"""Frames in which a suspect is sought again where none was clear at once."""
HELD = 10
"""Frames for which the values with which all held are kept while something fails: then the load has moved on."""
MOST_SOUGHT = 3
"""Suspects sought in one frame: each takes up to 20 ms, and where more fails at once it is no single point."""


class ConsistencyDetector(Judged):
    """All equations of the roles; one finding a suspect, however many equations convict it."""

    def __init__(self, points: Points, rows: Rows, config: "ConsistencyConfig") -> None:
        self._points, self._severity = points, Severity(config.severity)
        system = shared(points, rows)
        self.judge = Judge(system, config.lessons, Uneven(points, system.equations))
        self.owner = np.full(len(self.judge.system), NOBODY, np.int32)
        self.tries = np.zeros(len(self.judge.system), np.int8)
        self.before, self.held = np.full((2, len(points)), np.nan)
        self.since = np.zeros((), np.int64)

    def state(self) -> State:
        """Return the state of all equations, and who is suspected of what."""
        return {
            "owner": self.owner,
            "tries": self.tries,
            "before": self.before,
            "held": self.held,
            "since": self.since,
            **super().state(),
        }

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return who became a suspect, or is none any more."""
        if not isinstance(seen, Frame) or not len(self.owner):
            return ()
        begins, ends = self.judge.see(seen)
        said = self._end(ends, seen) if len(ends) else []
        if len(begins):
            said += self._begin(begins, seen)
        elif np.count_nonzero(self.tries):
            said += self._again(seen)
        self.before[:] = seen.values
        self.since += 1
        if not self.judge.busy or self.since >= HELD:
            self.held[:], self.since[...] = seen.values, 0
        return said

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped, where there still is an equation for it."""
        owner, taken = np.full_like(self.owner, NOBODY), []
        owner[self.owner == SILENT] = SILENT
        for finding in active:
            mine = self._resumed(finding)
            if len(mine):
                owner[mine] = finding.rows[0] if len(finding.rows) == 1 else UNNAMED
                taken.append(finding)
        self.owner[:] = owner
        self.tries[owner != UNNAMED] = 0
        self.judge.failing[:] = owner != NOBODY
        self.judge.restored()
        return taken

    def _resumed(self, finding: Finding) -> NDArray[np.intp]:
        system = self.judge.system
        if len(finding.rows) != 1:
            names = np.array([equation.name == finding.subject for equation in system.equations], bool)
            return np.flatnonzero(names)
        owned = np.flatnonzero(self.owner == finding.rows[0])
        return owned if len(owned) else system.holding(finding.rows[0])

    def _end(self, ends: NDArray[np.intp], frame: Frame) -> list[Finding]:
        owners = self.owner[ends]
        self.owner[ends], self.tries[ends] = NOBODY, 0
        said = [self._unnamed(int(k), frame, active=False) for k in ends[owners == UNNAMED]]
        freed = [int(row) for row in np.unique(owners[owners >= 0]) if not (self.owner == row).any()]
        return [*said, *(self._cleared(row, frame) for row in freed)]

    def _begin(self, begins: NDArray[np.intp], frame: Frame) -> list[Finding]:
        """Convict one after the other, the worst equation first; what a suspect explains is its own."""
        said: list[Finding] = []
        left = sorted(begins.tolist(), key=lambda k: -float(self.judge.score[k]))
        sought, still = 0, self._still(frame)
        while left:
            k = left.pop(0)
            sought += 1
            pair = exchanged(self.judge, self._points, frame.values, k) if sought <= MOST_SOUGHT else None
            if pair is not None:
                said += self._swapped(pair, frame)
                left = [other for other in left if self.owner[other] not in pair]
                continue
            suspect = find(self.judge, frame.values, k, still, self.held) if sought <= MOST_SOUGHT else None
            if suspect is None:
                balance = self.judge.system.equations[k].family == "balance"
                self.owner[k], self.tries[k] = (SILENT, 0) if balance else (UNNAMED, TRIES)
                said += [] if balance else [self._unnamed(k, frame, active=True)]
                continue
            new = not (self.owner == suspect.row).any()
            own = {k, *(other for other in left if other in self.judge.system.holding(suspect.row))}
            left = [other for other in left if other not in own]
            self.owner[list(own)] = suspect.row
            said += [self._convicted(k, suspect, frame, sorted(own))] if new else []
        return said

    def _swapped(self, pair: tuple[int, int], frame: Frame) -> Iterator[Finding]:
        """Convict two points that show each other's value: each of the equations that fail now."""
        judge = self.judge
        for row, other in (pair, pair[::-1]):
            own = [int(k) for k in judge.system.holding(row) if judge.failing[k]]
            new = not (self.owner == row).any()
            self.owner[own] = row
            if new and own:
                worst = max(own, key=lambda k: float(judge.score[k]))
                suspect = Suspect(row, float(frame.values[other]), 1.0)
                why = f"exchanged with {self._points.label(other)} in the list of points"
                yield self._convicted(worst, suspect, frame, own, why=(why,))

    def _again(self, frame: Frame) -> list[Finding]:
        """Seek suspects where none was clear; when one is, its finding takes the place of the unnamed one."""
        judge, said = self.judge, []
        for k in np.flatnonzero((self.tries > 0) & judge.known & (judge.score > 1))[:MOST_SOUGHT].tolist():
            self.tries[k] -= 1
            suspect = find(judge, frame.values, k, self._still(frame), self.held)
            if suspect is not None:
                said.append(self._unnamed(k, frame, active=False))
                new = not (self.owner == suspect.row).any()
                self.owner[k], self.tries[k] = suspect.row, 0
                said += [self._convicted(k, suspect, frame, [k])] if new else []
        return said

    def _still(self, frame: Frame) -> NDArray[np.bool_]:
        """Return bool[points]: read anew, and the same to the last digit, but not zero."""
        still: NDArray[np.bool_] = (frame.values == self.before) & (frame.values != 0) & frame.fresh
        return still

    def _convicted(
        self, k: int, suspect: Suspect, frame: Frame, own: Sequence[int], *, why: tuple[str, ...] = ()
    ) -> Finding:
        row, equation = suspect.row, self.judge.system.equations[k]
        label, config = self._points.label(row), self._points.configs[row]
        actual, unit = float(frame.values[row]), f" {config.unit}".rstrip()
        story = f"{label} {actual:.5g}{unit} does not fit, {suspect.expected:.5g}{unit} would"
        return Finding(
            detector="consistency",
            kind="inconsistent",
            device=self._points.device(row),
            rows=(row,),
            severity=self._severity,
            time_ns=frame.time_ns,
            score=float(self.judge.score[k]),
            expected=suspect.expected,
            actual=actual,
            text=f"{story} ({words.deviation(actual, suspect.expected)}): {self.judge.numbers(k)}",
            evidence={
                "suspect": label,
                "explains": suspect.share,
                "equations": [self.judge.system.equations[other].name for other in own],
                "terms": self._terms(k, frame.values),
                "place": equation.place,
            },
            causes=(*why, *words.causes(config, actual, suspect.expected)),
            advice=words.advice(label, named=True),
        )

    def _unnamed(self, k: int, frame: Frame, *, active: bool) -> Finding:
        equation = self.judge.system.equations[k]
        row = equation.rows[0]
        story = self.judge.numbers(k) if active else f"{equation.what} holds again"
        return Finding(
            detector="consistency",
            kind="inconsistent",
            device=self._points.device(row),
            subject=equation.name,
            rows=equation.rows,
            severity=self._severity,
            time_ns=frame.time_ns,
            active=active,
            score=float(self.judge.score[k]),
            text=f"{equation.place}: {story}",
            evidence={
                "suspect": None,
                "explains": 0.0,
                "equations": [equation.name],
                "terms": self._terms(k, frame.values),
                "place": equation.place,
            },
            causes=words.causes(self._points.configs[row], 1.0, 0.0) if active else (),
            advice=words.advice(equation.place, named=False) if active else "",
        )

    def _cleared(self, row: int, frame: Frame) -> Finding:
        value, unit = float(frame.values[row]), f" {self._points.configs[row].unit}".rstrip()
        known = np.isfinite(value)
        shown = f"{value:.5g}{unit} fits again" if known else "is not suspected any more"
        return Finding(
            detector="consistency",
            kind="inconsistent",
            device=self._points.device(row),
            rows=(row,),
            severity=self._severity,
            time_ns=frame.time_ns,
            active=False,
            actual=value if known else None,
            text=f"{self._points.label(row)} {shown}",
        )

    def _terms(self, k: int, values: Values) -> Mapping[str, Any]:
        rows = self.judge.system.equations[k].rows
        return {self._points.label(row): float(v) for row in rows if np.isfinite(v := values[row])}
