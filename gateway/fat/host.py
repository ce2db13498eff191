"""A Sparkplug host of its own: reads births, data and deaths of a node, and tells them as the messages of docs/mqtt.md.

It knows the layout of payloads (Sparkplug 3.0 clause 6.4.1) and docs/sparkplug.md only, and none of the gateway's code.

    Payload         timestamp 1 · metrics 2
    Metric          name 1 · alias 2 · timestamp 3 · datatype 4 · is_historical 5 · is_null 7 · properties 9 ·
                    int 10 · long 11 · double 13 · boolean 14 · string 15
    PropertySet     keys 1 · values 2                PropertyValue   int 3 · string 8
"""

import json
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

from protocols.model import Quality

Message: TypeAlias = Mapping[str, Any]
Fields: TypeAlias = dict[int, list[Any]]
"""What a message of protobuf has, by its field numbers: whole numbers, doubles, octets."""
COMM_LOST = int(Quality.COMM_LOST)
MESSAGES = {"Alarm/Message": "alarm", "Report/Message": "report", "Ledger/Lost Device": "lost"}
"""Metrics of the node that are whole messages."""
NUMBER = "float64"
BOOLEAN = 11


class Metric(NamedTuple):
    """One metric: `value` is None for null; `properties` by their keys."""

    name: str
    value: Any
    time_ms: int
    datatype: int
    historical: bool
    properties: Mapping[str, Any]


class Host:
    """Follows the node at `prefix` in `gridsentinel/SITE/NAME`."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._names: dict[int, str] = {}
        self._devices: dict[str, dict[str, dict[str, Any]]] = {}
        self._last: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    def read(self, topic: str, body: bytes) -> Iterator[tuple[str, Message]]:
        """Yield what a message says, each with its topic.

        Raises:
            ValueError: it is no payload.
        """
        _, _, verb, _, *device = topic.split("/")
        metrics = list(self._metrics(body, births=verb.endswith("BIRTH")))
        match verb, device:
            case "NDATA", []:
                yield from self._of_node(metrics)
            case "DBIRTH", [name]:
                points = [each for each in metrics if "/" not in each.name]
                self._devices[name] = {"points": {each.name: _described(each) for each in points}}
                yield f"{self._prefix}/birth", {"devices": dict(self._devices)}
                yield self._told(name, points, {})
            case "DDATA", [name]:
                numbers = {each.name.removeprefix("Ledger/"): each.value for each in metrics if "Ledger/" in each.name}
                points = [each for each in metrics if "/" not in each.name and not each.historical]
                for stream, number in numbers.items():
                    yield self._told(name, points, {"stream": stream, "seq": number})
            case "DDEATH", [name]:
                lost = {key: {"value": value, "q": COMM_LOST, "time": None} for key, value in self._last[name].items()}
                yield f"{self._prefix}/change/{name}", {"points": lost}

    def _of_node(self, metrics: list[Metric]) -> Iterator[tuple[str, Message]]:
        for each in metrics:
            if each.name in MESSAGES and each.value:
                yield f"{self._prefix}/{MESSAGES[each.name]}", json.loads(each.value)

    def _told(self, device: str, points: list[Metric], more: Message) -> tuple[str, Message]:
        """Return values as a change has them; what a window brings has no time of its own."""
        own = more.get("stream") == "change"
        told = {
            each.name: {"value": each.value, "q": _flags(each), "time": _time(each) if own else None} for each in points
        }
        self._last[device].update((each.name, each.value) for each in points)
        return f"{self._prefix}/change/{device}", {**more, "points": told}

    def _metrics(self, body: bytes, *, births: bool) -> Iterator[Metric]:
        for each in fields(body).get(2, []):
            found = fields(each)
            alias = _first(found, 2)
            name = _first(found, 1, b"").decode()
            if births and alias is not None:
                self._names[alias] = name
            yield Metric(
                name or self._names.get(alias, ""),
                None if _first(found, 7) else _value(found),
                _first(found, 3, 0),
                _first(found, 4, 0),
                bool(_first(found, 5)),
                _properties(found),
            )


def fields(data: bytes) -> Fields:
    """Take a message of protobuf apart.

    Raises:
        ValueError: it is none.
    """
    found: Fields = defaultdict(list)
    at = 0
    value: Any
    try:
        while at < len(data):
            key, at = _varint(data, at)
            match key & 7:
                case 0:
                    value, at = _varint(data, at)
                case 1:
                    (value,), at = struct.unpack_from("<d", data, at), at + 8
                case 5:
                    (value,), at = struct.unpack_from("<f", data, at), at + 4
                case 2:
                    size, at = _varint(data, at)
                    value, at = data[at : at + size], at + size
                case kind:
                    raise ValueError(f"wire type {kind} is none of protobuf")
            found[key >> 3].append(value)
    except (IndexError, struct.error):
        at = len(data) + 1
    if at > len(data):
        raise ValueError("a payload that ends too early")
    return found


def as_metric(kind: str) -> str:
    """Return how a birth tells a type: a number is a number."""
    return "bool" if kind == "bool" else NUMBER


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = data[at]
        value, shift, at = value | (octet & 0x7F) << shift, shift + 7, at + 1
        if not octet & 0x80:
            return value, at


def _first(found: Fields, number: int, otherwise: Any = None) -> Any:
    return found[number][0] if number in found else otherwise


def _value(found: Fields) -> Any:
    if 15 in found:
        return found[15][0].decode()
    return next((found[number][0] for number in (10, 11, 13, 14) if number in found), None)


def _properties(found: Fields) -> Mapping[str, Any]:
    if 9 not in found:
        return {}
    told = fields(found[9][0])
    values = (fields(each) for each in told.get(2, []))
    read = (_first(each, 8).decode() if 8 in each else _first(each, 3) for each in values)
    return dict(zip((each.decode() for each in told.get(1, [])), read, strict=True))


def _described(metric: Metric) -> dict[str, Any]:
    return {"unit": metric.properties.get("engUnit", ""), "type": "bool" if metric.datatype == BOOLEAN else NUMBER}


def _flags(metric: Metric) -> int:
    return int(metric.properties.get("Flags", 0) or 0)


def _time(metric: Metric) -> str:
    return datetime.fromtimestamp(metric.time_ms / 1000, UTC).isoformat()
