"""Alarms beside the truth: which steps were found, how soon, under which name, and what was raised without a cause."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from detectors.model import Severity
from gateway.core.messages import Alarm
from simulator.truth import Truth

NS = 1_000_000_000
GRACE_NS = 60 * NS
"""An alarm so soon after a step ended still tells of it: what lasted two seconds is confirmed later."""
SETTLE_NS = 600 * NS
"""Whatever is raised so soon after a step is taken for its echo: the way back is as much a jump as the way out."""

INSTEAD = 3
"""So many of the alarms that came instead of the right one are shown."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm that became active; `points` are BAY.QUANTITY."""

    time_ns: int
    alarm: Alarm
    points: tuple[str, ...]

    @property
    def text(self) -> str:
        """What an operator reads."""
        alarm = self.alarm
        return f"{alarm.severity} {alarm.kind} {alarm.device} {' '.join(self.points[:3])}: {alarm.text}"


class Raising:
    """Notes which alarms become active, told or not: what is suppressed, withheld or chatters counts as well."""

    def __init__(self, active: Iterable[Alarm] = ()) -> None:
        self.raised: list[Raised] = []
        self._active = {alarm.id: alarm.severity.rank for alarm in active if alarm.active}

    def look(self, alarms: Iterable[Alarm], now_ns: int) -> None:
        """Take note of what is new, or became worse, among all `alarms` that live now."""
        active = [alarm for alarm in alarms if alarm.active]
        for alarm in active:
            if alarm.severity.rank > self._active.get(alarm.id, -1):
                self.raised.append(Raised(now_ns, alarm, tuple(_label(alarm, point) for point in alarm.points)))
        self._active = {alarm.id: alarm.severity.rank for alarm in active}


@dataclass
class Verdict:
    """What was made of one step. `right` are alarms of a right kind at a right place, `others` what else came then."""

    truth: Truth
    right: list[Raised] = field(default_factory=list)
    others: list[Raised] = field(default_factory=list)

    @property
    def found(self) -> bool:
        """Whether it was found; what is normal is right if nothing was."""
        return bool(self.right) if self.truth.kinds else not self.others

    @property
    def scans(self) -> int | None:
        """How many scans after its beginning the first right alarm came; the scan that first shows it is 1."""
        return round((self.right[0].time_ns - self.truth.begin_ns) / NS) + 1 if self.right else None

    @property
    def named(self) -> bool:
        """Whether the first right alarm names a point that is wrong in the first place."""
        suspects = self.right[0].points[:1] if self.right else ()
        return bool(self.right) and set(suspects) <= set(self.truth.points or suspects)


def judge(truths: Sequence[Truth], raised: Iterable[Raised]) -> tuple[list[Verdict], list[Raised]]:
    """Return what was made of each step, and the false alarms: warnings or worse that no step explains."""
    verdicts = [Verdict(truth) for truth in truths]
    false = []
    for each in raised:
        during = [verdict for verdict in verdicts if _during(verdict.truth, each)]
        right = [verdict for verdict in during if _right(verdict.truth, each)]
        if right:
            right[-1].right.append(each)
        elif each.alarm.severity.rank < Severity.WARNING.rank:
            continue
        elif during and during[-1].truth.kinds:
            during[-1].others.append(each)
        else:
            false.append(each)
            for verdict in during[-1:]:
                verdict.others.append(each)
    return verdicts, false


def _during(truth: Truth, raised: Raised) -> bool:
    return truth.begin_ns <= raised.time_ns <= truth.end_ns + SETTLE_NS


def _right(truth: Truth, raised: Raised) -> bool:
    if raised.alarm.kind not in truth.kinds or raised.time_ns > truth.end_ns + GRACE_NS:
        return False
    if truth.points and raised.points:
        return not set(truth.points).isdisjoint(raised.points)
    return not set(truth.devices).isdisjoint(raised.alarm.id.split("/"))  # its device, and its subject if it has one


def _label(alarm: Alarm, point: str) -> str:
    return point if "." in point else f"{alarm.device}.{point}"


def lines(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Yield a table: one step a line."""
    for verdict in verdicts:
        if not verdict.truth.kinds:
            continue
        first = verdict.right[0] if verdict.right else None
        when = f"{verdict.scans:5} scans" if first else "     MISSED"
        said = f"{first.alarm.kind} {' '.join(first.points[:2]) or first.alarm.device}" if first else ""
        named = "" if first is None else "named" if verdict.named else "beside"
        yield f"  {verdict.truth.text[:58]:58} {when:12} {said[:44]:44} {named:6} {_counted(verdict.others)}"
        yield from (f"      instead: {each.text}" for each in ([] if first else verdict.others[:INSTEAD]))


def _counted(raised: Iterable[Raised]) -> str:
    counted: dict[str, int] = {}
    for each in raised:
        counted[each.alarm.kind] = counted.get(each.alarm.kind, 0) + 1
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counted.items()))
