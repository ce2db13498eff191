"""A device that answers slower or faster than it used to: somebody stands between, or it is another one.

Of each device and scan the poller tells the median of ten round trips. The first ones make the baseline, a centre and
its median absolute deviation (MAD); later ones must stay within five of these, 3 ms or a fifth, whichever is most. Two
in a row outside, on the same side, are a shift. Who approves it makes the new time normal.

Networks are slower by day than by night. So the centre follows what is inside, slowly: somebody who steps in between
is a step. While all is learned the deviation is made better too; afterwards the centre stays within `REACH` of what was
agreed, so that nobody can lead it away.
"""

from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

LEARNED: Final = 30
"""Medians of ten that make a baseline: 300 polls, five minutes at one a second."""
WIDE: Final = 5.0
"""Times the MAD: 3.4 standard deviations of a normal distribution, which two in a row pass once in two million."""
LEAST_MS: Final = 3.0
"""Less is the load of a switch, or of this computer."""
LEAST_SHARE: Final = 0.2
"""Of the centre: devices that are slow by themselves, such as those behind a serial line, are slower when busy."""
RUN: Final = 2
"""Medians in a row that must be outside."""
FEW, WIDER = 300, 8.0
"""As long as a baseline is of fewer medians its MAD is known no better than by a third: more is allowed."""
FOLLOW: Final = 0.01
"""How much of what a median is off the centre follows: a hundred polls of ten, a quarter of an hour at one a second."""
GAIN: Final = 0.005
"""Of the MAD, which moves up when a median is farther off and down when it is nearer, so that half of them are."""
REACH: Final = 2.0
"""How many times its allowance the centre may get away from what was agreed."""
AGREED_EACH: Final = 100
"""Medians after which what was learned meanwhile is agreed."""
SCANS_MAX: Final = 1024
"""Scans that are followed: as many as there are; more than any gateway has are not looked at."""


@dataclass(slots=True)
class Trips:
    """What is known of one scan: the first medians, then `centre` and `mad`, and how many were outside in a row.

    `agreed` is the centre of the baseline, `seen` how many medians there were.
    """

    first: list[float] = field(default_factory=list)
    centre: float = 0.0
    agreed: float = 0.0
    seen: int = 0
    mad: float = 0.0
    told: str = ""
    """The baseline as text: another one there was approved."""
    outside: int = 0

    @property
    def least(self) -> float:
        """How far a median may be from the centre, ms."""
        wide = WIDE if self.seen >= FEW else WIDER
        return max(wide * self.mad, LEAST_MS, LEAST_SHARE * self.centre)

    def follow(self, off: float, *, learning: bool) -> None:
        """Take what was inside as normal."""
        self.centre += FOLLOW * off
        if not learning:
            reach = REACH * self.least
            self.centre = min(max(self.centre, self.agreed - reach), self.agreed + reach)


class RttShift(Check):
    """Learns each scan of each device for itself."""

    NAME: ClassVar[str] = "rtt_shift"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.ROUND_TRIP})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0830", "T0814")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    ADVICE: ClassVar[str] = "Was the network changed? Then approve it; if not, look for a device in between."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._scans: dict[str, Trips] = {}

    def event(self, seen: Event) -> None:
        """Learn, or compare."""
        if not isinstance(seen, Sighting):
            return
        key, trip_ms = f"{seen.device} {seen.function}", float(seen.facts.get("median_ms", 0.0))
        trips = self._scans.get(key)
        if trips is None:
            if len(self._scans) >= SCANS_MAX:
                return
            trips = self._scans[key] = Trips()
        agreed = self.desk.baseline.value(self.NAME, key)
        if agreed and agreed != trips.told:
            _take_up(trips, agreed)
        if not agreed:
            self._learn(trips, key, trip_ms)
        else:
            self._compare(trips, key, trip_ms, seen)

    def _learn(self, trips: Trips, key: str, trip_ms: float) -> None:
        trips.first.append(trip_ms)
        if len(trips.first) < LEARNED:
            return
        centre = median(trips.first)
        mad = median(abs(each - centre) for each in trips.first)
        trips.first.clear()
        trips.told = _text(centre, mad)
        self.desk.baseline.meet(self.NAME, key, self.desk.now_ns, trips.told, first_use=True)
        _take_up(trips, trips.told)

    def _compare(self, trips: Trips, key: str, trip_ms: float, seen: Sighting) -> None:
        learning = self.desk.baseline.learning(self.NAME, seen.time_ns)
        off = trip_ms - trips.centre
        trips.seen += 1
        if learning:
            self._refine(trips, key, off, seen)
        if abs(off) <= trips.least:
            trips.outside = 0
            trips.follow(off, learning=learning)
            self.over(seen, seen.function)
            return
        side = 1 if off > 0 else -1
        trips.outside = trips.outside + side if trips.outside * side > 0 else side
        if abs(trips.outside) < RUN:
            return
        if not learning:
            self.desk.baseline.meet(self.NAME, key, self.desk.now_ns, _text(trip_ms, trips.mad), signed=True)
        self.alarm(
            seen,
            f"{seen.device} answers in {trip_ms:.1f} ms, {'slower' if off > 0 else 'faster'} than "
            f"{trips.centre:.1f} ms, by more than {trips.least:.1f} ms",
            subject=seen.function,
            evidence={"median_ms": trip_ms, "usual_ms": trips.centre, "least_ms": trips.least, **self.lasts(key)},
        )

    def _refine(self, trips: Trips, key: str, off: float, seen: Sighting) -> None:
        trips.mad *= 1 + GAIN if abs(off) > trips.mad else 1 - GAIN
        if trips.seen % AGREED_EACH == 0:
            trips.agreed, trips.told = trips.centre, _text(trips.centre, trips.mad)
            self.desk.baseline.meet(self.NAME, key, seen.time_ns, trips.told)


def _text(centre: float, mad: float) -> str:
    return f"{centre:.2f} ms, MAD {mad:.2f} ms"


def _take_up(trips: Trips, text: str) -> None:
    """Take the baseline that stands in the list of facts; one that is unreadable is left alone."""
    trips.told = text
    words = text.split()
    try:
        trips.centre, trips.mad = float(words[0]), float(words[3])
        trips.agreed = trips.centre
    except (ValueError, IndexError):
        return
    trips.outside = 0
