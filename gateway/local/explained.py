"""What the configuration says of one point, in words: address, decoding, scaling, rules, checks, role, topics."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from detectors.config import chosen
from gateway.config.model import Config
from protocols.config import Device
from protocols.point import PointConfig
from protocols.points import Points


def configured(config: Config, points: Points, row: int) -> Mapping[str, Any]:
    """Return it for the point of `row`."""
    point = points.configs[row]
    device = next(each for each in config.devices if each.name == points.device(row))
    return {
        "address": f"{getattr(point, 'address', '')} of {getattr(device, 'url', device.endpoint)}, {device.protocol}",
        "decoding": _decoding(point),
        "scaling": f"value = raw * {point.scale:.12g} + {point.offset:.12g}{f' {point.unit}' if point.unit else ''}",
        "rules": list(_rules(point)),
        "checks": _checks(config, points, row),
        "role": ", ".join(f"{key} {value}" for key, value in _said(point.role).items()),
        "topics": list(_topics(config, device, point)),
    }


def _decoding(point: PointConfig) -> str:
    order = getattr(point, "order", "")
    return f"{point.kind}, byte order {order}" if order else point.kind


def _rules(point: PointConfig) -> Iterator[str]:
    for key, value in _said(point.limits).items():
        yield f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
    if point.deadband is not None:
        yield f"sent at once when it moves by more than {point.deadband:g}"
    if point.status:
        yield "sent at once when it changes"


def _checks(config: Config, points: Points, row: int) -> list[str]:
    """Return the checks whose patterns match; what they need beyond that, as roles, `gridsentinel check` tells."""
    return sorted({each.detector for each in chosen(config.detectors) if row in points.matching(each.points)})


def _topics(config: Config, device: Device, point: PointConfig) -> Iterator[str]:
    site, name = config.gateway.site, config.gateway.name
    if config.uplink.format == "sparkplug_b":
        yield f"spBv1.0/{site}/DDATA/{name}/{device.name}, metric {point.name}"
        return
    every = f"every {config.uplink.window_s:g} s"
    yield f"gridsentinel/{site}/{name}/telemetry/{device.name}, points.{point.name}, {every}"
    if point.status or point.deadband is not None:
        yield f"gridsentinel/{site}/{name}/change/{device.name}, points.{point.name}"
    yield f"gridsentinel/{site}/{name}/alarm"


def _said(of: Any) -> Mapping[str, Any]:
    return {key: value for key, value in asdict(of).items() if value not in (None, 0.0)} if of is not None else {}
