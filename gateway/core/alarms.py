"""Alarms: findings with a life, in the states of ISA-18.2 (IEC 62682 clause 5.4). Who is told stands elsewhere.

    shelved           an operator has hidden it until a time
    suppressed        by design: another alarm says it all (`suppressed_by`)
    active, returned  each unacknowledged or acknowledged; what chatters is held as active until it is calm
    normal            returned and acknowledged: forgotten

The first that fits is the state.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from detectors.model import Finding
from gateway.core.messages import Alarm, AlarmState
from gateway.core.naming import Naming
from protocols.points import Points

SHELVE_MAX_NS = 30 * 24 * 3600 * 1_000_000_000
"""Longest shelving, 30 days: a shelf without an end hides an alarm for ever (ISA-18.2 clause 11.7)."""


class AlarmError(Exception):
    """A command on an alarm that cannot be carried out; says why and what is possible."""


class Alarms:
    """Every alarm that is not normal, by its id.

    Bounded by the configuration: one alarm for each kind of finding of each point, subject or device.
    """

    def __init__(self, points: Points) -> None:
        self.naming = Naming(points)
        self._alarms: dict[str, Alarm] = {}
        self._shelved: set[str] = set()

    def __len__(self) -> int:
        return len(self._alarms)

    def __iter__(self) -> Iterator[Alarm]:
        return iter(tuple(self._alarms.values()))

    def get(self, id_: str) -> Alarm | None:
        """Return an alarm that is not normal."""
        return self._alarms.get(id_)

    def observe(self, finding: Finding) -> Sequence[Alarm]:
        """Return the alarm if this finding changes what is known of it."""
        id_ = self.naming.id(finding)
        alarm = self._alarms.get(id_)
        if finding.active:
            return self._raise(id_, alarm, finding)
        return self._return(alarm, finding) if alarm and alarm.active else ()

    def acknowledge(self, id_: str, *, by: str, now_ns: int) -> Alarm:
        """Acknowledge an alarm.

        Raises:
            AlarmError: there is no such alarm.
        """
        return self._put(replace(self._known(id_), **TOLD, acked=True, by=by), now_ns)

    def shelve(self, id_: str, *, until_ns: int, by: str, now_ns: int) -> Alarm:
        """Hide an alarm until a time; it goes on living unseen.

        Raises:
            AlarmError: no such alarm, or the time is past or too far away.
        """
        alarm = self._known(id_)
        if not now_ns < until_ns <= now_ns + SHELVE_MAX_NS:
            raise AlarmError("until must lie in the future, at most 30 days away")
        return self._put(replace(alarm, **TOLD, shelved_until_ns=until_ns, by=by), now_ns)

    def unshelve(self, id_: str, *, by: str, now_ns: int) -> Alarm:
        """Bring a shelved alarm back.

        Raises:
            AlarmError: there is no such alarm, or it is not shelved.
        """
        alarm = self._known(id_)
        if not alarm.shelved_until_ns:
            raise AlarmError(f"alarm '{id_}' is not shelved")
        return self._put(replace(alarm, **TOLD, shelved_until_ns=0, by=by), now_ns)

    def mark(self, alarm: Alarm, **marks: Any) -> Alarm:
        """Set what is known beside its life: who is told of it, and what it belongs to. Its times stay."""
        return self._put(replace(alarm, **marks), alarm.last_ns)

    def tick(self, now_ns: int) -> Sequence[Alarm]:
        """Return the alarms whose shelving has ended.

        One that would last longer than any may was made under a clock that ran ahead: it ends, too.
        """
        if not self._shelved:
            return []
        last_ns = now_ns + SHELVE_MAX_NS
        ended = [id_ for id_ in sorted(self._shelved) if not now_ns < self._alarms[id_].shelved_until_ns <= last_ns]
        return [self._put(replace(self._alarms[id_], shelved_until_ns=0), now_ns) for id_ in ended]

    def step(self, now_ns: int, by_ns: int) -> Sequence[Alarm]:
        """The clock was set: one set back hides no alarm for longer; set forward, what is over ends with the tick."""
        if by_ns >= 0:
            return ()
        shelved = [self._alarms[id_] for id_ in sorted(self._shelved)]
        return [self._put(replace(alarm, shelved_until_ns=alarm.shelved_until_ns + by_ns), now_ns) for alarm in shelved]

    def restore(self, alarms: Iterable[Alarm]) -> None:
        """Take up the alarms of before a restart."""
        for alarm in alarms:
            self._alarms[alarm.id] = alarm
            if alarm.shelved_until_ns:
                self._shelved.add(alarm.id)

    def findings(self) -> Mapping[str, Sequence[Finding]]:
        """Return the active alarms as the findings of their detectors, as far as their points still exist."""
        found: dict[str, list[Finding]] = {}
        for alarm in self._alarms.values():
            rows = self.naming.rows(alarm)
            if alarm.active and rows is not None:
                found.setdefault(alarm.detector, []).append(_finding(alarm, rows))
        return found

    def forget(self, detectors: Iterable[str], watched: Iterable[Finding], now_ns: int) -> Sequence[Alarm]:
        """Return to normal what nobody watches any more: its device, point, detector or limit left the configuration.

        `detectors` are at work, and took up `watched`.
        """
        named, taken = set(detectors), {self.naming.id(finding) for finding in watched}
        orphans = [
            alarm
            for alarm in self._alarms.values()
            if alarm.detector not in named
            or self.naming.rows(alarm) is None
            or (alarm.active and alarm.id not in taken)
        ]
        ended = (replace(alarm, **OVER, **TOLD) for alarm in orphans)
        return [self._put(replace(alarm, text=f"{alarm.text} (no longer watched)"), now_ns) for alarm in ended]

    def _known(self, id_: str) -> Alarm:
        if id_ not in self._alarms:
            raise AlarmError(f"no alarm '{id_}' is active, unacknowledged or shelved")
        return self._alarms[id_]

    def _raise(self, id_: str, alarm: Alarm | None, finding: Finding) -> Sequence[Alarm]:
        points = self.naming.names(finding)
        if alarm and alarm.active and (alarm.severity, alarm.points) == (finding.severity, points):
            return ()
        again = alarm is None or not alarm.active
        before = alarm or _unborn(id_, finding)
        raised = replace(
            before,
            severity=finding.severity,
            points=points,
            last_ns=finding.time_ns,
            count=before.count + (1 if again else 0),
            text=finding.text,
            value=finding.actual,
            expected=finding.expected,
            score=finding.score,
            evidence=finding.evidence,
            causes=finding.causes,
            advice=finding.advice,
            technique=finding.technique or None,
            active=True,
            acked=before.acked and (not again or before.chattering),
        )
        return [self._put(raised, finding.time_ns)]

    def _return(self, alarm: Alarm, finding: Finding) -> Sequence[Alarm]:
        value = alarm.value if finding.actual is None else finding.actual
        return [self._put(replace(alarm, active=False, text=finding.text, value=value), finding.time_ns)]

    def _put(self, alarm: Alarm, now_ns: int) -> Alarm:
        alarm = replace(alarm, state=_state(alarm), last_ns=now_ns)
        self._alarms[alarm.id] = alarm
        self._shelved.discard(alarm.id)
        if alarm.state is AlarmState.SHELVED:
            self._shelved.add(alarm.id)
        elif alarm.state is AlarmState.NORMAL:
            del self._alarms[alarm.id]
        return alarm


TOLD: Mapping[str, Any] = {"told": True, "withheld": False}
"""What a command says of an alarm goes upstream, whatever held it back before."""
OVER: Mapping[str, Any] = {
    "active": False, "acked": True, "shelved_until_ns": 0, "suppressed_by": "", "chattering": False,
}  # fmt: skip
"""What makes any alarm normal."""


def _unborn(id_: str, finding: Finding) -> Alarm:
    """Return the alarm as it was before its first finding: normal, never told."""
    return Alarm(
        id=id_,
        state=AlarmState.NORMAL,
        severity=finding.severity,
        kind=finding.kind,
        detector=finding.detector,
        device=finding.device,
        subject=finding.subject,
        points=(),
        first_ns=finding.time_ns,
        last_ns=finding.time_ns,
        count=0,
        text=finding.text,
        told=False,
    )


def _state(alarm: Alarm) -> AlarmState:
    if alarm.shelved_until_ns:
        return AlarmState.SHELVED
    if alarm.suppressed_by:
        return AlarmState.SUPPRESSED
    if alarm.active or alarm.chattering:
        return AlarmState.ACTIVE_ACKED if alarm.acked else AlarmState.ACTIVE_UNACKED
    return AlarmState.NORMAL if alarm.acked else AlarmState.RETURNED_UNACKED


def _finding(alarm: Alarm, rows: tuple[int, ...]) -> Finding:
    return Finding(
        detector=alarm.detector,
        kind=alarm.kind,
        device=alarm.device,
        severity=alarm.severity,
        time_ns=alarm.last_ns,
        text=alarm.text,
        rows=rows,
        actual=alarm.value,
        expected=alarm.expected,
        score=alarm.score,
        subject=alarm.subject,
        causes=alarm.causes,
        advice=alarm.advice,
        evidence=alarm.evidence,
        technique=alarm.technique or "",
    )
