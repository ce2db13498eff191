"""One device on a conversation: whether it answers, how long it may take, and when it is tried again."""

from dataclasses import dataclass, field

FAILURES_TO_LOST = 2
"""Unanswered scans before a device that answered counts as lost: one lost frame is no outage."""
PROBE_S = 0.25
"""First time-out of a device that does not answer; doubles up to its own, so that a slow one is found too."""
PROBE_SHARE = 0.05
"""Share of a shared conversation that a dead device may use."""
TIGHT = 8.0
"""On a shared conversation a device is given this many times its usual answer time."""
SMOOTHING = 0.2
"""Weight of the newest answer time in the usual one."""


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

    def patience(self) -> float:
        """Return how long one request may take now."""
        if not self.shared:
            return self.timeout_s
        if self.failures or not self.usual_s:
            return min(self.timeout_s, PROBE_S * 2.0 ** min(self.failures, 16))
        return min(self.timeout_s, max(PROBE_S, TIGHT * self.usual_s))

    def answered(self, took_s: float, requests: int) -> bool:
        """Note a good answer; return whether the device came back with it."""
        each = took_s / max(requests, 1)
        self.usual_s = each if not self.usual_s else self.usual_s + SMOOTHING * (each - self.usual_s)
        back = self.answering is not True
        self.answering, self.failures, self.next_try = True, 0, 0.0
        self.polls += 1
        return back

    def failed(self, cost_s: float, now: float) -> bool:
        """Note a time-out that cost `cost_s`; return whether the device counts as lost from here."""
        self.failures += 1
        self.timeouts += 1
        if self.shared:
            self.next_try = now + cost_s / PROBE_SHARE
        lost = self.answering is not False and (self.answering is None or self.failures >= FAILURES_TO_LOST)
        if lost:
            self.answering = False
        return lost

    def down(self) -> bool:
        """Note that the whole conversation is over; return whether the device was not known as lost before."""
        news, self.answering = self.answering is not False, False
        return news
