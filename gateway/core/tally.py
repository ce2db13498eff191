"""How many alarms were raised in each bay since its day began: what the daily summary says of them.

Detectors know no alarms. So their report of a day gets its counts here, on its way out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from detectors.kept import Kept
from detectors.model import Report, Severity
from gateway.core.messages import Alarm, AlarmState
from protocols.points import Points

DAILY = "daily"
"""The kind of reports that get counts."""


class Tally(Kept):
    """Alarms raised by severity and bay, int64[4, bays]; one that is told again, without a new beginning, is none."""

    KEPT = ("_raised",)

    def __init__(self, points: Points) -> None:
        self._bay_of: dict[str, int] = {}
        self._place: dict[str, int] = {}
        self._in_device: dict[str, set[int]] = {}
        first: list[int] = []
        for row, config in enumerate(points.configs):
            if config.role is not None and config.role.bay is not None:
                bay = self._place.setdefault(config.role.bay, len(self._place))
                if bay == len(first):
                    first.append(row)
                self._bay_of[points.label(row)] = bay
                self._in_device.setdefault(points.device(row), set()).add(bay)
        self.whose = np.array(first, np.int32)
        self._raised = np.zeros((len(Severity), len(first)), np.int64)
        self._counts: dict[str, int] = {}

    def resume(self, alarms: Iterable[Alarm]) -> None:
        """Take up the alarms of before a restart, which were counted then."""
        self._counts = {alarm.id: alarm.count for alarm in alarms}

    def observe(self, alarm: Alarm) -> None:
        """Count an alarm that has begun, in every bay that it concerns."""
        begun = alarm.active and alarm.state is AlarmState.ACTIVE_UNACKED
        if begun and alarm.count != self._counts.get(alarm.id):
            for bay in set(self._bays(alarm)):
                self._raised[alarm.severity.rank, bay] += 1
        if alarm.state is AlarmState.NORMAL:
            self._counts.pop(alarm.id, None)
        else:
            self._counts[alarm.id] = alarm.count

    def joined(self, report: Report) -> Report:
        """Return the report of a day with its counts, others as they are; a day that is complete begins the next."""
        bay = self._place.get(report.subject)
        if report.kind != DAILY or bay is None or "alarms" in report.body:
            return report
        counts = {severity.value: int(self._raised[severity.rank, bay]) for severity in Severity}
        if report.body.get("complete"):
            self._raised[:, bay] = 0
        return replace(report, body={**report.body, "alarms": counts})

    def _bays(self, alarm: Alarm) -> Iterator[int]:
        """Yield the bays of its points; of its device where it has none; nothing where neither has one."""
        labels: Sequence[str] = [f"{alarm.device}.{name}" for name in alarm.points]
        for label, name in zip(labels, alarm.points, strict=True):
            bay = self._bay_of.get(label, self._bay_of.get(name))
            if bay is not None:
                yield bay
        if not alarm.points:
            yield from self._in_device.get(alarm.device, ())
