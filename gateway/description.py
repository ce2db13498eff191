"""What the gateway measures, in words: the body of the retained birth message."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from gateway.config.model import Config
from protocols.point import PointConfig


def describe(config: Config) -> dict[str, Any]:
    """Return every device's points with unit, type and role, and the hash of the configuration."""
    return {
        "config_hash": fingerprint(config),
        "window_s": config.uplink.window_s,
        "devices": {
            device.name: {
                "protocol": device.protocol,
                "every_s": device.every_s,
                "points": {point.name: _point(point) for point in device.points},
            }
            for device in config.devices
        },
    }


def fingerprint(config: Config) -> str:
    """Return the SHA-256 of what the configuration says, whatever its files look like."""
    digest = hashlib.sha256()
    for part in (
        config.gateway,
        config.uplink,
        config.store,
        config.recorder,
        config.evidence,
        config.poll,
        config.detectors,
    ):
        digest.update(repr(part).encode())
    for device in config.devices:
        digest.update(repr((device.protocol, device.endpoint, device.every_s)).encode())
        for point in device.points:
            digest.update(repr(point).encode())
    return digest.hexdigest()


def _point(point: PointConfig) -> Mapping[str, Any]:
    role = {key: value for key, value in asdict(point.role).items() if value is not None} if point.role else {}
    return {"unit": point.unit, "type": point.kind, "role": role}
