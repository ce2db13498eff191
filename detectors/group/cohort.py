"""A cohort: groups of nearly one size, whose matrices are therefore of one shape, and each in its own phase.

fit        the first 5/8 of the stretch: how the values move together (detectors/group/moments.py)
calibrate  the rest of it: how far such samples are from that which were no part of it, hence the limits
ready      the model is that of the whole stretch; beyond a limit is an outlier
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.calibration import Calibration, Indices
from detectors.detector import Learned
from detectors.group.distance import ENOUGH, NOISE, Distance
from detectors.group.moments import Moments
from detectors.group.outlier import Outlier
from detectors.groups import Group
from detectors.kept import Kept, State
from detectors.model import Finding, Severity
from protocols.model import Frame, Values
from protocols.points import Points

if TYPE_CHECKING:
    from detectors.group.config import GroupConfig

NS = 1_000_000_000
FIT = 0.6
"""Share of the stretch that is fitted: six of its ten blocks."""
FITTING, CALIBRATING, READY = range(3)
BACK = 0.98
"""An outlier is over when its score is below this: not at the limit, around which it would come and go."""
EXTREME, PERSISTENT = 4.0, 60
"""A score of so many limits for so many samples is no statistics any more: one step of severity more."""

Flags = NDArray[np.bool_]


class Cohort(Kept):
    """Samples its groups every `every_s`; the state is some matrices of their size, made when it is built."""

    KEPT: ClassVar[tuple[str, ...]] = (
        "phase", "limit", "last", "new", "sampled_ns", "active", "severe", "extreme", "outlying",
    )  # fmt: skip

    def __init__(self, points: Points, groups: Sequence[Group], config: "GroupConfig") -> None:
        self._points, self._groups, self._config, self._lessons = points, groups, config, config.lessons
        count, width = len(groups), max(map(len, groups), default=0)
        self._every_ns = int(config.every_s * NS)
        self._rows = np.zeros((count, width), np.int32)
        self._member = np.zeros((count, width), bool)
        for place, group in enumerate(groups):
            self._rows[place, : len(group)], self._member[place, : len(group)] = group.rows, True
        self._moments, self._distance = Moments(count, width, config.learn_samples), Distance(count, width)
        self._calibration = Calibration(3 * count, NOISE)
        self.phase = np.zeros(count, np.int8)
        self.limit = np.full((3, count), np.inf)
        self.last = np.zeros((count, width))
        self.new = np.zeros((count, width), bool)
        self.sampled_ns = np.zeros((), np.int64)
        self.active, self.severe = np.zeros(count, bool), np.zeros(count, bool)
        self.extreme, self.outlying = np.zeros(count, np.int64), np.zeros(count, np.int64)

    @property
    def _parts(self) -> Mapping[str, Kept]:
        return {"moments": self._moments, "distance": self._distance, "calibration": self._calibration}

    def state(self) -> State:
        """Return its own arrays and those of its parts."""
        parts = {f"{part}.{name}": array for part, kept in self._parts.items() for name, array in kept.state().items()}
        return {**super().state(), **parts}

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        places = {(group.device, group.subject): place for place, group in enumerate(self._groups)}
        taken = [each for each in active if (each.device, each.subject) in places]
        self.active[:] = self.severe[:] = False
        for each in taken:
            place = places[each.device, each.subject]
            self.active[place], self.severe[place] = True, each.severity != self._config.severity
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return how far each group is, in their order."""
        return [self._learned(place) for place in range(len(self._groups))]

    def observe(self, seen: Frame) -> Sequence[Finding]:
        """Return the groups that began or ceased to be outliers."""
        if seen.complete:
            self.new.fill(True)
        else:
            self.new |= seen.fresh[self._rows]
        if 0 <= seen.time_ns - int(self.sampled_ns) < self._every_ns - NS // 2:
            return ()
        self.sampled_ns[...] = seen.time_ns
        values = np.where(self._member, seen.values[self._rows], 0.0)
        known = np.isfinite(values)
        np.copyto(self.last, values, where=known)
        members = known & self._member
        news = (self.new & members).sum(axis=1)
        self.new[:] = False
        at = np.flatnonzero((news > 0) & (2 * news >= members.sum(axis=1)))
        return self._sample(at, np.where(known, values, np.nan), seen) if len(at) else ()

    @np.errstate(over="ignore", invalid="ignore")  # of 1e308 there is no square: it is then no part of the model
    def _sample(self, at: Indices, values: Values, frame: Frame) -> Sequence[Finding]:
        """Take the sample of the groups `at`, in whatever phase each is."""
        scored, learning = at[self.phase[at] != FITTING], at[self.phase[at] != READY]
        said: list[Finding] = []
        if self._lessons.excluded(frame.utc_ns):
            learning = learning[:0]
        if len(scored):
            distances = self._distance.observe(scored, values[scored])
            ready = self.phase[scored] == READY
            if len(learning):
                self._calibrate(scored[~ready], distances[:, ~ready])
            if ready.any():
                said = self._judge(scored[ready], distances[:, ready], values, frame)
        if len(learning):
            self._learn(learning)
        return said

    def _calibrate(self, at: Indices, distances: NDArray[np.float64]) -> None:
        for kind, scores in enumerate(distances):
            self._calibration.observe(at + kind * len(self._groups), scores)

    def _learn(self, at: Indices) -> None:
        """Take a sample of groups that learn, and the steps from one phase to the next."""
        self._moments.observe(at, self.last[at])
        count = self._moments.count[at]
        for place in at[(self.phase[at] == FITTING) & (count >= self._config.learn_samples * FIT)].tolist():
            self._take(place, np.inf)
            self.phase[place] = CALIBRATING
        for place in at[count >= self._config.learn_samples].tolist():
            before = self._distance.noise(place)
            self._take(place, np.inf)
            limit = self._calibration.limit(self._kinds(place), self._config.false_alarms)
            # the model of the whole has seen other drifts by chance, and may give noise more weight than the one before
            self.limit[:, place] = limit * np.maximum(self._distance.noise(place) / before, 1.0)
            self._distance.most[place] = ENOUGH * self.limit[0, place]
            self.phase[place] = READY
            if (self.phase == READY).all():
                self._moments.forget_sums()

    def _kinds(self, place: int) -> Indices:
        """Return int64[3]: where the scores of a group are in the calibration."""
        return place + np.arange(3) * len(self._groups)

    def _take(self, place: int, most: float) -> None:
        self._distance.take(place, self._moments.likeness(place, len(self._groups[place])), most)

    def _judge(self, at: Indices, distances: NDArray[np.float64], values: Values, frame: Frame) -> list[Finding]:
        """Return what begins, becomes severe, or ends among the groups `at` that are ready."""
        score = np.sqrt((distances[1:] / self.limit[1:, at]).max(axis=0))
        was, was_severe = self.active[at], self.severe[at]
        now = score > np.where(was, BACK, 1.0)
        self.extreme[at] = np.where(score > EXTREME, self.extreme[at] + 1, 0)
        self.outlying[at] = np.where(now, self.outlying[at] + 1, 0)
        severe = now & (was_severe | (self.extreme[at] >= PERSISTENT))
        self.active[at], self.severe[at] = now, severe
        turned = np.flatnonzero((now != was) | (severe != was_severe))
        said = [self._finding(int(at[k]), float(score[k]), values, frame, active=False) for k in turned if was[k]]
        said += [self._finding(int(at[k]), float(score[k]), values, frame, active=True) for k in turned if now[k]]
        return said + self._relearn(at[self.outlying[at] >= self._config.learn_samples], values, frame)

    def _relearn(self, at: Indices, values: Values, frame: Frame) -> list[Finding]:
        """Take what lasts as long as the learning did for the new normal, where that is wanted."""
        if not len(at) or self._lessons.frozen:
            return []
        self.phase[at], self.active[at], self.severe[at] = FITTING, False, False
        self.extreme[at] = self.outlying[at] = 0
        self._moments.begin_anew(at)
        for place in at.tolist():
            self._calibration.begin_anew(self._kinds(place))
        return [self._finding(int(place), 0.0, values, frame, active=False) for place in at]

    def _finding(self, place: int, score: float, values: Values, frame: Frame, *, active: bool) -> Finding:
        severity = Severity(self._config.severity)
        said = Outlier(
            group=self._groups[place],
            score=score,
            severity=severity.next if self.severe[place] else severity,
            time_ns=frame.time_ns,
            relearning=self.phase[place] == FITTING,
        )
        if not active:
            return said.end()
        size = len(self._groups[place])
        return said.begin(self._points, values[place, :size], *self._distance.suspicion(place, values[place], size))

    def _learned(self, place: int) -> Learned:
        count, phase = int(self._moments.count[place]), int(self.phase[place])
        share = 1.0 if phase == READY else min(1.0, count / self._config.learn_samples)
        return Learned(
            subject=self._groups[place].subject,
            state=self._lessons.state(share, held=bool(self.active[place])),
            share=share,
            detail=f"{count} of {self._config.learn_samples} samples of {len(self._groups[place])} points",
        )
