"""The clock of a device that steps against ours: what it stamps from then on cannot be put in order with the rest.

What is told is how far the newest time of a message was ahead of its arrival: never more than the clock is ahead, less
by as long as the event has waited. So one that jumps ahead is believed at once, one that falls behind only when three
messages in a row say so. The first message of a device may bring nothing but events that have waited: unless the
baseline knows its clock, the second only corrects it. An offset that stays is learned, however large: relays run for
years on a wrong date. When our own clock is set, all devices seem to step by as much the other way; that is taken out.

The offset is a fact of the baseline, so that a step while the gateway was down is found, once our own clock is
synchronised; a clock that runs free drifts meanwhile.
"""

from collections import deque
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar, Final

from detectors.cyber.check import Check, Desk
from detectors.model import Severity
from protocols.model import Event, EventKind
from protocols.sighting import Sighting

STEP_S: Final = 2.0
"""Less is the way of a message, a poll, a drift."""
BEHIND: Final = 3
"""Messages that must look late: one may bring old events."""
DRIFT: Final = 50e-6
"""How much a clock that runs free gains or loses: a crystal, without a heated one, over its range of temperature."""
FOLLOW: Final = 0.1
"""How fast the learned offset follows a clock that drifts."""


@dataclass(slots=True)
class Offset:
    """How far a clock is ahead of ours as learned, seconds; and the last that were behind it.

    `kept` is whether it is the one that the baseline has; `sure` unless it is that of the first message alone.
    """

    usual_s: float
    kept: bool = False
    sure: bool = False
    behind: deque[float] = field(default_factory=lambda: deque(maxlen=BEHIND))


class ClockJump(Check):
    """Follows the offset of each device that gives times."""

    NAME: ClassVar[str] = "clock_jump"
    KINDS: ClassVar[frozenset[EventKind]] = frozenset({EventKind.CLOCK})
    TECHNIQUES: ClassVar[tuple[str, ...]] = ("T0872", "T0856")
    SEVERITY: ClassVar[Severity] = Severity.WARNING
    ADVICE: ClassVar[str] = "Look at its time source, and who has set its clock."

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._offsets: dict[str, Offset] = {}

    def event(self, seen: Event) -> None:
        """Compare."""
        offset_s = seen.facts.get("offset_s") if isinstance(seen, Sighting) and seen.live else None
        if offset_s is None or seen.device not in self.desk.points.rows_of:
            return
        first = seen.device not in self._offsets
        known = self._offsets.setdefault(seen.device, Offset(offset_s))
        if self.desk.synchronised and not known.kept:
            self._compare(known, seen)
        step_s = self._step(known, offset_s)
        known.sure |= not first
        if known.kept:
            self.desk.baseline.follow(self.NAME, seen.device, seen.time_ns, f"{known.usual_s:+.1f} s")
        if abs(step_s) <= STEP_S:
            return
        way = "ahead" if step_s > 0 else "back"
        self.alarm(
            seen,
            f"the clock of {seen.device} stepped {way} by {abs(step_s):.1f} s; it is {offset_s:+.1f} s off ours",
            evidence={"step_s": step_s, "offset_s": offset_s},
        )

    def _compare(self, known: Offset, seen: Event) -> None:
        """Take up what the baseline has, unless the clock may have drifted as far since."""
        known.kept = True
        fact = self.desk.baseline.fact(self.NAME, seen.device)
        known.sure |= fact is not None
        try:
            before_s = float(fact.value.removesuffix(" s")) if fact else known.usual_s
        except ValueError:
            return
        since_s = max(seen.time_ns - fact.last_ns, 0) / 1e9 if fact else 0.0
        if isfinite(before_s) and abs(known.usual_s - before_s) > STEP_S + DRIFT * since_s:
            known.usual_s = before_s

    def stepped(self, by_ns: int) -> None:
        """Our own clock was set: every offset is less by that."""
        for known in self._offsets.values():
            known.usual_s -= by_ns / 1e9
            known.behind.clear()

    def _step(self, known: Offset, offset_s: float) -> float:
        """Return by how much the clock has stepped, 0 while nobody can tell; and learn."""
        step_s = offset_s - known.usual_s
        if step_s > STEP_S:
            known.usual_s = offset_s
            known.behind.clear()
            return step_s if known.sure else 0.0
        if step_s >= -STEP_S:
            known.behind.clear()
            known.usual_s = max(offset_s, known.usual_s + FOLLOW * step_s)
            return 0.0
        known.behind.append(offset_s)
        if len(known.behind) < BEHIND or max(known.behind) - min(known.behind) > STEP_S:
            return 0.0
        step_s = max(known.behind) - known.usual_s
        known.usual_s = max(known.behind)
        known.behind.clear()
        return step_s
