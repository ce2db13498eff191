"""How the alarms are as a whole: how many of what, how fast they come by EEMUA 191, and what happened to which bay."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detectors.model import Severity
from gateway.core.incidents import incidents
from gateway.core.messages import Alarm, AlarmState
from gateway.core.pipeline import Pipeline
from gateway.uplink.payload import iso

STANDING_NS = 24 * 3600 * 1_000_000_000
"""EEMUA 191: what has been active for a day is a standing alarm, which tells an operator nothing any more."""
ACTORS_SHOWN = 10
"""EEMUA 191: the ten worst are where to begin; often they are most of the load."""
INCIDENTS_SHOWN = 10
"""Incidents in a status: the most urgent, and of those the newest."""


def overview(pipeline: Pipeline, now_ns: int) -> Mapping[str, Any]:
    """Return the part `alarms` of the status."""
    alarms, annunciator = list(pipeline.alarms), pipeline.annunciator
    active = [alarm for alarm in alarms if alarm.active]
    severities = Counter(alarm.severity.value for alarm in active)
    return {
        "count": len(alarms),
        "active": {severity.value: severities[severity.value] for severity in Severity},
        "unacked": sum(not alarm.acked for alarm in alarms),
        "shelved": sum(alarm.state is AlarmState.SHELVED for alarm in alarms),
        "suppressed": sum(alarm.state is AlarmState.SUPPRESSED for alarm in alarms),
        "chattering": sum(alarm.chattering for alarm in alarms),
        "withheld": sum(alarm.withheld for alarm in alarms),
        "standing": sum(now_ns - alarm.first_ns > STANDING_NS for alarm in active),
        "flood_since": iso(annunciator.flood.began_ns if annunciator.flood.active else 0),
        "rates": annunciator.rates.overview(now_ns),
        "worst_actors": [{"alarm": id_, "count": count} for id_, count in annunciator.rates.actors(ACTORS_SHOWN)],
        "incidents": urgent(alarms, pipeline),
    }


def urgent(alarms: Iterable[Alarm], pipeline: Pipeline) -> Sequence[Mapping[str, Any]]:
    """Return the most urgent incidents, and of those the newest first."""
    found = sorted(incidents(alarms, pipeline.alarms.naming), key=lambda each: (each["points"], each["last_ns"]))
    return [_dated(each) for each in reversed(found[-INCIDENTS_SHOWN:])]


def _dated(told: Mapping[str, Any]) -> Mapping[str, Any]:
    times = {"first": iso(told["first_ns"]), "last": iso(told["last_ns"])}
    return {**{key: value for key, value in told.items() if not key.endswith("_ns")}, **times}
