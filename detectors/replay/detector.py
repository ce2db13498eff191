"""Replay: readings of a bay, or of the whole plant, that come again bit for bit and in the order of before.

Measured values have noise in their last digits, so their vector practically never comes twice. What repeats itself
anyway does not count: see `detectors/replay/history.py`. A group whose values do not go up and down by themselves has
no noise digits, and is not judged.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from detectors.detector import Learned
from detectors.framed import Framed
from detectors.groups import Group
from detectors.kept import State
from detectors.model import Finding, Severity
from detectors.replay.fingerprint import Fingerprints
from detectors.replay.history import History
from protocols.model import Frame, Seen, Values, span
from protocols.points import Points

if TYPE_CHECKING:
    from detectors.replay.config import ReplayConfig

LEAST_RUN = 3
"""So many readings must follow one another: fewer are no stretch."""
LEAST_BITS = 27.0
"""Evidence of a run: were its readings found again by chance, then once in 2**27 readings, four years of 1 s."""
LEAST_SEEN = 100
"""Readings after which it is known how often a group repeats itself."""
TURNS = 1 / 8
"""A value with noise digits turns between up and down in two of three readings, one with coarse digits seldom."""
TURNS_ALPHA, NOWHERE = np.array(1 / 128, np.float32), np.array(0.0)
"""Memory of how often it turns: some hundred readings."""
FEW = 4
"""So many groups are taken one by one, which is faster than as arrays."""
MOST_ROWS = 64
"""Points that a finding names; the rest is counted."""
PLANT = "plant"
"""Subject of a replay of everything."""
NS = 1_000_000_000

Flags = NDArray[np.bool_]

CAUSES = (
    "recorded readings are sent in place of present ones by someone between device and gateway",
    "the device or a data concentrator plays back its memory",
    "a test set or simulator is connected in place of the device",
)


class ReplayDetector(Framed):
    """Takes a print of each group with each frame; `_plant` has that of all of them together."""

    KEPT: ClassVar[tuple[str, ...]] = ("value", "rose", "turns", "last", "active", "length")

    def __init__(self, points: Points, groups: Sequence[Group], config: "ReplayConfig") -> None:
        self._points, self._severity = points, Severity(config.severity)
        self._groups, self._whole = groups, PLANT if len(groups) != 1 else groups[0].subject
        self._rows = np.concatenate([group.rows for group in groups] or [np.zeros(0, np.int32)])
        self.whose = [self._rows]
        self._at = span(self._rows) if (np.diff(self._rows) == 1).all() and len(self._rows) else self._rows
        sizes = [len(group) for group in groups]
        self._starts = np.cumsum([0, *sizes])[:-1]
        self._prints = Fingerprints(sizes)
        self._each, self._plant = History(len(groups), config.group_frames), History(1, config.plant_frames)
        self.value = np.full(len(self._rows), np.nan)
        self.rose = np.zeros(len(self._rows), bool)
        self.turns = np.zeros(len(self._rows), np.float32)
        self.last = np.zeros(len(groups) + 1, np.int64)
        self.active = np.zeros(len(groups) + 1, bool)
        self.length = np.zeros(len(groups) + 1, np.int64)

    def state(self) -> State:
        """Return its own arrays and those of both histories."""
        each = {f"each.{name}": array for name, array in self._each.state().items()}
        plant = {f"plant.{name}": array for name, array in self._plant.state().items()}
        return {**super().state(), **each, **plant}

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        places = {(group.device, group.subject): place for place, group in enumerate(self._groups)}
        if self._groups:
            places[self._groups[0].device, self._whole] = len(self._groups)
        taken = [finding for finding in active if (finding.device, finding.subject) in places]
        self.active[:] = False
        self.active[[places[finding.device, finding.subject] for finding in taken]] = True
        return taken

    def learned(self) -> Sequence[Learned]:
        """Return for each group whether it is known how often it repeats itself."""
        noisy, share, seen = self._noisy(), self._each.share, self._each.seen
        return [
            Learned(
                subject=group.subject,
                state="ready" if seen[place] >= LEAST_SEEN else "learning",
                share=min(1.0, float(seen[place]) / LEAST_SEEN),
                detail=f"{share[place]:.2%} of its readings repeat themselves"
                + ("" if noisy[place] else "; no noise digits: not judged"),
            )
            for place, group in enumerate(self._groups)
        ]

    def observe(self, seen: Seen) -> Sequence[Finding]:
        """Return the replays that began or ended."""
        if not isinstance(seen, Frame) or not len(self._rows):
            return ()
        values = seen.values.take(self._rows) if self._at is self._rows else seen.values[self._at]
        fresh = None if seen.complete else seen.fresh[self._at]
        if fresh is not None and not np.count_nonzero(fresh) and not self._follows:
            return ()
        with np.errstate(over="ignore", invalid="ignore"):
            step = values - self.value  # NaN, which moves nowhere, where one of both is not known
        self._learn(step, fresh)
        if fresh is None:
            np.copyto(self.value, values)
        else:
            np.copyto(self.value, values, where=fresh)
        new = self._advance(values, fresh, seen.time_ns)
        if not self._follows:
            return ()
        return self._judge(np.append(self._each.run, self._plant.run), new, seen)

    def _advance(self, values: Values, fresh: Flags | None, now_ns: int) -> Flags:
        """Take the prints of this frame; return bool[groups + 1]: where there is a new one, the plant's last.

        One that equals the print before is none: the device had nothing new, however often it was asked.
        """
        now = self._prints.of(values, known=fresh is None)
        new: Flags = now != self.last
        if fresh is not None:
            new[:-1] &= np.logical_or.reduceat(fresh, self._starts)
        if np.count_nonzero(new) == len(new):
            self.last[:] = now
        else:
            np.copyto(self.last, now, where=new)
        moved = np.flatnonzero(new[:-1])
        if len(moved):
            self._take(moved, now[moved], now_ns)
            if self._plant.new(0, int(now[-1])):
                self._plant.enter(0, int(now[-1]), now_ns)
            else:
                self._plant.advance(np.zeros(1, np.int64), now[-1:], now_ns)
        new[-1] = len(moved) > 0
        return new

    def _take(self, moved: NDArray[np.intp], now: NDArray[np.int64], now_ns: int) -> None:
        """Take the prints `now` of the groups that have `moved`."""
        each, few = self._each, list(zip(moved.tolist(), now.tolist(), strict=True)) if len(moved) <= FEW else []
        if not few or np.count_nonzero(each.run) or not all(each.new(place, print_) for place, print_ in few):
            each.advance(moved, now, now_ns)
            return
        for place, print_ in few:
            each.enter(place, print_, now_ns)

    @property
    def _follows(self) -> bool:
        """Whether something is, or may be, replayed now."""
        return bool(self._plant.run[0] or np.count_nonzero(self._each.run) or np.count_nonzero(self.active))

    def _learn(self, step: Values, fresh: Flags | None) -> None:
        """Learn how often each value turns between rising and falling; `fresh` is None where all are."""
        rises, falls = step > NOWHERE, step < NOWHERE
        if fresh is not None:
            rises &= fresh
            falls &= fresh
        rises |= np.greater(self.rose, falls, out=falls)  # it rises, or rose and does not fall
        turned = rises != self.rose
        np.copyto(self.rose, rises)
        change = turned - self.turns
        change *= TURNS_ALPHA
        if fresh is not None:
            change *= fresh
        self.turns += change

    def _noisy(self) -> Flags:
        """Return bool[groups]: whether one value of it has noise digits."""
        if not self._groups:
            return np.zeros(0, bool)
        noisy: Flags = np.maximum.reduceat(self.turns, self._starts) > TURNS
        return noisy

    def _judge(self, runs: NDArray[np.int64], new: Flags, frame: Frame) -> Sequence[Finding]:
        """Compare what is replayed now with what was."""
        noisy = self._noisy()
        known = np.append((self._each.seen >= LEAST_SEEN) & noisy, (self._plant.seen >= LEAST_SEEN) & noisy.any())
        bits = np.append(self._each.bits, self._plant.bits)
        strong = known & (runs >= LEAST_RUN) & (bits >= LEAST_BITS)
        now = (strong | self.active) & (runs > 0)
        now[-1] = self._all_of_it(now, runs, known)
        if now[-1] or len(self._groups) == 1:  # the plant says it for all
            now[:-1] = False
        elif known[-1] and 0 < runs[-1] < LEAST_RUN:  # it may in a moment
            now[:-1] &= self.active[:-1]
        self.length = np.where(self.active, self.length + (new & now), np.append(runs[:-1], runs.max()))
        turned = np.flatnonzero(now != self.active)
        self.active = now
        return [self._finding(int(place), frame, active=bool(now[place])) for place in turned]

    def _all_of_it(self, now: Flags, runs: NDArray[np.int64], known: Flags) -> bool:
        """Return whether the plant is replayed: its own print says so, or one group for sure and most of the others."""
        replayed = np.count_nonzero((runs > 0)[:-1] & known[:-1])
        most = replayed > 1 and 2 * replayed > np.count_nonzero(known[:-1])
        return bool(now[-1] or (most and (now.any() or self.active[-1])))

    def _finding(self, place: int, frame: Frame, *, active: bool) -> Finding:
        whole = place == len(self._groups)
        group = self._groups[0 if whole else place]
        subject, rows = (self._whole, self._rows) if whole else (group.subject, group.rows)
        length = int(self.length[place])
        evidence: dict[str, object] = {"readings": length, "points": len(rows)}
        if active:
            evidence |= self._source(place, frame)
            story = f"replays: {length} readings in a row equal those since {evidence['first_seen']} in every bit"
        else:
            story = f"shows new readings again, after {length} that were seen before"
        return Finding(
            detector="replay",
            kind="replay",
            device=group.device,
            subject=subject,
            rows=tuple(rows[:MOST_ROWS].tolist()),
            severity=self._severity,
            time_ns=frame.time_ns,
            active=active,
            text=f"{subject} {story}",
            evidence=evidence,
            causes=CAUSES if active else (),
            technique="T0856",
            advice=f"Read {subject} at its own display; believe no value of it until both agree." if active else "",
        )

    def _source(self, place: int, frame: Frame) -> dict[str, object]:
        """Return when the replayed stretch was first seen, in UTC, and how sure that is."""
        history, at = (self._each, place) if place < len(self._groups) else (self._plant, 0)
        if not history.run[at]:  # most groups are replayed, and some are not
            history, at = self._each, int(np.argmax(self._each.run))
        first_ns = history.source_ns(at, int(history.first[at]), frame.time_ns) + frame.utc_ns - frame.time_ns
        seen = datetime.fromtimestamp(first_ns // NS, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"first_seen": seen, "age_s": (frame.utc_ns - first_ns) / NS, "bits": float(history.bits[at])}
