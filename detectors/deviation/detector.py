"""The data-quality bank: each frame steps all tags at once, and what is odd is judged beside the tags of its device.

Load steps, switching, taps and dips move several tags of a device at once; a fault of one measurement moves one. So a
spike, an outlier and a drift are told only of a tag that is alone with it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Learned
from detectors.deviation import story
from detectors.deviation.blocks import Blocks
from detectors.deviation.moves import NEVER, NONE, Moves, Spike
from detectors.deviation.stand import Stand
from detectors.framed import Framed
from detectors.groups import by_device
from detectors.learning import Lessons
from detectors.model import Finding
from protocols.model import BELIEVABLE_, Frame, Rows, Seen, Values
from protocols.points import Points

NS = 1_000_000_000
KINDS = ("spike", "outlier", "drift", "stuck")
SPIKE, OUTLIER, DRIFT, STUCK = range(4)
TOGETHER_NS = 5 * NS
"""Tags of a device that jump within five seconds jump together: scans and filters are not in step."""
CALM_NS = 60 * NS
"""A spike's finding ends when there was no other for a minute."""
STAY = 5
"""Readings in a row that are an outlier; fewer are a spike, or a transient."""
LOOK_NS = 10 * NS
"""How often it is looked for tags that stand still."""


class DeviationDetector(Framed):
    """Judges the tags `rows`; its arrays have one entry for each of them, called a tag."""

    KEPT = ("_odd", "_active", "_looked")

    def __init__(self, points: Points, rows: Rows, lessons: Lessons) -> None:
        self._points, self._rows, self._lessons = points, rows, lessons
        self.whose = rows
        n = len(rows)
        self._at: slice | Rows = slice(int(rows[0]), int(rows[0]) + n) if n and np.ptp(rows) == n - 1 else rows
        self._device_of, self._devices = points.device_of[rows], by_device(points, rows)
        self._moves, self._stand = Moves(n), Stand(n)
        self._blocks = Blocks(n, np.array([story.regulated(points.configs[row]) for row in rows], bool))
        self._odd = np.zeros(n, np.uint8)
        self._active = np.zeros((len(KINDS), n), bool)
        self._looked = np.full((), -1, np.int64)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """Return its arrays, and those of what it is made of."""
        parts = {"moves": self._moves, "spikes": self._moves.calibration, "stand": self._stand, "blocks": self._blocks}
        inner = {f"{part}.{name}": each for part, kept in parts.items() for name, each in kept.state().items()}
        return {**super().state(), **inner}

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return what began or ended with this frame."""
        if not isinstance(seen, Frame) or not len(self._rows):
            return ()
        values = seen.values[self._at] if isinstance(self._at, slice) else seen.values.take(self._at)
        found: list[Finding] = []
        if seen.complete or len(at := _sound(seen.fresh[self._at], values)) == len(values):
            found += self._step(seen, slice(None), values)
        elif len(at):
            found += self._step(seen, at, values[at])
        if seen.time_ns // LOOK_NS != self._looked:
            self._looked[...] = seen.time_ns // LOOK_NS
            found += self._look(seen)
        return found

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        tag_of = {int(row): tag for tag, row in enumerate(self._rows)}
        taken = [finding for finding in active if finding.kind in KINDS and tag_of.keys() >= {*finding.rows}]
        self._active[:] = False
        for finding in taken:
            self._active[KINDS.index(finding.kind), [tag_of[row] for row in finding.rows]] = True
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return of each device how far its tags have learned what is normal."""
        share = self._learned_share
        drift = self._blocks.learned
        return [
            Learned(
                device,
                self._lessons.state(float(share[mine].min())),
                float(share[mine].min()),
                f"{int((share[mine] == 1).sum())} of {len(share[mine])} tags; level and range {drift[mine].min():.0%}",
            )
            for device, mine in self._devices
        ]

    def _learns(self, frame: Frame, at: slice | Rows) -> bool:
        if self._lessons.excluded(frame.utc_ns):
            return False
        return not (self._lessons.frozen and (self._learned_share[at] == 1).all())

    @property
    def _learned_share(self) -> Values:
        """float64[tags]: how far the limits of spikes and of standing still are learned."""
        return np.minimum(self._moves.calibration.share, self._stand.learned)

    def _levels_held(self) -> NDArray[np.bool_]:
        """Return bool[tags]: whose level and range learn nothing; they take days where the others take an hour."""
        odd: NDArray[np.bool_] = self._active[OUTLIER]
        if self._lessons.frozen:
            odd = odd | (self._blocks.learned >= 1)
        return odd

    def _step(self, frame: Frame, at: slice | Rows, values: Values) -> Iterator[Finding]:
        """Take the readings of the tags `at`."""
        learn, now_ns = self._learns(frame, at), frame.time_ns
        outside = self._blocks.outside(at, values)
        move, spikes = self._moves.step(at, values, now_ns, learn=learn)
        moved = move != NONE
        self._stand.step(at, moved, now_ns, learn=learn)
        taught = not self._lessons.excluded(frame.utc_ns)
        full = self._blocks.step(at, values, self._moves.usual, self._levels_held(), learn=taught)
        if np.count_nonzero(outside) or np.count_nonzero(self._odd):
            yield from self._outliers(frame, at, values, outside)
        for spike in spikes:
            yield from self._spike(frame, spike)
        if np.count_nonzero(self._active[STUCK]):
            for tag in np.arange(len(self._rows))[at][moved & self._active[STUCK, at]]:
                yield self._told(STUCK, frame, int(tag), active=False)
        if len(full):
            yield from self._creeping(frame, full)

    def _look(self, frame: Frame) -> Iterator[Finding]:
        """Look for what ends with time, and for what stands still."""
        for tag in np.flatnonzero(self._active[SPIKE] & (frame.time_ns - self._moves.jumped_ns >= CALM_NS)):
            yield self._told(SPIKE, frame, int(tag), active=False)
        still = self._stand.still()
        if still.any():
            alive = (self._moves.value != 0) & self._blocks.loaded(self._moves.value)
            switched = np.abs(self._stand.moved_ns - self._moves.jumped_ns) <= TOGETHER_NS
            for tag in np.flatnonzero(still & alive & ~switched & ~self._active[STUCK]):
                yield self._told(STUCK, frame, int(tag), score=self._stand.times(int(tag)))

    def _spike(self, frame: Frame, spike: Spike) -> Iterator[Finding]:
        if not self._active[SPIKE, spike.row] and self._alone(spike.row, self._jumped(frame.time_ns)):
            limit = float(self._moves.calibration.limit[spike.row])
            yield self._told(SPIKE, frame, spike.row, actual=spike.peak, score=spike.height / limit)

    def _outliers(
        self, frame: Frame, at: slice | Rows, values: Values, outside: NDArray[np.bool_]
    ) -> Iterator[Finding]:
        """Judge the tags that have been outside for long enough, and those that are back."""
        odd = np.where(outside, np.minimum(self._odd[at] + 1, STAY + 1), 0).astype(np.uint8)
        self._odd[at] = odd
        tags, active = np.arange(len(self._rows))[at], self._active[OUTLIER, at]
        for k in np.flatnonzero((odd == STAY) & ~active):
            tag = int(tags[k])
            if self._alone(tag, (self._odd > 0) | self._jumped(int(self._moves.jumped_ns[tag]))):
                score = self._blocks.beyond(tag, float(values[k]))
                yield self._told(OUTLIER, frame, tag, actual=float(values[k]), score=score)
        for k in np.flatnonzero((odd == 0) & active):
            yield self._told(OUTLIER, frame, int(tags[k]), actual=float(values[k]), active=False)

    def _creeping(self, frame: Frame, tags: Rows) -> Iterator[Finding]:
        """Judge the tags whose block is full: where another voltage or frequency leans the same way, it is the grid."""
        creeping = self._blocks.creeping(tags)
        for tag, way in zip(tags.tolist(), creeping.tolist(), strict=True):
            if not way:
                if self._active[DRIFT, tag]:
                    yield self._told(DRIFT, frame, tag, active=False)
            elif not self._active[DRIFT, tag] and np.count_nonzero(self._blocks.leaning(way)) == 1:
                yield self._told(DRIFT, frame, tag, score=self._blocks.sum(tag))

    def _jumped(self, at_ns: int) -> NDArray[np.bool_]:
        """Return bool[tags]: which jumped about `at_ns`."""
        jumped_ns = self._moves.jumped_ns
        together: NDArray[np.bool_] = (np.abs(jumped_ns - at_ns) <= TOGETHER_NS) & (jumped_ns > NEVER)
        return together

    def _alone(self, tag: int, others: NDArray[np.bool_]) -> bool:
        """Return whether no other tag of its device is among `others`."""
        mine = self._device_of == self._device_of[tag]
        mine[tag] = False
        return not bool((others & mine).any())

    def _told(
        self, kind: int, frame: Frame, tag: int, *, active: bool = True, actual: float | None = None, score: float = 0.0
    ) -> Finding:
        self._active[kind, tag] = active
        facts = self._facts(kind, tag, frame.time_ns, actual)
        return story.tell(KINDS[kind], self._points, int(self._rows[tag]), facts, active=active, score=score)

    def _facts(self, kind: int, tag: int, now_ns: int, actual: float | None) -> story.Facts:
        value = float(self._moves.value[tag])
        return story.Facts(
            time_ns=now_ns,
            actual=value if actual is None else actual,
            value=value,
            low=float(self._blocks.low[tag]),
            high=float(self._blocks.high[tag]),
            level=float(self._blocks.level[tag]),
            usual=float(self._moves.usual[tag]),
            still_s=(now_ns - int(self._stand.moved_ns[tag])) / NS if kind == STUCK else 0.0,
            longest=int(self._stand.longest[tag]),
        )


def _sound(good: NDArray[np.bool_], values: Values) -> Rows:
    """Return where `values` are good, and no larger than a number of a substation can be."""
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(good & (np.abs(values) < BELIEVABLE_)).astype(np.int32)
