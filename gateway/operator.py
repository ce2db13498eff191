"""What an operator may do with an alarm: acknowledge it, hide it for a while, bring it back."""

from collections.abc import Mapping
from typing import Any

from gateway.core.alarms import AlarmError, Alarms
from gateway.core.messages import Alarm
from gateway.core.pipeline import Pipeline
from gateway.memory import keep_alarms
from gateway.store.store import Store
from gateway.uplink.commands import instant_s


def carry_out(command: Mapping[str, Any], pipeline: Pipeline, store: Store, *, now_ns: int) -> Mapping[str, Any]:
    """Carry out ack, shelve or unshelve; return the new state of the alarm, or why it cannot be done."""
    try:
        alarm = _done(command, pipeline.alarms, now_ns)
    except AlarmError as error:
        return {"ok": False, "error": str(error)}
    alarm = pipeline.stamped(alarm)
    keep_alarms(store, [alarm])
    return {"alarm": alarm.id, "state": alarm.state.value}


def _done(command: Mapping[str, Any], alarms: Alarms, now_ns: int) -> Alarm:
    do, id_, by = command["do"], command["alarm"], command.get("by", "")
    match do:
        case "ack":
            return alarms.acknowledge(id_, by=by, now_ns=now_ns)
        case "shelve":
            return alarms.shelve(id_, until_ns=_instant(command.get("until", "")), by=by, now_ns=now_ns)
        case "unshelve":
            return alarms.unshelve(id_, by=by, now_ns=now_ns)
    raise AlarmError(f"'{do}' is not for alarms")


def _instant(text: str) -> int:
    """Return UTC nanoseconds of an ISO 8601 time; one without a zone is UTC.

    Raises:
        AlarmError: it is none.
    """
    until_s = instant_s(text)
    if until_s is None:
        raise AlarmError(f"until: '{text}' is no time like 2026-11-20T12:00:00Z")
    return int(until_s) * 1_000_000_000
