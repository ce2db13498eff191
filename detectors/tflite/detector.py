"""Tflite: what a model makes of the readings of a group of points, against what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Learned
from detectors.framed import Framed
from detectors.model import Finding, Said, Severity
from detectors.tflite.runtime import Model
from protocols.model import Frame, Seen, Values
from protocols.points import Points

if TYPE_CHECKING:
    from detectors.tflite.config import TfliteConfig

NS = 1_000_000_000
NAMED = 5
"""Points named in a finding, the worst first."""
SCORE_MOST, PART_MOST = 1e6, 1e12
"""So many times its threshold is odd enough: a number beyond float32 has no error that could be told."""
SUSPECTS = 8
"""So many points with the largest parts are looked at, when it is asked which one is to blame."""
CAUSES = ("the plant is in a state that its history does not have", "a sensor, its scaling or its wiring has changed")
ADVICE = "Compare the first point with a second measurement; if the plant was changed on purpose, train again."


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the model says of a row: `score`, 1 is the threshold; `fits` and `parts` float64[n], empty without them.

    `fits` is what would belong to the other readings, in each point's unit; `parts` each point's share of the error.
    """

    score: float
    fits: Values
    parts: Values


class Judge:
    """A model with its threshold: of the mean squared error in usual errors, or of the model's own score."""

    def __init__(self, model: Model, scale: Sequence[float], threshold: float) -> None:
        self._model, self._threshold = model, threshold
        self._scale = np.array(scale, np.float64)
        self._rebuilds = model.inputs == model.outputs and model.inputs > 1

    def of(self, values: Values) -> Opinion:
        """Judge `values` float64[n], all finite."""
        with np.errstate(all="ignore"):
            made = self._model.run(values)
            if not self._rebuilds:
                return Opinion(self._bounded(float(made[0])), np.empty(0), np.empty(0))
            parts = np.square((values - made) / self._scale)
            return Opinion(self._bounded(float(parts.mean())), made, np.fmin(parts, PART_MOST))

    def suspect(self, values: Values, opinion: Opinion) -> tuple[int, float]:
        """Return the point without which the others fit together best, and what would fit in its place.

        A wrong reading spoils what the model makes of all points, so the largest part alone names the wrong one.
        """
        best, fitting, least = 0, float(opinion.fits[0]), np.inf
        with np.errstate(all="ignore"):
            for k in np.argsort(-opinion.parts, kind="stable")[:SUSPECTS].tolist():
                trial, made = values.copy(), opinion.fits
                for _ in range(2):  # what is put in its place spoils the others less the second time
                    trial[k] = made[k]
                    made = self._model.run(trial)
                error = float(np.fmin(np.square((trial - made) / self._scale), PART_MOST).sum())
                if error < least:
                    best, fitting, least = k, float(trial[k]), error
        return best, fitting

    def _bounded(self, error: float) -> float:
        score = error / self._threshold
        return SCORE_MOST if not score <= SCORE_MOST else max(score, 0.0)


