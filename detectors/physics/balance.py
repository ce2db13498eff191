"""Balance: what flows into a bus and out of it, now."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from detectors.model import Finding, Severity
from detectors.physics import words
from detectors.physics.buses import balances
from detectors.physics.equation import Equation
from detectors.physics.judge import Judge
from detectors.physics.judged import Judged
from detectors.physics.plan import Made, Plan
from detectors.physics.sheet import Sheet
from detectors.physics.system import System, shared
from protocols.model import Frame, Rows, Seen
from protocols.points import Points

if TYPE_CHECKING:
    from detectors.physics.config import BalanceConfig

SIGN = 0.1
"""A residual within a tenth of twice a term is that term with the wrong sign."""


class BalanceDetector(Judged):
    """The balances of active and reactive power of the buses: one finding a bus, while any of its balances fails."""

    def __init__(self, points: Points, rows: Rows, config: "BalanceConfig") -> None:
        self._points, self._severity, bus = points, Severity(config.severity), config.bus
        system = shared(points, rows).part(_balances(shared(points, rows))) if bus is None else _own(points, rows, bus)
        equations = system.equations
        self.judge = Judge(system, config.lessons)
        self.buses = tuple(dict.fromkeys(each.place for each in equations))
        self._of = np.array([self.buses.index(each.place) for each in equations], np.intp)

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the buses whose balance fails from now on, or holds again."""
        if not isinstance(seen, Frame) or not len(self._of):
            return ()
        begins, ends = self.judge.see(seen)
        if not len(begins) and not len(ends):
            return ()
        before, said = self.judge.failing.copy(), []
        before[begins], before[ends] = False, True
        for k, bus in enumerate(self.buses):
            own = self._of == k
            was, now = bool(before[own].any()), bool(self.judge.failing[own].any())
            if now and not was:
                said.append(
                    self._began(bus, max(np.flatnonzero(own & self.judge.failing).tolist(), key=self._score), seen)
                )
            elif was and not now:
                said.append(self._ended(bus, int(np.flatnonzero(own)[0]), seen))
        return said

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped, where the bus still has a balance."""
        taken = [finding for finding in active if finding.subject in self.buses]
        out, told = np.zeros((2, len(self.buses)), bool)
        out[[self.buses.index(finding.subject) for finding in taken]] = True
        kept = self.judge.failing & out[self._of]
        told[self._of[kept]] = True
        lacking = (out & ~told)[self._of]
        self.judge.failing[:] = kept | lacking
        self.judge.restored()
        return taken

    def _score(self, k: int) -> float:
        return float(self.judge.score[k])

    def _began(self, bus: str, k: int, frame: Frame) -> Finding:
        judge, equation = self.judge, self.judge.system.equations[k]
        left, apart = float(judge.sides[0, k]), float(judge.offset[k])
        rows = sorted(equation.rows, key=lambda row: (self._distance(row, apart, frame), row))
        label, signed = self._points.label(rows[0]), self._distance(rows[0], apart, frame) < SIGN
        hint = f"; it would hold if {label} had the other sign" if signed else ""
        return Finding(
            detector="balance",
            kind="imbalance",
            device=self._points.device(rows[0]),
            subject=bus,
            rows=tuple(rows),
            severity=self._severity,
            time_ns=frame.time_ns,
            score=self._score(k),
            expected=(left - apart) / equation.worth,
            actual=left / equation.worth,
            text=f"{bus}: {judge.numbers(k)}{hint}",
            evidence={
                "equation": equation.name,
                "residual": apart / equation.worth,
                "terms": {self._points.label(row): float(frame.values[row]) for row in equation.rows},
            },
            causes=("wrong sign: CT polarity, or direction in the configuration",) * signed + words.BALANCE,
            advice=words.advice(label, named=True) if signed else words.advice(bus, named=False),
        )

    def _ended(self, bus: str, k: int, frame: Frame) -> Finding:
        equation = self.judge.system.equations[k]
        return Finding(
            detector="balance",
            kind="imbalance",
            device=self._points.device(equation.rows[0]),
            subject=bus,
            rows=equation.rows,
            severity=self._severity,
            time_ns=frame.time_ns,
            active=False,
            text=f"{bus}: what flows in and out is equal again",
        )

    def _distance(self, row: int, apart: float, frame: Frame) -> float:
        """Return how far the residual is from what a wrong sign of `row` would make, as a share of that."""
        twice = 2 * abs(float(frame.values[row]) * self.judge.system.sheet.channels.worth(row))
        return abs(abs(apart) / twice - 1) if twice > 0 else np.inf


def chosen(plan: Plan, bus: str | None) -> Sequence[Made]:
    """Return the balances of `bus`, also joined with another; of all buses if None."""
    return [each for each in balances(plan) if bus is None or bus in _name(each).split("+")]


def _balances(system: System) -> slice:
    """Return where the balances are among all equations: side by side."""
    found = [k for k, each in enumerate(system.equations) if each.family == "balance"]
    return slice(found[0], found[-1] + 1) if found else slice(0)


def _own(points: Points, rows: Rows, bus: str) -> System:
    plan = Plan(points, rows)
    equations = [each for each in chosen(plan, bus) if isinstance(each, Equation)]
    return System(equations, Sheet(points, equations, plan.recipe))


def _name(made: Made) -> str:
    return made.place if isinstance(made, Equation) else made.subject
