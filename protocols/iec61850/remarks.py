"""What is to be said of an IED, when it changes: who it is, its clock, its blocks, and the points that it refuses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from protocols.model import EventKind
from protocols.notes import Notes, listed
from protocols.points import Points

CLOCK_S: Final = 2.0
"""A device whose reports are stamped further off our time has a wrong clock: gathering and the way take less."""
STEADY_S: Final = 0.5
"""A clock that is behind is behind by the same in the next report; a report that was held up is not."""


class Remarks:
    """Says of one IED what no reading can, each thing once until it changes."""

    def __init__(self, notes: Notes, points: Points, first: int) -> None:
        self._notes, self._points, self._first = notes, points, first
        self._refused: dict[int, str] = {}
        self._refusals: dict[str, str] = {}
        self._identity = ""
        self._clock_off, self._ahead_s = False, 0.0

    def refusal(self, what: str, why: str) -> None:
        """Say that a block, an attribute of it or a data set is refused, if it was not for this reason."""
        if self._refusals.get(what) != why:
            self._refusals[what] = why
            self._notes.say(EventKind.REFUSED, why)

    def granted(self, what: str) -> None:
        """Say that a block is ours after all."""
        if self._refusals.pop(what, None) is not None:
            self._notes.say(EventKind.ACCEPTED, f"{what}: taken")

    def identity(self, identity: str) -> None:
        """Say who answers, if it is somebody else than the last time."""
        if identity and identity != self._identity:
            self._identity = identity
            self._notes.say(EventKind.IDENTITY, identity)
        self.part("identify", identity)

    def part(self, what: str, value: str) -> None:
        """Tell the cyber checks a part of who it says it is."""
        if value:
            self._notes.sight(EventKind.IDENTITY, value, function=what, value=value)

    def clock(self, ahead_s: float) -> None:
        """Say that the device's clock has become wrong, or right, where a report was `ahead_s` of ours."""
        self._notes.sight(EventKind.CLOCK, "time of a report", offset_s=ahead_s)
        steady, self._ahead_s = abs(ahead_s - self._ahead_s) < STEADY_S, ahead_s
        wrong = abs(ahead_s) > CLOCK_S
        if wrong is not self._clock_off and (steady or ahead_s > -CLOCK_S):
            self._clock_off = wrong
            detail = f"the device's clock is {ahead_s:+.1f} s off ours" if wrong else "the device's clock is right"
            self._notes.say(EventKind.CLOCK, detail)

    def refusals(self, places: Iterable[int], refused: Mapping[int, str]) -> None:
        """Say which of `places`, which have just been read, are refused and were not, or were and are not."""
        if not refused and not self._refused:
            return
        news: dict[str, list[int]] = {}
        for place, why in refused.items():
            if self._refused.get(place) != why:
                self._refused[place] = why
                news.setdefault(why, []).append(place)
        for why, found in news.items():
            self._tell(EventKind.REFUSED, found, why)
        back = sorted(self._refused.keys() & (set(places) - refused.keys()))
        for place in back:
            del self._refused[place]
        if back:
            self._tell(EventKind.ACCEPTED, back, "answers again")

    def _tell(self, kind: EventKind, places: Sequence[int], what: str) -> None:
        rows = [self._first + place for place in sorted(places)]
        names = listed([self._points.names[row] for row in rows])
        self._notes.say(kind, f"point{'s' if len(rows) > 1 else ''} {names}: {what}", rows)