class TfliteDetector(Framed):
    """One finding a model. Where a reading is missing nothing is judged, and a delay begins anew."""

    KEPT = ("_active", "_since_ns", "_suspect")

    def __init__(self, points: Points, rows: Sequence[int], judge: Judge, config: "TfliteConfig") -> None:
        self._points, self._judge, self._config = points, judge, config
        self._rows = np.array(rows, np.int32)
        self.whose = [self._rows]
        self._subject = config.model_file.stem
        self._delay_ns = int(config.off_delay_s * NS), int(config.on_delay_s * NS)
        self._missing = np.ones(len(rows), bool)
        self._active = np.zeros((), np.bool_)
        self._since_ns = np.zeros((), np.int64)
        self._suspect = np.zeros((), np.int32)

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return that the readings ceased to fit together for the delay, or fit again."""
        if not isinstance(seen, Frame) or not seen.fresh[self._rows].any():
            return ()
        values = seen.values[self._rows]
        self._missing = ~np.isfinite(values)
        if self._missing.any():
            self._since_ns[...] = 0
            return ()
        opinion = self._judge.of(values)
        if (opinion.score > 1) == bool(self._active):
            self._since_ns[...] = 0
            return ()
        if not 0 < self._since_ns <= seen.time_ns:
            self._since_ns[...] = seen.time_ns
        if seen.time_ns - int(self._since_ns) < self._delay_ns[not self._active]:
            return ()
        return [self._turned(seen.time_ns, values, opinion)]

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        taken = [finding for finding in active if self._is_ours(finding)]
        self._active[...] = bool(taken)
        for finding in taken:
            self._suspect[...] = self._rows.tolist().index(finding.rows[0])
        return taken

    def learned(self) -> Sequence[Learned]:
        """Tell whether the model is at work: it waits while one of its points has no reading."""
        missing = np.flatnonzero(self._missing)
        if not len(missing):
            return (Learned(self._subject, "ready", 1.0, f"judges {self._group()}"),)
        first = self._points.label(int(self._rows[missing[0]]))
        return (Learned(self._subject, "frozen", 1.0, f"{len(missing)} points without readings: {first}"),)

    def _is_ours(self, finding: Finding) -> bool:
        ours = set(self._rows.tolist())
        return finding.subject == self._subject and bool(finding.rows) and ours.issuperset(finding.rows)

    def _turned(self, now_ns: int, values: Values, opinion: Opinion) -> Finding:
        """Turn, and return what is to be said. It ends under the device of the suspect that it began with."""
        self._active[...] = not self._active
        self._since_ns[...] = 0
        worst, fitting = np.argsort(-opinion.parts, kind="stable"), None
        if self._active and len(worst):
            self._suspect[...], fitting = self._judge.suspect(values, opinion)
        elif self._active:
            self._suspect[...] = 0
        suspect = int(self._suspect)
        if len(worst):
            worst = np.concatenate([[suspect], worst[worst != suspect]])[:NAMED]
            fitting = float(opinion.fits[suspect]) if fitting is None else fitting
        return Finding(
            detector="tflite",
            kind=self._config.kind,
            device=self._points.device(int(self._rows[suspect])),
            subject=self._subject,
            rows=tuple(self._rows[worst].tolist()) if len(worst) else tuple(self._rows.tolist()),
            severity=Severity(self._config.severity),
            time_ns=now_ns,
            active=bool(self._active),
            score=opinion.score,
            expected=fitting,
            actual=float(values[suspect]) if len(worst) else None,
            text=self._story(values, opinion, worst, fitting),
            evidence=self._evidence(values, opinion, worst),
            causes=CAUSES if self._active else (),
            advice=ADVICE if self._active else "",
        )

    def _story(self, values: Values, opinion: Opinion, worst: NDArray[np.intp], fitting: float | None) -> str:
        if not self._active:
            return f"{self._subject}: {self._group()} fit together again"
        if not len(worst):
            return f"{self._subject}: the model's score of {self._group()} is {opinion.score:.3g} times its limit"
        row = int(self._rows[worst[0]])
        unit = f" {self._points.configs[row].unit}".rstrip()
        told = f"{self._points.label(row)} is {values[worst[0]]:.6g}{unit} where {fitting:.6g} fits the others"
        return f"{self._subject}: {self._group()} do not fit together, {opinion.score:.3g} times the limit: {told}"

    def _group(self) -> str:
        return f"{len(self._rows)} points"

    def _evidence(self, values: Values, opinion: Opinion, worst: NDArray[np.intp]) -> Mapping[str, Any]:
        total = float(opinion.parts.sum()) or 1.0
        return {
            "model": self._subject,
            "score": opinion.score,
            "points": [
                {
                    "point": self._points.label(int(self._rows[k])),
                    "value": float(values[k]),
                    "fits": float(opinion.fits[k]),
                    "share": round(float(opinion.parts[k]) / total, 4),
                }
                for k in worst.tolist()
            ],
        }
