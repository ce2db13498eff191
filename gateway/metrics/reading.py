"""How a metric finds its values in a gateway: one reader for each shape of what is known."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from gateway.metrics.metric import Read, Value
from gateway.metrics.source import Source
from gateway.store.record import Stream
from protocols.tap.config import TapPoint

Rows: TypeAlias = Iterable[tuple[tuple[str, ...], Value]]


def one(value: Callable[[Source], Value]) -> Read:
    """Read a single number."""
    return lambda source: (((), value(source)),)


def of_devices(key: str, factor: float = 1) -> Read:
    """Read what `Plant.devices` tells under `key`."""
    return lambda source: (((name,), told[key] * factor) for name, told in source.devices.items())


def of_lines(key: str) -> Read:
    """Read what `Plant.lines` tells under `key`."""
    return lambda source: (((told["line"],), told[key]) for told in source.lines)


def of_streams(value: Callable[[Source], Mapping[Stream, int]]) -> Read:
    """Read a number of each stream."""
    return lambda source: (((stream.value,), value(source).get(stream, 0)) for stream in Stream)


def of_alarms(key: str) -> Read:
    """Read what the overview of the alarms tells under `key`."""
    return one(lambda source: source.alarms[key])


def of_evidence(value: Callable[[Any], int]) -> Read:
    """Read a number of the witness; nothing where there is none."""
    return one(lambda source: value(source.plant.witness) if source.plant.witness is not None else None)


def of_page(key: str) -> Read:
    """Read what pages and export count under `key`; nothing where there is none."""
    return one(lambda source: source.page.get(key))


def points(source: Source) -> Rows:
    """Read how many points are good, bad, and not read yet."""
    image = source.plant.pipeline.image
    read, good = image.arrival_ns > 0, image.quality == 0
    yield ("good",), int(np.count_nonzero(read & good))
    yield ("bad",), int(np.count_nonzero(read & ~good))
    yield ("unread",), int(np.count_nonzero(~read))


def oldest(source: Source) -> Rows:
    """Read the age of the oldest last reading of each device: what a screen may still show as new."""
    arrival_ns = source.plant.pipeline.image.arrival_ns
    for device, rows in source.plant.points.rows_of.items():
        if rows and (oldest := int(arrival_ns[rows.start : rows.stop].min())):
            yield (device,), max(source.now_ns - oldest, 0) / 1e9


def checks(source: Source) -> Rows:
    """Read how far the checks have learned what is normal."""
    for check, subjects in source.plant.pipeline.learned().items():
        states = Counter[str](each.state for each in subjects)
        for state in ("learning", "ready", "frozen") if subjects else ():
            yield (check, state), states[state]


def taps(source: Source) -> Rows:
    """Read what taps count, which is a reading of a point of theirs, as it was a moment ago."""
    points, image = source.plant.points, source.plant.pipeline.image
    for device, rows in points.rows_of.items():
        for row in rows if rows and isinstance(points.configs[rows.start], TapPoint) else ():
            if image.arrival_ns[row]:
                yield (device, points.names[row]), float(image.values[row])
