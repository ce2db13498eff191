"""How large messages will be: a typical window of each device, packed for the disk and encoded for the broker."""

import itertools
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gateway.config.model import Config
from gateway.core.messages import Summary
from gateway.description import describe
from gateway.store.limits import record_cost
from gateway.store.packing import to_record
from gateway.store.record import Row
from gateway.uplink import payload
from protocols.config import Device
from protocols.model import Values
from protocols.point import PointConfig

if TYPE_CHECKING:
    from gateway.uplink.sparkplug.device import Device as Metrics

DAY_S = 86_400
READINGS = 60
"""Readings of a window that are drawn; more of them change its size no more."""
LEVEL, SWING = 100.0, 0.003
"""A value without a rating, and by how much of it values move from reading to reading."""
NUMBER = 1_000_000
"""A sequence number of as many digits as they have after some weeks."""
START_NS, NS_PER_MS = 1_763_632_800_000_000_000, 1_000_000
STATUS_BYTES, STATUS_DEVICE_BYTES = 2000, 100
"""Of a status message: what all have, and each device beside its name; measured."""
METRIC_BYTES = 30
"""Of a Sparkplug NDATA with a metric that has changed: seldom more; measured."""
FIRST_ALIAS = 1000
"""Aliases of two octets, as all have but those of the first devices."""
ACK_BYTES = 4
"""A PUBACK without a reason: MQTT 5, clause 3.4."""


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a device, of which one comes each `every_s`; octets on disk, and on the wire with its PUBACK."""

    device: str
    every_s: float
    points: int
    disk_bytes: int
    wire_bytes: int


def windows(config: Config, moving: AbstractSet[str] = frozenset()) -> list[Window]:
    """Return the windows of all devices, of values that all move; devices in `moving` tell them as they do.

    Of others there is a window only where something was read in it.
    """
    sent, chance = _sent(config), np.random.default_rng(1)
    found = []
    for device in config.devices:
        if device.points:
            read_s = [0.0 if device.name in moving else point.every_s or device.every_s for point in device.points]
            every_s = max(config.uplink.window_s, min(read_s))
            before, summary = (_typical(device, config.uplink.window_s, np.array(read_s), chance) for _ in range(2))
            octets = record_cost(to_record(summary)), sent(device, before, summary)
            found.append(Window(device.name, every_s, len(device.points), *octets))
    return found


def wire_bytes_per_day(config: Config, of: list[Window]) -> int:
    """Return what goes to the broker in a day: windows and status, in MQTT; changes and alarms are not foreseen."""
    where = config.gateway
    if config.uplink.format == "json":
        size = STATUS_BYTES + sum(STATUS_DEVICE_BYTES + len(device.name) for device in config.devices)
        status = published(f"gridsentinel/{where.site}/{where.name}/status", size)
    else:
        status = published(f"spBv1.0/{where.site}/NDATA/{where.name}", METRIC_BYTES, qos=0)
    every_window = sum(window.wire_bytes / window.every_s for window in of)
    return round((every_window + status / config.uplink.status_every_s) * DAY_S)


def published(topic: str, size: int, *, qos: int = 1) -> int:
    """Return the octets of a PUBLISH, with its PUBACK if there is one: MQTT 5, clauses 2.1.4 and 3.3."""
    rest = 2 + len(topic.encode()) + (2 if qos else 0) + 1 + size
    return 1 + max(1, -(-rest.bit_length() // 7)) + rest + (ACK_BYTES if qos else 0)


def metrics(config: Config) -> "Mapping[str, Metrics]":
    """Return the Sparkplug metrics of each device, none where the format is another."""
    if config.uplink.format == "json":
        return {}
    from gateway.uplink.sparkplug.device import Device as Metrics  # noqa: PLC0415 - needs an optional package

    described: Mapping[str, Any] = describe(config)["devices"]
    found = {}
    aliases = itertools.count(FIRST_ALIAS)
    for device in config.devices:
        found[device.name] = Metrics(aliases, windows=config.uplink.sparkplug_metrics == "window")
        found[device.name].grow(described[device.name]["points"])
    return found


def _sent(config: Config) -> Callable[[Device, Summary, Summary], int]:
    """Return what tells the octets of a window on the wire, from the one before it and itself."""
    where = config.gateway
    if config.uplink.format == "json":

        def plain(device: Device, _before: Summary, summary: Summary) -> int:
            body = payload.encode(Row(NUMBER, to_record(summary)), historical=False)
            return published(f"gridsentinel/{where.site}/{where.name}/telemetry/{device.name}", len(body))

        return plain

    named = metrics(config)

    def sparkplug(device: Device, before: Summary, summary: Summary) -> int:
        named[device.name].birth(None, START_NS // NS_PER_MS)
        for number, each in enumerate((before, summary)):  # the second tells only what differs
            row = Row(NUMBER + number, to_record(each))
            body = named[device.name].data(each, row, historical=False, now_ms=START_NS // NS_PER_MS)
        return published(f"spBv1.0/{where.site}/DDATA/{where.name}/{device.name}", len(body), qos=0)

    return sparkplug


def _typical(device: Device, window_s: float, read_s: Values, chance: np.random.Generator) -> Summary:
    """Return a window in which something was read; of a point that is read seldom, not in each of them."""
    points, every_s = device.points, np.array([point.every_s or device.every_s for point in device.points])
    count = np.maximum(1, np.rint(window_s / every_s)).astype(np.uint32)
    count[chance.random(len(points)) * read_s > max(window_s, float(read_s.min()))] = 0
    readings = np.array([_readings(point, chance) for point in points])
    nothing = np.array([np.nan])
    kept = [row[: min(int(n), READINGS)] if n else nothing for row, n in zip(readings, count, strict=True)]
    return Summary(
        device=device.name,
        start_ns=START_NS,
        length_ns=int(window_s * 1e9),
        points=tuple(point.name for point in points),
        count=count,
        min=np.array([row.min() for row in kept]),
        max=np.array([row.max() for row in kept]),
        mean=np.array([row.mean() for row in kept]),
        last=np.array([row[-1] for row in kept]),
        quality=np.zeros(len(points), np.uint16),
        synchronised=True,
    )


def _readings(point: PointConfig, chance: np.random.Generator) -> Values:
    """Return readings as a device would tell them: whole numbers times the scale, or floats of 32 bits."""
    if point.status:
        return np.ones(READINGS)
    level = (point.role.rating if point.role and point.role.rating else LEVEL) * chance.uniform(0.5, 1.0)
    drawn = level + chance.normal(0, SWING * level, READINGS)
    if "int" in point.kind:
        return np.rint((drawn - point.offset) / point.scale) * point.scale + point.offset
    return drawn.astype(np.float32).astype(np.float64)
