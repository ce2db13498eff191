"""Messages as records and back, pure: what was stored is readable without any configuration, or it is a `BadRecord`.

A body is sealed (`seal`). In it: a summary as columns (`summary`), anything else as compact JSON (`words`).
"""

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from detectors.model import Report, Severity
from gateway.core.messages import Alarm, AlarmState, Change, Message, Summary
from gateway.store.record import Record, Stream
from gateway.store.seal import BadRecord, seal, unseal
from gateway.store.summary import content_of, summary_in
from gateway.store.words import encode, flag, mapping, maybe_number, maybe_word, number, whole, word, words

__all__ = ["BadRecord", "alarm_of", "change_of", "report_of", "summary_of", "to_record"]

T = TypeVar("T")


def to_record(message: Message) -> Record:
    """Pack any message."""
    match message:
        case Summary():
            end_ns = message.start_ns + message.length_ns
            return Record(Stream.TELEMETRY, message.device, message.start_ns, end_ns, seal(content_of(message)))
        case Change():
            return Record(Stream.CHANGE, message.device, *_covered(message), seal(encode(_change_words(message))))
        case Alarm():
            body = seal(encode({field.name: getattr(message, field.name) for field in fields(Alarm)}))
            return Record(Stream.ALARM, message.device, message.first_ns, message.last_ns, body)
        case Report():
            body = seal(encode({field.name: getattr(message, field.name) for field in fields(Report)}))
            return Record(Stream.REPORT, message.device, message.time_ns, message.time_ns, body)


def summary_of(record: Record) -> Summary:
    """Unpack a record of the telemetry stream.

    Raises:
        BadRecord: the body is damaged, or is none.
    """
    return _unpack(record, summary_in)


def change_of(record: Record) -> Change:
    """Unpack a record of the change stream.

    Raises:
        BadRecord: the body is damaged, or is none.
    """
    return _unpack(record, _change)


def alarm_of(record: Record) -> Alarm:
    """Unpack a record of the alarm stream.

    Raises:
        BadRecord: the body is damaged, or is none.
    """
    return _unpack(record, _alarm)


def report_of(record: Record) -> Report:
    """Unpack a record of the report stream.

    Raises:
        BadRecord: the body is damaged, or is none.
    """
    return _unpack(record, _report)


def _unpack(record: Record, read: Callable[[bytes], T]) -> T:
    content = unseal(record.body)
    try:
        return read(content)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, struct.error) as error:
        raise BadRecord(f"{record.stream} record of {record.device}: {error}") from error


def _covered(change: Change) -> tuple[int, int]:
    times = [int(time) for time in change.times_ns if time] or [change.time_ns]
    return min(times), max(times)


def _change_words(change: Change) -> Mapping[str, Any]:
    return {
        "device": change.device,
        "time_ns": change.time_ns,
        "points": change.points,
        "values": change.values.tolist(),
        "quality": change.quality.tolist(),
        "times_ns": change.times_ns.tolist(),
        "synchronised": change.synchronised,
    }


def _change(content: bytes) -> Change:
    found = json.loads(content)
    points, values = words(found["points"]), [maybe_number(value) for value in found["values"]]
    quality, times = [whole(flags, 16) for flags in found["quality"]], [whole(time) for time in found["times_ns"]]
    if not len(points) == len(values) == len(quality) == len(times):
        raise ValueError("columns differ in length")
    return Change(
        device=word(found["device"]),
        time_ns=whole(found["time_ns"]),
        points=points,
        values=np.array([math.nan if value is None else value for value in values], np.float64),
        quality=np.array(quality, np.uint16),
        times_ns=np.array(times, np.int64),
        synchronised=flag(found.get("synchronised", False)),
    )


def _alarm(content: bytes) -> Alarm:
    found = {**ADDED, **json.loads(content)}
    return Alarm(**{name: read(found[name]) for name, read in ALARM_FIELDS.items()})


def _report(content: bytes) -> Report:
    found = json.loads(content)
    return Report(
        kind=word(found["kind"]),
        subject=word(found["subject"]),
        time_ns=whole(found["time_ns"]),
        body=mapping(found["body"]),
        synchronised=flag(found["synchronised"]),
    )


ALARM_FIELDS: Mapping[str, Callable[[Any], Any]] = {
    "id": word,
    "state": AlarmState,
    "severity": Severity,
    "kind": word,
    "detector": word,
    "device": word,
    "points": words,
    "first_ns": whole,
    "last_ns": whole,
    "count": whole,
    "text": word,
    "value": maybe_number,
    "expected": maybe_number,
    "score": number,
    "active": flag,
    "acked": flag,
    "shelved_until_ns": whole,
    "by": word,
    "evidence": mapping,
    "technique": maybe_word,
    "synchronised": flag,
    "subject": word,
    "causes": words,
    "advice": word,
    "incident": word,
    "first_out": flag,
    "suppressed_by": word,
    "chattering": flag,
    "withheld": flag,
    "told": flag,
}
ADDED: Mapping[str, Any] = {
    "synchronised": False, "subject": "", "causes": [], "advice": "", "incident": "", "first_out": False,
    "suppressed_by": "", "chattering": False, "withheld": False, "told": True,
}  # fmt: skip
"""What an alarm says of fields that are younger than it."""
