"""Alarms as an answer tells them, and in which order a person sees them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gateway.core.messages import Alarm, AlarmState
from gateway.uplink.payload import iso

ALARMS_SHOWN = 200
"""Alarms in a status: the worst, and of those the newest."""
TURN = (AlarmState.ACTIVE_UNACKED, AlarmState.RETURNED_UNACKED, AlarmState.ACTIVE_ACKED)
"""What an operator has to do comes first (ISA-18.2, 11.3); what is shelved or suppressed comes last."""


def worst(alarms: Iterable[Alarm]) -> list[Mapping[str, Any]]:
    """Return the alarms that an operator sees first: neither shelved nor suppressed, severe, new."""
    ordered = sorted(alarms, key=lambda a: (not (a.shelved_until_ns or a.suppressed_by), a.severity.rank, a.last_ns))
    return [told(alarm) for alarm in reversed(ordered[-ALARMS_SHOWN:])]


def listed(alarms: Iterable[Alarm]) -> Sequence[Alarm]:
    """Return all in the order of an alarm list: by state, then severity, then the newest first."""
    return sorted(alarms, key=lambda alarm: (_turn(alarm), -alarm.severity.rank, -alarm.last_ns, alarm.id))


def told(alarm: Alarm) -> Mapping[str, Any]:
    """Return what is said of one."""
    return {
        "id": alarm.id,
        "state": alarm.state.value,
        "severity": alarm.severity.value,
        "kind": alarm.kind,
        "device": alarm.device,
        "points": list(alarm.points),
        "subject": alarm.subject,
        "text": alarm.text,
        "incident": alarm.incident,
        "first_out": alarm.first_out,
        "suppressed_by": alarm.suppressed_by,
        "chattering": alarm.chattering,
        "withheld": alarm.withheld,
        "advice": alarm.advice,
        "causes": list(alarm.causes),
        "first": iso(alarm.first_ns),
        "last": iso(alarm.last_ns),
        "count": alarm.count,
        "by": alarm.by,
        "shelved_until": iso(alarm.shelved_until_ns),
    }


def _turn(alarm: Alarm) -> int:
    return TURN.index(alarm.state) if alarm.state in TURN else len(TURN)
