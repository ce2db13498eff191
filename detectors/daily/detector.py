"""The detector: frames in, one report a bay and day out; it finds nothing."""

from collections.abc import Sequence

import numpy as np

from detectors.daily.bands import Bands
from detectors.daily.calendar import Day, day_at, zone
from detectors.daily.load import Load
from detectors.framed import Framed
from detectors.instant import iso
from detectors.kept import State
from detectors.model import Finding, Report, Said
from detectors.supply.interruptions import LONG_NS, Interruptions, bays_of
from detectors.supply.ratios import Ratios
from protocols.model import Frame, Rows, Seen
from protocols.points import Points

NS = 1_000_000_000


class DailyDetector(Framed):
    """The local day that is open, and what it has brought so far.

    A day that ends while the gateway is down is told when it is back. A clock that is set back by more than the day
    has lasted begins it anew.
    """

    KEPT = ("_start_ns", "_seen_ns", "_time_ns", "_interruptions", "_long", "_lasted_ns", "_this_ns")

    def __init__(self, points: Points, rows: Rows, *, timezone: str, demand_s: int, customers: Sequence[str]) -> None:
        self._timezone, self._zone = timezone, zone(timezone)
        self._bays = bays_of(points)
        self._ratios = Ratios(points, rows)
        self._load = Load(points, self._bays, demand_s)
        self._bands = Bands(points, self._bays, self._ratios)
        self._down = Interruptions(points, self._bays, self._ratios, customers)
        bays = len(self._bays)
        self._day: Day | None = None
        self._start_ns, self._seen_ns, self._time_ns = (np.full((), -1, np.int64) for _ in range(3))
        self._interruptions, self._long = np.zeros(bays, np.int64), np.zeros(bays, np.int64)
        self._lasted_ns, self._this_ns = np.zeros(bays, np.int64), np.zeros(bays, np.int64)

    def state(self) -> State:
        """Return the arrays of its parts, and its own."""
        parts = {"ratios": self._ratios, "load": self._load, "bands": self._bands, "down": self._down}
        kept = {f"{part}.{name}": array for part, each in parts.items() for name, array in each.state().items()}
        return kept | dict(super().state())

    def restore(self, state: State) -> None:
        """Put back what `state` returned once, and the day that it belongs to."""
        super().restore(state)
        self._day = day_at(int(self._start_ns), self._zone) if self._start_ns >= 0 else None

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Return nothing: it finds nothing."""
        del active
        return []

    def observe(self, seen: Seen) -> Sequence[Said]:
        """Return the reports of the day that has ended with this frame."""
        if not isinstance(seen, Frame) or not self._bays:
            return ()
        self._load.turn(seen.utc_ns)
        self._bands.count(self._ratios.observe(seen))
        said = self._turn(seen)
        self._load.add(seen)
        self._count(seen)
        self._seen_ns[...], self._time_ns[...] = seen.utc_ns, seen.time_ns
        return said

    def so_far(self) -> Sequence[Report]:
        """Return the reports of the open day, as far as it has come at the last frame."""
        return self._reports(self._day, int(self._time_ns), complete=False) if self._day else ()

    def _turn(self, frame: Frame) -> Sequence[Said]:
        day = self._day
        if day is not None and day.start_ns <= frame.utc_ns < day.end_ns:
            return ()
        ended = day is not None and frame.utc_ns >= day.end_ns
        said = self._reports(day, frame.time_ns, complete=True) if day is not None and ended else ()
        self._begin(day_at(frame.utc_ns, self._zone))
        return said

    def _begin(self, day: Day) -> None:
        self._day = day
        self._start_ns[...] = day.start_ns
        self._load.reset()
        self._bands.reset()
        for array in (self._interruptions, self._long, self._lasted_ns):
            array.fill(0)

    def _count(self, frame: Frame) -> None:
        """An interruption counts for the day that it begins in, as a long one for that in which it gets long."""
        change = self._down.observe(frame)
        if change.calm:
            return
        self._interruptions[change.begun] += 1
        self._this_ns[change.begun] = 0
        before = self._this_ns.copy()
        self._this_ns += change.lasted_ns
        self._lasted_ns += change.lasted_ns
        self._long += (before < LONG_NS) & (self._this_ns >= LONG_NS)

    def _reports(self, day: Day, time_ns: int, *, complete: bool) -> Sequence[Report]:
        until_ns = day.end_ns if complete else int(self._seen_ns)
        head = {
            "date": day.date.isoformat(),
            "timezone": self._timezone,
            "start": iso(day.start_ns),
            "end": iso(until_ns),
            "complete": complete,
        }
        return [
            Report(
                "daily",
                bay,
                time_ns,
                {
                    **head,
                    **self._load.told(index, until_ns - day.start_ns),
                    **self._bands.told(index),
                    "interruptions": {
                        "count": int(self._interruptions[index]),
                        "long": int(self._long[index]),
                        "minutes": round(int(self._lasted_ns[index]) / (60 * NS), 2),
                    },
                },
            )
            for index, bay in enumerate(self._bays)
        ]
