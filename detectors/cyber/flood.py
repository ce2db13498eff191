"""Flood: from one address to another go many more frames than ever while all was learned, for seconds on end.

How many there usually are is the 99th percentile of the seconds in which a pair was busy. It is estimated without
memory: each second moves the estimate by a factor, up by 99 small steps where it was above and down by one where it
was below, so that it comes to rest where one second of a hundred is above.
"""

from typing import Final

from detectors.cyber.check import Check, Desk, link, number
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

LEAST_PER_S: Final = 100.0
"""What is slower is no flood for any device."""
TIMES: Final = 10
"""How many times the usual rate is a flood."""
SUSTAINED: Final = 3
"""Seconds in a row: a host that catches up for one second is normal."""
IN_A_ROW_NS: Final = 2_500_000_000
"""Two rates of a pair that are further apart are not in a row; they are told once a second."""
STEP: Final = 0.001
"""A small step of the estimate; upwards 99 of them, so that 24 seconds above it make it ten times as large."""
PAIRS_MAX: Final = 256
"""Pairs above their limit that are watched at once; of more, the one that was above it first is forgotten."""


class Flood(Check):
    """Learns the usual rates; what the gateway itself sends is not judged."""

    NAME = "flood"
    KINDS = frozenset({EventKind.RATE})
    TECHNIQUES = ("T0814",)
    ADVICE = (
        "Look at the port of the source at the switch and limit or shut it, if the device that is flooded may be at "
        "risk; a transfer of files or a backup that is meant to be ends by itself."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._above: dict[str, tuple[int, int]] = {}

    def event(self, seen: Event) -> None:
        """Look at the frames of a second."""
        if not isinstance(seen, Sighting) or seen.source in self.desk.own:
            return
        per_s, pair, baseline = number(seen, "per_s"), link(seen), self.desk.baseline
        most = baseline.number(self.NAME, pair)
        if baseline.learning(self.NAME, self.desk.now_ns):
            baseline.meet(self.NAME, pair, self.desk.now_ns, f"{estimate(most, per_s):.5g}")
            return
        limit = max(TIMES * most, LEAST_PER_S)
        if per_s <= limit:
            self._above.pop(pair, None)
        elif self._lasts(pair, seen.time_ns):
            severity = Severity.INFO if self.desk.maintenance else self.SEVERITY
            told = f"usually at most {most:.3g}" if most else "it was never busy before"
            text = f"{seen.source or 'many'} sends {seen.target or 'many'} {per_s:.0f} frames a second, {told}"
            self.alarm(seen, text, subject=pair.strip("-"), severity=severity, evidence={"limit": limit})

    def _lasts(self, pair: str, now_ns: int) -> bool:
        """Return whether a pair was above its limit for so many seconds in a row."""
        last_ns, row = self._above.pop(pair, (0, 0))
        row = row + 1 if 0 <= now_ns - last_ns <= IN_A_ROW_NS else 1
        self._above[pair] = now_ns, row
        if len(self._above) > PAIRS_MAX:
            del self._above[next(iter(self._above))]
        return row >= SUSTAINED


def estimate(before: float, value: float) -> float:
    """Return the 99th percentile of before, moved by a value; 0 is none yet."""
    if not before:
        return value
    return before * (1 + 99 * STEP) if value > before else before * (1 - STEP)
