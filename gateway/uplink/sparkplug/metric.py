"""One metric of a payload: its value by its datatype, and its quality."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from gateway.uplink.sparkplug.wire import DataType
from protocols.model import UNUSABLE, Qualities, Quality

BAD, GOOD, STALE = 0, 192, 500
"""All the codes there are: Sparkplug 3.0 clause 6.4.10."""
OUTDATED = np.uint16(Quality.OLD | Quality.COMM_LOST)
WRONG = np.uint16(UNUSABLE & ~Quality.COMM_LOST)
INT64 = 1 << 64
INT32 = 1 << 32


def codes(quality: Qualities) -> list[int]:
    """Return the code of each union of flags: stale, else bad, else good. Of a lost device nothing is known."""
    found = np.where(quality & OUTDATED, STALE, np.where(quality & WRONG, BAD, GOOD))
    return found.tolist()  # type: ignore[no-any-return]


def born(payload: Any, name: str, alias: int | None, datatype: DataType, value: Any, time_ms: int) -> Any:
    """Add a metric as a birth has it, with its name, and return it."""
    metric = payload.metrics.add(name=name, timestamp=time_ms, datatype=datatype)
    if alias is not None:
        metric.alias = alias
    put(metric, datatype, value)
    return metric


def in_order(payload: Any) -> bytes:
    """Encode `payload` with its metrics in the order of their times, as clause 6.4.8 wants them."""
    payload.metrics.sort(key=lambda metric: metric.timestamp)
    return payload.SerializeToString()  # type: ignore[no-any-return]


def put(metric: Any, datatype: DataType, value: Any) -> None:
    """Write a value, or that there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        metric.is_null = True
        return
    match datatype:
        case DataType.DOUBLE:
            metric.double_value = value
        case DataType.BOOLEAN:
            metric.boolean_value = bool(value)
        case DataType.INT32:
            metric.int_value = int(value) % INT32
        case DataType.INT64 | DataType.DATE_TIME:
            metric.long_value = int(value) % INT64
        case DataType.STRING:
            metric.string_value = value
        case DataType.DATA_SET:
            metric.dataset_value.CopyFrom(value)


def judge(metric: Any, code: int, flags: int) -> None:
    """Write the quality, and beside it the flags that Sparkplug has no code for."""
    describe(metric, {"Quality": code, "Flags": flags})


def describe(metric: Any, properties: Mapping[str, int | str]) -> None:
    """Write properties: texts, and whole numbers of 32 bits."""
    if not properties:
        return
    written = metric.properties
    for key, value in properties.items():
        written.keys.append(key)
        if isinstance(value, str):
            written.values.add(type=DataType.STRING, string_value=value)
        else:
            written.values.add(type=DataType.INT32, int_value=value)
