"""One device on a conversation: whether it answers, how long it may take, and when it is tried again."""

from dataclasses import dataclass, field
from statistics import median

from protocols.driver import Scan

FAILURES_TO_LOST = 2
"""Unanswered scans before a device that answered counts as lost: one lost frame is no outage, and costs no pause."""
PROBE_S = 0.25
"""First time-out of a device that does not answer; twice as long from then on: its neighbours keep their interval."""
LONG_PROBE_EVERY = 12
"""One probe in so many may take the device's whole time-out, so that one that has become slow is found too."""
PROBE_SHARE = 0.05
"""Share of a shared conversation that a dead device may use."""
TIGHT = 8.0
"""On a shared conversation a device is given this many times its usual answer time to the same scan."""
SMOOTHING = 0.2
"""Weight of the newest answer time in the usual one."""


TRIPS = 10
"""Round trips of a scan whose median is told: one slow answer moves it as little as one fast one."""


@dataclass(slots=True)
class Unit:
    """What the poller knows of a device. Times are seconds of a monotonic clock."""

    name: str
    timeout_s: float
    shared: bool
    answering: bool | None = None
    failures: int = 0
    next_try: float = 0.0
    usual_s: float = 0.0
    polls: int = field(default=0)
    skipped: int = field(default=0)
    timeouts: int = field(default=0)
    _usual_s: dict[int, float] = field(default_factory=dict)
    _missed: dict[int, int] = field(default_factory=dict)
    _trips: dict[int, list[float]] = field(default_factory=dict)

    def patience(self, scan: Scan) -> float:
        """Return how long one request of `scan` may take now."""
        if not self.shared:
            return self.timeout_s
        misses = max(self.failures, self._missed.get(scan.key, 0))
        if not self.answering:
            long = misses % LONG_PROBE_EVERY == LONG_PROBE_EVERY - 1
            return self.timeout_s if long else min(self.timeout_s, PROBE_S * 2.0 ** min(misses, 1))
        return min(self.timeout_s, max(PROBE_S * 2.0 ** min(misses, 16), TIGHT * self._usual_s.get(scan.key, 0.0)))

    def answered(self, took_s: float, scan: Scan) -> bool:
        """Note a good answer; return whether the device came back with it."""
        if scan.requests:
            self._note_time(took_s / scan.requests, scan)
        self._missed[scan.key] = 0
        back = self.answering is not True
        self.answering, self.failures, self.next_try = True, 0, 0.0
        return back

    def trip(self, took_s: float, scan: Scan) -> float | None:
        """Note a round trip; return the median of the last `TRIPS` of `scan` with each last one of them, seconds."""
        if not scan.requests:
            return None
        trips = self._trips.setdefault(scan.key, [])
        trips.append(took_s / scan.requests)
        if len(trips) < TRIPS:
            return None
        middle = median(trips)
        trips.clear()
        return middle

    def late(self, turns: int, scan: Scan) -> None:
        """Note that `turns` of `scan` were skipped. What only fetches what has come loses nothing by that."""
        if scan.requests:
            self.skipped += turns

    def failed(self, cost_s: float, scan: Scan, now: float) -> bool:
        """Note a time-out that cost `cost_s`; return whether the device counts as lost from here.

        The pause pays for the next probe, too, so that longer probes do not take more than their share.
        """
        self.failures += 1
        self.timeouts += 1
        self._missed[scan.key] = self._missed.get(scan.key, 0) + 1
        if self.shared and self.failures >= FAILURES_TO_LOST:
            self.next_try = now + max(cost_s, self.patience(scan)) / PROBE_SHARE
        lost = self.answering is not False and (self.answering is None or self.failures >= FAILURES_TO_LOST)
        if lost:
            self.answering = False
        return lost

    def make_way(self, until: float) -> None:
        """Let those that answer have the conversation first, if this device does not."""
        if self.failures:
            self.next_try = max(self.next_try, until)

    def down(self) -> bool:
        """Note that the whole conversation is over; return whether the device was not known as lost before."""
        news, self.answering = self.answering is not False, False
        return news

    def _note_time(self, each_s: float, scan: Scan) -> None:
        self.usual_s = _smooth(self.usual_s, each_s)
        self._usual_s[scan.key] = _smooth(self._usual_s.get(scan.key, 0.0), each_s)
        self.polls += 1


def _smooth(usual_s: float, newest_s: float) -> float:
    return usual_s + SMOOTHING * (newest_s - usual_s) if usual_s else newest_s
