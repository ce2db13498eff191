"""Suppression by design (ISA-18.2 clause 13): what only follows from a known cause says nothing of its own.

`DESIGN` is all there is to it: while the cause is active, what comes up anew and matches is suppressed. What an
operator has seen before stays. Every cause is an alarm itself, so that something is always told:

    comm_lost   of a device: nothing that needs its points can be judged
    bus_dead    a bus whose infeeds are all open: its meters rightly show no voltage

What is suppressed lives on unseen, is counted, and comes out when the cause is over and it is still active. What may
be the doing of an attacker, and says so by its `technique`, is never suppressed: to cut a link is part of an attack.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.model import Finding, Severity
from gateway.core.alarms import Alarms
from gateway.core.image import Image
from gateway.core.messages import Alarm
from protocols.model import usable
from protocols.points import Points

SUPPRESSION = "suppression"
"""The word of the finding `bus_dead` where others have that of their detector."""
DEAD_SHARE = 0.1
"""A meter that shows less than this share of what it should shows no voltage: what is left is induced by neighbours."""


@dataclass(frozen=True, slots=True)
class Rule:
    """While `cause` holds, alarms of these kinds and quantities `within` the same device or bus are suppressed.

    No kinds or quantities are all of them.
    """

    cause: str
    within: str
    kinds: frozenset[str] = frozenset()
    quantities: frozenset[str] = frozenset()


LINK = Rule("comm_lost", within="device")
BUS = Rule(
    "bus_dead",
    within="bus",
    kinds=frozenset(
        {
            "limit_low",
            "limit_low_low",
            "interruption",
            "voltage_compliance",
            "frequency_compliance",
            "inconsistent",
            "spike",
            "outlier",
            "pattern_break",
        }
    ),
    quantities=frozenset({"voltage", "frequency"}),
)
DESIGN = (LINK, BUS)
CAUSES = frozenset(rule.cause for rule in DESIGN)


class Suppression:
    """Looks for the cause of an alarm among the alarms, and among the breakers of its bus.

    `told_dead` are the buses of which it was told that they are without voltage.
    """

    def __init__(self, alarms: Alarms, points: Points, image: Image) -> None:
        self._alarms, self._points, self._image = alarms, points, image
        self._infeeds: dict[str, list[int]] = {}
        self.told_dead: dict[str, None] = {}
        for row, config in enumerate(points.configs):
            role = config.role
            if role is not None and role.quantity == "breaker" and role.bus and role.transformer:
                self._infeeds.setdefault(role.bus, []).append(row)

    def link(self, alarm: Alarm) -> str:
        """Return the alarm of a dead link without which this one could be judged; empty if there is none."""
        if alarm.kind in CAUSES or alarm.technique:
            return ""
        lost = (f"{device}/{LINK.cause}" for device in self._alarms.naming.devices(alarm))
        return next((id_ for id_ in lost if self.holds(id_)), "")

    def bus(self, alarm: Alarm) -> str:
        """Return the bus whose want of voltage an alarm tells, dead or not; empty if it tells none."""
        if alarm.kind not in BUS.kinds or not _shows_nothing(alarm):
            return ""
        rows = self._alarms.naming.rows(alarm) or ()
        roles = {self._points.configs[row].role for row in rows}
        buses = {role.bus if role is not None and role.quantity in BUS.quantities else None for role in roles}
        return (buses.pop() or "") if len(buses) == 1 else ""

    def holds(self, cause: str) -> bool:
        """Whether the cause is active, or chatters."""
        alarm = self._alarms.get(cause)
        return alarm is not None and (alarm.active or alarm.chattering)

    def dead(self, bus: str) -> bool | None:
        """Return whether all infeeds of a bus are open; None where one is not known, and none is closed."""
        positions = [self._open(row) for row in self._infeeds.get(bus, ())]
        if False in positions:
            return False
        return None if None in positions or not positions else True

    def began(self, bus: str, now_ns: int) -> Finding:
        """Return that a bus is without voltage."""
        self.told_dead[bus] = None
        named = ", ".join(self._points.label(row) for row in self._infeeds[bus])
        text = f"bus {bus} is without voltage: {named} open; low voltage on it is not told"
        return self._finding(bus, now_ns, text, active=True)

    def ended(self, now_ns: int) -> Iterator[Finding]:
        """Yield the buses that have an infeed again."""
        for bus in [bus for bus in self.told_dead if self.dead(bus) is False]:
            del self.told_dead[bus]
            if self.holds(self.id(bus)):
                yield self._finding(bus, now_ns, f"bus {bus} has an infeed again", active=False)

    def id(self, bus: str) -> str:
        """Return the alarm of a dead bus."""
        return f"{self._points.device(self._infeeds[bus][0])}/{bus}/{BUS.cause}"

    def resume(self, active: Sequence[Finding]) -> Sequence[Finding]:
        """Take up the dead buses of before a restart, as far as they still have infeeds."""
        taken = [finding for finding in active if finding.subject in self._infeeds]
        self.told_dead = dict.fromkeys(finding.subject for finding in taken)
        return taken

    def _open(self, row: int) -> bool | None:
        """Return whether a breaker is open; a double point is 1 for open and 2 for closed (IEC 61850 Dbpos)."""
        value = float(self._image.values[row])
        if not np.isfinite(value) or not usable(self._image.quality[row : row + 1])[0]:
            return None
        if self._points.configs[row].kind == "dbpos":
            return {1.0: True, 2.0: False}.get(value)
        return value == 0

    def _finding(self, bus: str, now_ns: int, text: str, *, active: bool) -> Finding:
        rows = tuple(self._infeeds[bus])
        return Finding(
            detector=SUPPRESSION,
            kind=BUS.cause,
            device=self._points.device(rows[0]),
            subject=bus,
            rows=rows,
            severity=Severity.CRITICAL,
            time_ns=now_ns,
            active=active,
            text=text,
            evidence={"bus": bus, "infeeds": [self._points.label(row) for row in rows]},
        )


def _shows_nothing(alarm: Alarm) -> bool:
    return (
        alarm.value is not None and alarm.expected is not None and abs(alarm.value) <= DEAD_SHARE * abs(alarm.expected)
    )
