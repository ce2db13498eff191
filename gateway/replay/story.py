"""What was raised, from the messages of the alarms: each time one began, and when it ended; the same for any origin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.core.messages import Alarm, AlarmState

STANDING = (AlarmState.ACTIVE_UNACKED, AlarmState.ACTIVE_ACKED)
"""States in which an alarm stands before its operator; what is shelved is as it was."""
RAISED_MAX = 10_000
"""Most single raisings that are kept for the page and the picture, 3 kB each; beyond it they are counted only."""


@dataclass(slots=True)
class Raised:
    """One time that an alarm was active: `alarm` as it was raised, or got worse; `until_ns` 0 while it is."""

    alarm: Alarm
    from_ns: int
    until_ns: int = 0


class Group:
    """All the times that one alarm was active: `worst` of them, how often, and how long together."""

    def __init__(self, alarm: Alarm) -> None:
        self.worst, self.times, self.active_ns, self.open = alarm, 0, 0, False
        self.first_ns = alarm.last_ns

    def begun(self) -> None:
        """It was raised."""
        self.times += 1
        self.open = True

    def heard(self, alarm: Alarm) -> None:
        """Keep the worst."""
        if (alarm.severity.rank, alarm.score) > (self.worst.severity.rank, self.worst.score):
            self.worst = alarm

    def ended(self, raised: Raised) -> None:
        """It has returned."""
        self.active_ns += max(raised.until_ns - raised.from_ns, 0)
        self.open = False


class Story:
    """Follows alarm messages. `raised` in the order of time, within the bound; `count` of all.

    Bounded by the configuration beside that: a group for each alarm that there can be.
    """

    def __init__(self) -> None:
        self.raised: list[Raised] = []
        self.count = 0
        self._active: dict[str, Raised] = {}
        self._groups: dict[str, Group] = {}

    def hear(self, messages: Iterable[object]) -> None:
        """Take up what the alarms among `messages` say."""
        for message in messages:
            if isinstance(message, Alarm):
                self._hear(message)

    def groups(self) -> Sequence[Group]:
        """Return the alarms that were raised: the worst severity first, then the most often raised."""
        found = self._groups.values()
        return sorted(found, key=lambda group: (-group.worst.severity.rank, -group.times, group.first_ns))

    def _hear(self, alarm: Alarm) -> None:
        open_, stands = self._active.get(alarm.id), alarm.state in STANDING
        if stands and open_ is None:
            self._begin(alarm)
        elif stands and open_ is not None:
            self._groups[alarm.id].heard(alarm)
            if alarm.severity.rank > open_.alarm.severity.rank:
                open_.alarm = alarm
        elif open_ is not None and alarm.state is not AlarmState.SHELVED:
            open_.until_ns = alarm.last_ns
            self._groups[alarm.id].ended(self._active.pop(alarm.id))

    def _begin(self, alarm: Alarm) -> None:
        self.count += 1
        raised = self._active[alarm.id] = Raised(alarm, alarm.last_ns)
        if len(self.raised) < RAISED_MAX:
            self.raised.append(raised)
        group = self._groups.setdefault(alarm.id, Group(alarm))
        group.begun()
        group.heard(alarm)


def told_by(alarms: Iterable[Alarm]) -> Story:
    """Return the story that kept alarm messages tell."""
    story = Story()
    story.hear(alarms)
    return story
