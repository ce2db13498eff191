"""Alarms: findings with a life, in the states of ISA-18.2 (IEC 62682 clause 5.4)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from detectors.model import Finding
from gateway.core.messages import Alarm, AlarmState
from protocols.points import Points

SHELVE_MAX_NS = 30 * 24 * 3600 * 1_000_000_000
"""Longest shelving, 30 days: a shelf without an end hides an alarm for ever (ISA-18.2 clause 11.7)."""
GATEWAY = "gateway"
"""The device of what concerns the gateway itself."""


class AlarmError(Exception):
    """A command on an alarm that cannot be carried out; says why and what is possible."""


class Alarms:
    """Every alarm that is not normal, by its id.

    Bounded by the configuration: one alarm for each kind of finding of each point or device.
    """

    def __init__(self, points: Points) -> None:
        self._points = points
        self._alarms: dict[str, Alarm] = {}
        self._shelved: set[str] = set()

    def __len__(self) -> int:
        return len(self._alarms)

    def __iter__(self) -> Iterator[Alarm]:
        return iter(tuple(self._alarms.values()))

    def observe(self, finding: Finding) -> Sequence[Alarm]:
        """Return the alarm if this finding changes what is known of it."""
        id_ = self._id(finding)
        alarm = self._alarms.get(id_)
        if finding.active:
            return self._raise(id_, alarm, finding)
        return self._return(alarm, finding) if alarm and alarm.active else ()

    def acknowledge(self, id_: str, *, by: str, now_ns: int) -> Alarm:
        """Acknowledge an alarm.

        Raises:
            AlarmError: there is no such alarm.
        """
        return self._put(replace(self._known(id_), acked=True, by=by), now_ns)

    def shelve(self, id_: str, *, until_ns: int, by: str, now_ns: int) -> Alarm:
        """Hide an alarm until a time; it goes on living unseen.

        Raises:
            AlarmError: no such alarm, or the time is past or too far away.
        """
        alarm = self._known(id_)
        if not now_ns < until_ns <= now_ns + SHELVE_MAX_NS:
            raise AlarmError("until must lie in the future, at most 30 days away")
        return self._put(replace(alarm, shelved_until_ns=until_ns, by=by), now_ns)

    def unshelve(self, id_: str, *, by: str, now_ns: int) -> Alarm:
        """Bring a shelved alarm back.

        Raises:
            AlarmError: there is no such alarm, or it is not shelved.
        """
        alarm = self._known(id_)
        if not alarm.shelved_until_ns:
            raise AlarmError(f"alarm '{id_}' is not shelved")
        return self._put(replace(alarm, shelved_until_ns=0, by=by), now_ns)

    def tick(self, now_ns: int) -> Sequence[Alarm]:
        """Return the alarms whose shelving has ended.

        One that would last longer than any may was made under a clock that ran ahead: it ends, too.
        """
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
            rows = self._rows(alarm)
            if alarm.active and rows is not None:
                found.setdefault(alarm.detector, []).append(_finding(alarm, rows))
        return found

    def forget(self, detectors: Iterable[str], watched: Iterable[Finding], now_ns: int) -> Sequence[Alarm]:
        """Return to normal what nobody watches any more: its device, point, detector or limit left the configuration.

        `detectors` are at work, and took up `watched`.
        """
        named, taken = set(detectors), {self._id(finding) for finding in watched}
        orphans = [
            alarm
            for alarm in self._alarms.values()
            if alarm.detector not in named or self._rows(alarm) is None or (alarm.active and alarm.id not in taken)
        ]
        ended = (replace(alarm, active=False, acked=True, shelved_until_ns=0) for alarm in orphans)
        return [self._put(replace(alarm, text=f"{alarm.text} (no longer watched)"), now_ns) for alarm in ended]

    def _id(self, finding: Finding) -> str:
        if len(finding.rows) == 1 and finding.kind != "stale":
            return f"{finding.device}/{self._points.names[finding.rows[0]]}/{finding.kind}"
        return f"{finding.device}/{finding.kind}"

    def _rows(self, alarm: Alarm) -> tuple[int, ...] | None:
        """Return the rows of the alarm's points, or None when one of them is gone."""
        rows = self._points.rows_of.get(alarm.device, range(0) if alarm.device == GATEWAY else None)
        if rows is None:
            return None
        index = {self._points.names[row]: row for row in rows} if alarm.points else {}
        found = tuple(index[name] for name in alarm.points if name in index)
        return found if len(found) == len(alarm.points) else None

    def _known(self, id_: str) -> Alarm:
        if id_ not in self._alarms:
            raise AlarmError(f"no alarm '{id_}' is active, unacknowledged or shelved")
        return self._alarms[id_]

    def _raise(self, id_: str, alarm: Alarm | None, finding: Finding) -> Sequence[Alarm]:
        points = tuple(self._points.names[row] for row in finding.rows)
        if alarm and alarm.active and (alarm.severity, alarm.points) == (finding.severity, points):
            return ()
        again = alarm is None or not alarm.active
        raised = Alarm(
            id=id_,
            state=AlarmState.NORMAL,
            severity=finding.severity,
            kind=finding.kind,
            detector=finding.detector,
            device=finding.device,
            points=points,
            first_ns=alarm.first_ns if alarm else finding.time_ns,
            last_ns=finding.time_ns,
            count=(alarm.count if alarm else 0) + (1 if again else 0),
            text=finding.text,
            value=finding.actual,
            expected=finding.expected,
            score=finding.score,
            active=True,
            acked=alarm.acked and not again if alarm else False,
            shelved_until_ns=alarm.shelved_until_ns if alarm else 0,
            by=alarm.by if alarm else "",
            evidence=finding.evidence,
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


def _state(alarm: Alarm) -> AlarmState:
    if alarm.shelved_until_ns:
        return AlarmState.SHELVED
    if alarm.active:
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
    )
