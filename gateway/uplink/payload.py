"""What messages look like: pure JSON encoders, version 1. Fields may be added, never changed.

    telemetry {"v":1,"stream":"telemetry","seq":1042,"device":"feeder1","start":TIME,"length_s":10,"historical":false,
               "clock":"synchronised"|"free","points":{"va":{"n":10,"min":229.8,"max":230.4,"mean":230.1,"last":230.2,"q":0}}}
              of windows that were merged also "covers":[first seq, last seq] and, where not all between them are
              meant, "numbers":[[first,last],[first,last,step],…]
    change    {"v":1,"stream":"change","seq":7,"device":"feeder1","time":TIME,"historical":false,"clock":…,
               "points":{"cb52":{"value":1,"q":0,"time":TIME}}}
    alarm     {"v":1,"stream":"alarm","seq":7,"id":…,"state":"active_unacked","severity":"warning","kind":"limit_high",
               "detector":"limits","device":…,"points":[…],"value":…,"expected":…,"text":…,"evidence":{…},
               "technique":null,"first":TIME,"last":TIME,"count":1,"score":…,"active":true,"acked":false,
               "shelved_until":null,"by":"","subject":"","causes":[…],"advice":"","deviation_percent":…,"incident":…,
               "first_out":true,"suppressed_by":"","chattering":false,"historical":false,"clock":…}
    report    {"v":1,"stream":"report","seq":3,"kind":"asset","subject":"t1","time":TIME,"historical":false,"clock":…,
               "body":{…}}
    gap       {"v":1,"stream":"telemetry","from_seq":3,"to_seq":9,"start":TIME,"end":TIME,"reason":"budget","lost":7}
              and "numbers" as above where not all between the bounds are lost
    birth     {"v":1, and what `gateway.description` tells of devices and points}
    status    {"v":1,"online":true, and what the health says}; offline: {"v":1,"online":false,"reason":"lost"|"stopped"}
    reply     {"v":1,"id":…,"ok":true} or {"v":1,"id":…,"ok":false,"error":…}

TIME is UTC, ISO 8601 with milliseconds: 2026-11-20T10:00:00.000Z; null where the device gave none. `q` is the union
of all quality flags, 0 for good. Numbers that do not exist are null. A status point is 0 or 1, like any number.

Values have 15 significant digits: every decimal that a device can show survives, whole numbers to 1e15 too, and a
message of 1,000 points takes 12 bytes a reading.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from detectors.model import Report
from gateway.core.messages import Alarm, Change, Message, Summary
from gateway.store import numbers
from gateway.store.numbers import Numbers
from gateway.store.packing import alarm_of, change_of, report_of, summary_of
from gateway.store.record import Gap, Row, Stream
from gateway.uplink.digits import rounded

VERSION = 1
DEEPEST = 16
"""Nesting of evidence and health; deeper parts are written as text."""
ADDED = ("subject", "causes", "advice", "deviation_percent", "incident", "first_out", "suppressed_by", "chattering")
"""Fields of an alarm that are called the same here."""
_encode = msgspec.json.Encoder().encode
"""NaN and infinity become null."""


class _Window(msgspec.Struct, gc=False):
    n: int
    min: float
    max: float
    mean: float
    last: float
    q: int


class _Reading(msgspec.Struct, gc=False):
    value: float
    q: int
    time: str | None


def iso(time_ns: int) -> str | None:
    """Return TIME, or None for 0."""
    return f"{np.datetime64(time_ns // 1_000_000, 'ms')}Z" if time_ns else None


def to_json(value: Mapping[str, Any]) -> bytes:
    """Encode any mapping; what JSON does not know becomes null (NaN) or text."""
    return _encode(plain(value))


def plain(value: Mapping[str, Any]) -> Any:
    """Return any mapping as JSON has it; what JSON does not know becomes None (NaN) or text."""
    return _plain(value, DEEPEST)


def telemetry(summary: Summary, *, seq: int, historical: bool, merged: Numbers = ()) -> bytes:
    """Encode one window of one device, or what was `merged` of several."""
    head = {
        **_head(Stream.TELEMETRY, seq),
        "device": summary.device,
        "start": iso(summary.start_ns),
        "length_s": summary.length_ns / 1e9,
        "historical": historical,
        "clock": _clock(summary),
        **_merged(merged),
    }
    values = rounded(np.concatenate((summary.min, summary.max, summary.mean, summary.last)))
    windows = map(_Window, summary.count.tolist(), *values.reshape(4, -1).tolist(), summary.quality.tolist())
    return _with_points(head, summary.points, windows)


def change(message: Change, *, seq: int, historical: bool) -> bytes:
    """Encode what was reported by exception."""
    head = {
        **_head(Stream.CHANGE, seq),
        "device": message.device,
        "time": iso(message.time_ns),
        "historical": historical,
        "clock": _clock(message),
    }
    times = map(iso, message.times_ns.tolist())
    readings = map(_Reading, rounded(message.values).tolist(), message.quality.tolist(), times)
    return _with_points(head, message.points, readings)


def alarm(message: Alarm, *, seq: int, historical: bool) -> bytes:
    """Encode one change of state of one alarm."""
    fields = ("id", "state", "severity", "kind", "detector", "device", "points", "value", "expected", "text")
    return to_json(
        {
            **_head(Stream.ALARM, seq),
            **{key: getattr(message, key) for key in fields},
            "evidence": message.evidence,
            "technique": message.technique,
            "first": iso(message.first_ns),
            "last": iso(message.last_ns),
            "count": message.count,
            "score": message.score,
            "active": message.active,
            "acked": message.acked,
            "shelved_until": iso(message.shelved_until_ns),
            "by": message.by,
            **{key: getattr(message, key) for key in ADDED},
            "historical": historical,
            "clock": _clock(message),
        }
    )


def report(message: Report, *, seq: int, historical: bool) -> bytes:
    """Encode what a check reports."""
    return to_json(
        {
            **_head(Stream.REPORT, seq),
            "kind": message.kind,
            "subject": message.subject,
            "time": iso(message.time_ns),
            "historical": historical,
            "clock": _clock(message),
            "body": message.body,
        }
    )


def gap(hole: Gap) -> bytes:
    """Encode the record of a hole that the gateway made."""
    return to_json(gap_fields(hole))


def gap_fields(hole: Gap) -> dict[str, Any]:
    """Return a hole as its message and the reply to `gaps` show it."""
    return {
        "v": VERSION,
        "stream": hole.stream,
        "from_seq": hole.from_seq,
        "to_seq": hole.to_seq,
        "start": iso(hole.start_ns),
        "end": iso(hole.end_ns),
        "reason": hole.reason,
        "lost": hole.lost,
        **_listed(hole.numbers),
    }


def encode(row: Row, *, historical: bool) -> bytes:
    """Encode a stored message.

    Raises:
        BadRecord: it is not what was written.
    """
    match row.record.stream:
        case Stream.TELEMETRY:
            return telemetry(summary_of(row.record), seq=row.seq, historical=historical, merged=row.merged)
        case Stream.CHANGE:
            return change(change_of(row.record), seq=row.seq, historical=historical)
        case Stream.ALARM:
            return alarm(alarm_of(row.record), seq=row.seq, historical=historical)
        case Stream.REPORT:
            return report(report_of(row.record), seq=row.seq, historical=historical)


def _head(stream: Stream, seq: int) -> dict[str, Any]:
    return {"v": VERSION, "stream": stream, "seq": seq}


def _clock(message: Message) -> str:
    """Return whether the gateway's clock followed a time source, which is what its own times are worth."""
    return "synchronised" if message.synchronised else "free"


def _merged(merged: Numbers) -> dict[str, Any]:
    if not merged:
        return {}
    return {"covers": numbers.bounds(merged), **_listed(() if numbers.dense(merged) else merged)}


def _listed(listed: Numbers) -> dict[str, Any]:
    return {"numbers": numbers.to_words(listed)} if listed else {}


def _with_points(head: Mapping[str, Any], names: Sequence[str], points: Iterable[Any]) -> bytes:
    """Add `points`; whole numbers go without their `.0`, which no name can hold (`protocols.settings.Name`)."""
    return _encode({**head, "points": dict(zip(names, points, strict=True))}).replace(b".0,", b",")


def _plain(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case Mapping() if depth:
            return {str(key): _plain(item, depth - 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset() if depth:
            return [_plain(item, depth - 1) for item in value]
        case np.generic() | np.ndarray() if depth:
            return _plain(value.tolist(), depth - 1)
        case _:
            return str(value)
