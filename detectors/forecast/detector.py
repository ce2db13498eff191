"""The detector: frames in; once an hour a forecast of every load out, and an alarm where one stays far off it."""

from collections.abc import Iterator, Sequence

from detectors.detector import Learned
from detectors.forecast.model import Judged, Model
from detectors.forecast.told import forecasts
from detectors.forecast.watch import PERSIST_H, Watch
from detectors.framed import Framed
from detectors.kept import State
from detectors.means import Means
from detectors.model import Finding, Said, Severity
from protocols.model import Frame, Rows, Seen, Values
from protocols.point import SeverityWord
from protocols.points import Points

NS = 1_000_000_000
CAUSES = (
    "load was switched or transferred from another feeder",
    "an outage of a part of the feeder, or generation behind it",
    "a holiday or unusual weather",
    "a measuring error",
)
ADVICE = "Compare with the neighbouring feeders and the switching log; check the measurement if neither explains it."


class ForecastDetector(Framed):
    """Carries means from frames to the model, and what the model says to reports and findings."""

    COMMON = frozenset({"means._frames"})

    def __init__(self, points: Points, rows: Rows, *, step_s: int, severity: SeverityWord) -> None:
        self._points, self._rows, self._severity = points, rows, Severity(severity)
        self.whose = rows
        self._index = {int(row): load for load, row in enumerate(rows)}
        self._step_ns = step_s * NS
        self._means = Means(len(rows), self._step_ns)
        self._model = Model(len(rows), step_s)
        self._watch = Watch(len(rows), step_s, self._model.horizon.day)

    def state(self) -> State:
        """Return the arrays of its parts."""
        parts = {"means": self._means, "model": self._model, "watch": self._watch}
        return {f"{part}.{name}": array for part, kept in parts.items() for name, array in kept.state().items()}

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return what a step of the calendar that has ended says."""
        if not isinstance(seen, Frame) or not len(self._rows):
            return ()
        before = self._means.slot
        closed = self._means.turn(seen.utc_ns)
        if self._means.slot < before:
            self._model.past.forget()
        self._means.add(seen, self._rows)
        return self._step(*closed, seen) if closed else ()

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if len(finding.rows) == 1 and finding.rows[0] in self._index]
        self._watch.active.fill(False)
        self._watch.active[[self._index[finding.rows[0]] for finding in taken]] = True
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return how much of the history that the model needs there is, for each load."""
        shares = self._model.share.tolist()
        return [
            Learned(self._points.label(int(row)), "ready" if share >= 1 else "learning", share)
            for row, share in zip(self._rows, shares, strict=True)
        ]

    def _step(self, slot: int, means: Values, frame: Frame) -> Sequence[Said]:
        judged = self._model.learn(slot, means)
        turned, score = self._watch.judge(judged, self._model.errors.level, self._model.old)
        said: list[Said] = [self._finding(int(load), judged, float(score[load]), frame.time_ns) for load in turned]
        if self._means.slot > slot + 1:
            self._model.pause(slot + 1, self._means.slot - 1)
        return [*said, *self._reports(frame)]

    def _reports(self, frame: Frame) -> Iterator[Said]:
        """Tell the path from the step that has just begun, once an hour."""
        begins_ns = self._means.slot * self._step_ns
        if begins_ns % (3600 * NS) == 0:
            labels = [self._points.label(int(row)) for row in self._rows]
            units = [self._points.configs[row].unit for row in self._rows]
            yield from forecasts(self._model, labels, units, begins_ns=begins_ns, time_ns=frame.time_ns)

    def _finding(self, load: int, judged: Judged, score: float, now_ns: int) -> Finding:
        row, active = int(self._rows[load]), bool(self._watch.active[load])
        actual, expected = float(judged.actual[load]), float(judged.expected[load])
        low, high = expected - float(judged.low[load]), expected + float(judged.high[load])
        unit = f" {self._points.configs[row].unit}".rstrip()
        band = f"the forecast of the day before: {expected:.6g}{unit}, p10 to p90 {low:.6g} to {high:.6g}"
        side = "above" if actual > expected else "below"
        story = f"{side} for {PERSIST_H} h" if active else "back at"
        return Finding(
            detector="forecast",
            kind="forecast_exceeded",
            device=self._points.device(row),
            rows=(row,),
            severity=self._severity,
            time_ns=now_ns,
            active=active,
            score=score,
            expected=expected,
            actual=actual,
            text=f"{self._points.label(row)} {actual:.6g}{unit} is {story} {band}{unit}",
            evidence={"p10": low, "p90": high},
            causes=CAUSES if active else (),
            advice=ADVICE if active else "",
        )
