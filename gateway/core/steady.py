"""Time without steps: what the gateway's clock would tell, had nobody set it since the start.

Detectors live in it, so that no delay fires or hangs because a clock was set. What they find is told in UTC again.
Times that devices give stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from detectors.kept import Kept
from detectors.model import Finding, Report, Severity
from protocols.model import GATEWAY, Batch, Fed, Tick

CLOCK = "clock"
"""The word of these findings where others have that of their detector."""
TOLD_NS = 500_000_000
"""A step from half a second on is an alarm: it shows in the data, and a leap second is one of 1 s."""
CALM_NS = 60_000_000_000
"""The alarm returns to normal when the clock was not set for so long."""

S = TypeVar("S", Finding, Report)

OURS_NS = 2_000_000_000
"""A reading's time so shortly before its arrival is ours, or that of a device whose clock agrees with ours."""


class Steady(Kept):
    """How far UTC as told now is ahead of the time without steps; says when the clock was set.

    Kept over a restart, so that the times that detectors remember go on to mean what they did.
    """

    KEPT = ("_ahead",)
    OF_POINTS = False

    def __init__(self) -> None:
        self._ahead = np.zeros((), np.int64)
        self._told_ns: int | None = None

    @property
    def _ahead_ns(self) -> int:
        return int(self._ahead)

    def step(self, by_ns: int) -> None:
        """The clock was set."""
        self._ahead += by_ns

    def time_ns(self, utc_ns: int) -> int:
        """Return `utc_ns` in the time without steps."""
        return utc_ns - self._ahead_ns

    def utc_ns(self, steady_ns: int) -> int:
        """Return a time without steps in UTC as it is told now."""
        return steady_ns + self._ahead_ns

    def of(self, seen: Fed) -> Fed:
        """Return `seen` in the time without steps."""
        if not self._ahead_ns:
            return seen
        if isinstance(seen, Batch):
            return self._batch(seen)
        return replace(seen, time_ns=seen.time_ns - self._ahead_ns)

    def _batch(self, batch: Batch) -> Batch:
        """Return it with our times moved: the arrival, and what stands for a time that its device does not give."""
        age_ns = batch.arrival_ns - batch.time_ns
        ours = (age_ns >= 0) & (age_ns <= OURS_NS)
        times = np.where(ours, batch.time_ns - self._ahead_ns, batch.time_ns)
        return replace(batch, time_ns=times, arrival_ns=batch.arrival_ns - self._ahead_ns)

    def told(self, said: S) -> S:
        """Return what was found in that time in UTC."""
        return replace(said, time_ns=said.time_ns + self._ahead_ns) if self._ahead_ns else said

    def seen(self, finding: Finding) -> Finding:
        """Return what was told in UTC as it was found, in that time."""
        return replace(finding, time_ns=finding.time_ns - self._ahead_ns) if self._ahead_ns else finding

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up what was active when the gateway stopped."""
        self._told_ns = max((finding.time_ns for finding in active), default=None)
        return active

    def observe(self, tick: Tick) -> Sequence[Finding]:
        """Return that the clock was set, or that it was left alone for a while."""
        if self._told_ns is None and not tick.stepped_ns:
            return ()
        steady_ns = tick.time_ns - self._ahead_ns
        if abs(tick.stepped_ns) >= TOLD_NS:
            again, self._told_ns = self._told_ns is not None, steady_ns
            before = [_finding(tick, "the clock is set again", active=False)] if again else []
            return [*before, _finding(tick, f"clock stepped by {tick.stepped_ns / 1e9:+.1f} s", active=True)]
        if self._told_ns is None or 0 <= steady_ns - self._told_ns < CALM_NS:
            return ()
        self._told_ns = None
        return [_finding(tick, "the clock was not set any more", active=False)]


def _finding(tick: Tick, text: str, *, active: bool) -> Finding:
    return Finding(
        detector=CLOCK,
        kind="clock_stepped",
        device=GATEWAY,
        severity=Severity.WARNING,
        time_ns=tick.time_ns,
        active=active,
        actual=tick.stepped_ns / 1e9 if active else None,
        text=text,
        evidence={"stepped_s": tick.stepped_ns / 1e9},
    )
