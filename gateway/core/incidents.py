"""Incidents: alarms of one bay, bus or transformer that follow one another closely are one thing that happened.

The first of them is the first-out (ISA-18.1): what an operator looks at first. Which alarms belong together is written
into the alarms themselves, so an incident lives as long as one of them does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detectors.model import Severity
from gateway.core.messages import Alarm
from gateway.core.naming import Naming
from gateway.core.rules import AlarmRules
from protocols.model import GATEWAY

NS = 1_000_000_000
OPEN_MAX = 32
"""Incidents that may still grow; of more, the oldest takes no more alarms."""
SPAN = 6
"""An incident grows for at most so many times `incident_s`: what goes on for longer is another one."""
LISTED_MAX = 10
"""Alarms listed of one incident; the others are counted."""
WITNESSES = 3
"""Independent detectors that count towards the priority: a fourth makes nobody surer."""
PHYSICS = (
    "balance",
    "consistency",
    "unbalance",
    "overload",
    "supply",
    "thermal",
    "dissolved_gas",
    "breaker",
    "tap_changer",
    "replay",
)
"""Detectors whose finding tells a cause by the laws of the grid, rather than what it did to one value."""
PRIORITIES = ((24, "urgent"), (12, "high"), (6, "medium"), (0, "low"))
"""Least points of each priority: severity 1 to 4, times consequence 1 to 3, times witnesses 1 to 3."""


PLACES = ("bay", "bus", "transformer")
"""What of a role makes alarms neighbours, the narrowest first."""


@dataclass(slots=True)
class Open:
    """An incident that may still grow."""

    id: str
    places: set[str]
    first_ns: int
    last_ns: int


class Incidents:
    """Gives each alarm the incident that it belongs to."""

    def __init__(self, naming: Naming, rules: AlarmRules) -> None:
        self._naming, self._within_ns = naming, int(rules.incident_s * NS)
        self._open: list[Open] = []
        self._last = 0

    def join(self, alarm: Alarm, now_ns: int) -> tuple[str, bool]:
        """Return the incident of an alarm that came now, and whether it is the first-out of it."""
        places = self._places(alarm)
        if not places:
            return "", False
        self._open = [each for each in self._open if self._grows(each, now_ns)][-OPEN_MAX + 1 :]
        for each in self._open:
            if not each.places.isdisjoint(places):
                each.places.update(places)
                each.last_ns = max(each.last_ns, now_ns)
                return each.id, False
        self._last += 1
        name = f"{places[0].partition(':')[2]}-{self._last}"
        self._open.append(Open(name, set(places), now_ns, now_ns))
        return name, True

    def bay(self, alarm: Alarm) -> str:
        """Return the narrowest place of an alarm that has a name: bay, bus, transformer or device."""
        return next(iter(self._places(alarm)), f"device:{alarm.device}").partition(":")[2]

    def step(self, by_ns: int) -> None:
        """The clock was set."""
        for each in self._open:
            each.first_ns, each.last_ns = each.first_ns + by_ns, each.last_ns + by_ns

    def state(self) -> Mapping[str, Any]:
        """Return everything as plain words."""
        growing = [[each.id, sorted(each.places), each.first_ns, each.last_ns] for each in self._open]
        return {"open": growing, "last": self._last}

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take up what `state` told."""
        self._open = [Open(str(i), set(places), int(a), int(b)) for i, places, a, b in told["open"]]
        self._last = int(told["last"])

    def resume(self, alarms: Iterable[Alarm]) -> None:
        """Count on from the incidents of before a kill."""
        numbers = (alarm.incident.rpartition("-")[2] for alarm in alarms)
        self._last = max([self._last, *(int(number) for number in numbers if number.isdigit())])

    def _grows(self, each: Open, now_ns: int) -> bool:
        return now_ns - each.last_ns <= self._within_ns and now_ns - each.first_ns <= SPAN * self._within_ns

    def _places(self, alarm: Alarm) -> Sequence[str]:
        """Return where it is, the narrowest first; nowhere when it concerns the gateway itself."""
        if alarm.device == GATEWAY:
            return ()
        found = places(alarm, self._naming)
        return [f"{word}:{name}" for word in PLACES for name in found[word]] or [f"device:{alarm.device}"]


def places(alarm: Alarm, naming: Naming) -> Mapping[str, Sequence[str]]:
    """Return the bays, buses and transformers of an alarm by the roles of its points.

    Points without a role, and alarms of a whole device, are where the device is: in its bay, if it has just one.
    """
    configs = naming.points.configs
    rows = naming.rows(alarm) or ()
    roles = [role for row in rows if (role := configs[row].role) is not None] or naming.home(alarm.device)
    return {word: list(dict.fromkeys(name for role in roles if (name := getattr(role, word)))) for word in PLACES}


def incidents(alarms: Iterable[Alarm], naming: Naming) -> Iterator[Mapping[str, Any]]:
    """Yield what is known of each incident of which an alarm lives, in no order; alone-standing alarms are none."""
    groups: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        if alarm.incident:
            groups.setdefault(alarm.incident, []).append(alarm)
    return (_told(id_, group, naming) for id_, group in groups.items() if len(group) > 1)


def _told(id_: str, group: Sequence[Alarm], naming: Naming) -> Mapping[str, Any]:
    root = suspected(group)
    severity = max((alarm.severity for alarm in group), key=lambda each: each.rank)
    points = priority(severity, group, consequence(group, naming))
    return {
        "id": id_,
        "priority": next(word for least, word in PRIORITIES if points >= least),
        "points": points,
        "severity": severity.value,
        "first_ns": min(alarm.first_ns for alarm in group),
        "last_ns": max(alarm.last_ns for alarm in group),
        "count": len(group),
        "active": sum(alarm.active for alarm in group),
        "kinds": sorted({alarm.kind for alarm in group}),
        "root": root.id,
        "text": root.text,
        "alarms": [alarm.id for alarm in group[:LISTED_MAX]],
    }


def suspected(group: Sequence[Alarm]) -> Alarm:
    """Return what the others probably follow from: a finding of physics, else the first-out, else the oldest."""
    return min(group, key=lambda alarm: (alarm.detector not in PHYSICS, not alarm.first_out, alarm.first_ns))


def priority(severity: Severity, group: Sequence[Alarm], weight: int) -> int:
    """Return 1 to 36: how bad, times what hangs on it, times how many detectors saw it independently."""
    witnesses = len({alarm.detector for alarm in group})
    return (severity.rank + 1) * weight * min(witnesses, WITNESSES)


def consequence(group: Sequence[Alarm], naming: Naming) -> int:
    """Return what hangs on it: 3 for a transformer or several bays, 2 for one bay or bus, 1 where no role tells."""
    found = [places(alarm, naming) for alarm in group]
    bays = {bay for each in found for bay in each["bay"]}
    if len(bays) > 1 or any(each["transformer"] for each in found):
        return 3
    return 2 if bays or any(each["bus"] for each in found) else 1
