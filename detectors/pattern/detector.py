"""The detector of broken patterns: when it takes a reading, and what it says of the scores."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Learned
from detectors.framed import Framed
from detectors.groups import by_device
from detectors.learning import Lessons
from detectors.maxima import Maxima, Plan, Scores
from detectors.model import Finding, Severity
from detectors.pattern.likelihood import Likelihood
from protocols.model import Frame, Rows, Seen, Values
from protocols.points import Points

NS = 1_000_000_000
PLAN = Plan(block=60, settle=24, fit=24, check=24, false_alarm=365 * 24.0, floor=3.0)
"""A block of 60 readings is an hour at a reading a minute: a day each to settle, fit and check; then a false alarm a
tag and year. The floor is where the scores of NAB's anomalies begin."""
OVER = 0.7
"""A pattern is whole again below this part of the limit, hysteresis in place of a chattering alarm,"""
CALM = 30
"""and after so many readings in a row."""
EXTREME = 3.0
"""So many limits beyond, a statistic alone is worth a warning; below, it informs."""
HUGE = 1e30
"""No quantity is larger; its mean must fit a float32, and its fourth power a float64."""
KIND = "pattern_break"
PARTS = ("level", "trend", "unrest")


class PatternDetector(Framed):
    """Takes the values of the tags `rows` at their interval, and says where a pattern broke and is whole again.

    Its arrays have one entry for each of them, called a tag.
    """

    KEPT = ("_slot", "_new", "_active", "_calm")

    def __init__(self, points: Points, rows: Rows, *, every_s: float, lessons: Lessons) -> None:
        n = len(rows)
        self._points, self._rows, self._devices = points, rows, by_device(points, rows)
        self.whose = rows
        self._at: slice | Rows = slice(int(rows[0]), int(rows[0]) + n) if n and np.ptp(rows) == n - 1 else rows
        self._every_ns, self._lessons = int(every_s * NS), lessons
        self._likelihood, self._calibration = Likelihood(n), Maxima(n, PLAN)
        self._slot = np.full((), -1, np.int64)
        self._new, self._active = np.zeros(n, bool), np.zeros(n, bool)
        self._calm = np.zeros(n, np.int16)

    @property
    def score(self) -> Values:
        """float64[points]: how unlikely the latest reading of each was, 0 where there is nothing new to be said.

        It is told while the limits are still being learned, too.
        """
        scores = np.zeros(len(self._points))
        scores[self._at] = self._likelihood.score
        return scores

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return its arrays, and those of what it is made of."""
        parts = {"likelihood": self._likelihood, "calibration": self._calibration}
        inner = {f"{part}.{name}": each for part, kept in parts.items() for name, each in kept.state().items()}
        return {**super().state(), **inner}

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the patterns that broke, or are whole again."""
        if not isinstance(seen, Frame) or not len(self._rows):
            return ()
        if seen.complete:
            self._new.fill(True)
        else:
            self._new |= seen.fresh[self._at]
        slot = seen.time_ns // self._every_ns
        if slot == self._slot:
            return ()
        self._slot[...] = slot
        values = seen.values[self._at]
        with np.errstate(invalid="ignore"):
            due = self._new & (np.abs(values) < HUGE)
        self._new[:] = False
        if np.count_nonzero(due) == len(due):
            return self._take(seen, slice(None), values)
        tags = np.flatnonzero(due).astype(np.int32)
        return self._take(seen, tags, values[tags]) if len(tags) else ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        tag_of = {int(row): tag for tag, row in enumerate(self._rows)}
        taken = [finding for finding in active if finding.kind == KIND and tag_of.keys() >= {*finding.rows}]
        self._active[:] = False
        for finding in taken:
            self._active[[tag_of[row] for row in finding.rows]] = True
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return of each device how far its tags have learned what is normal."""
        share = self._calibration.share
        return [
            Learned(
                device,
                self._lessons.state(float(share[mine].min())),
                float(share[mine].mean()),
                f"{int((share[mine] == 1).sum())} of {len(share[mine])} tags",
            )
            for device, mine in self._devices
        ]

    def _take(self, frame: Frame, at: slice | Rows, values: Values) -> Sequence[Finding]:
        """Take the readings of the tags `at`."""
        kept = self._lessons.frozen and self._calibration.ready[at].all()
        learn = not (kept or self._lessons.excluded(frame.utc_ns))
        unlikely = self._likelihood.observe(at, values, frame.utc_ns, learn=learn)
        begun, ended = self._turn(at, unlikely, self._calibration.limit[at])
        if learn:
            self._calibration.learn(at, unlikely)
        tags = np.arange(len(self._rows))[at]
        turned = [*((int(tag), True) for tag in tags[begun]), *((int(tag), False) for tag in tags[ended])]
        return [self._finding(tag, frame, active=active) for tag, active in turned]

    def _turn(self, at: slice | Rows, score: Scores, limit: Scores) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where a pattern broke, and where it is whole again: bool[rows] each."""
        active = self._active[at]
        begun = (score >= limit) & ~active
        ended = np.zeros_like(begun)
        if np.count_nonzero(active):
            self._calm[at] = np.where(active & (score < OVER * limit), self._calm[at] + 1, 0)
            ended = active & (self._calm[at] >= CALM)
        if np.count_nonzero(begun) or np.count_nonzero(ended):
            self._active[at] = (active | begun) & ~ended
            self._calm[at] = np.where(begun | ended, 0, self._calm[at])
        return begun, ended

    def _finding(self, tag: int, frame: Frame, *, active: bool) -> Finding:
        parts, row = self._likelihood.parts[:, tag], int(self._rows[tag])
        expected, actual = float(self._likelihood.usual[tag]), float(frame.values[row])
        score = float(parts.sum() ** 0.25 / self._calibration.limit[tag]) if active else 0.0
        part = PARTS[int(parts.argmax())]
        return Finding(
            detector="pattern",
            kind=KIND,
            device=self._points.device(row),
            rows=(row,),
            severity=Severity.WARNING if score >= EXTREME else Severity.INFO,
            time_ns=frame.time_ns,
            active=active,
            score=score,
            expected=None if np.isnan(expected) else expected,
            actual=actual,
            text=self._text(row, part, expected, actual, frame.utc_ns) if active else self._relief(row, actual),
            evidence={name: round(float(value) ** 0.25, 3) for name, value in zip(PARTS, parts, strict=True)},
            causes=("an unusual load or switching state", "a fault of the measurement") if active else (),
            advice="Compare it with its neighbours and with what was switched." if active else "",
        )

    def _text(self, row: int, part: str, expected: float, actual: float, utc_ns: int) -> str:
        unit = f" {self._points.configs[row].unit}".rstrip()
        hour = f"{utc_ns // (3600 * NS) % 24:02d} h UTC"
        usual = f"{actual:.6g}{unit}, where {expected:.6g}{unit} is usual at {hour}"
        story = {
            "level": f"is {usual}",
            "trend": f"has been off its pattern for long: {usual}",
            "unrest": f"moves as it never does: {usual}",
        }
        return f"{self._points.label(row)} {story[part]}"

    def _relief(self, row: int, actual: float) -> str:
        unit = f" {self._points.configs[row].unit}".rstrip()
        return f"{self._points.label(row)} is back in its pattern: {actual:.6g}{unit}"
