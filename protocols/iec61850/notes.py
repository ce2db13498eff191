"""What an IED's conversation has to say apart from numbers: each thing once, until it changes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from protocols.driver import Clock
from protocols.model import Event, EventKind
from protocols.points import Points

CLOCK_S: Final = 2.0
"""A device whose reports are stamped further off our time has a wrong clock: gathering and the way take less."""
STEADY_S: Final = 0.5
"""A clock that is behind is behind by the same in the next report; a report that was held up is not."""
MOST_WAITING: Final = 256
"""Events that wait to be handed out, 50 ms at most; the points that are refused for one reason are one of them."""
_NAMED_POINTS: Final = 3


class Notes:
    """The events of one device that were not handed out yet. A repeated event takes the place of the first."""

    def __init__(self, device: str, points: Points, clock: Clock) -> None:
        self._device, self._points, self._clock = device, points, clock
        self._first = points.rows_of[device].start
        self._waiting: dict[tuple[EventKind, str], Event] = {}
        self._refused: dict[int, str] = {}
        self._refusals: dict[str, str] = {}
        self._identity = ""
        self._clock_off, self._ahead_s = False, 0.0

    def say(self, kind: EventKind, detail: str, rows: Sequence[int] = ()) -> None:
        """Say something now."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting[kind, detail] = Event(self._device, kind, detail, self._clock(), tuple(rows))

    def refusal(self, what: str, why: str) -> None:
        """Say that a block, an attribute of it or a data set is refused, if it was not for this reason."""
        if self._refusals.get(what) != why:
            self._refusals[what] = why
            self.say(EventKind.REFUSED, why)

    def granted(self, what: str) -> None:
        """Say that a block is ours after all."""
        if self._refusals.pop(what, None) is not None:
            self.say(EventKind.ACCEPTED, f"{what}: taken")

    def identity(self, identity: str) -> None:
        """Say who answers, if it is somebody else than the last time."""
        if identity and identity != self._identity:
            self._identity = identity
            self.say(EventKind.IDENTITY, identity)

    def clock(self, ahead_s: float) -> None:
        """Say that the device's clock has become wrong, or right, where a report was `ahead_s` of ours."""
        steady, self._ahead_s = abs(ahead_s - self._ahead_s) < STEADY_S, ahead_s
        wrong = abs(ahead_s) > CLOCK_S
        if wrong is not self._clock_off and (steady or ahead_s > -CLOCK_S):
            self._clock_off = wrong
            detail = f"the device's clock is {ahead_s:+.1f} s off ours" if wrong else "the device's clock is right"
            self.say(EventKind.CLOCK, detail)

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

    def take(self) -> list[Event]:
        """Hand out what waits."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        return waiting

    def _tell(self, kind: EventKind, places: Sequence[int], what: str) -> None:
        rows = [self._first + place for place in sorted(places)]
        names = ", ".join(self._points.names[row] for row in rows[:_NAMED_POINTS])
        more = f" and {len(rows) - _NAMED_POINTS} more" if len(rows) > _NAMED_POINTS else ""
        self.say(kind, f"point{'s' if len(rows) > 1 else ''} {names}{more}: {what}", rows)
