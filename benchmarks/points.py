"""The points that are measured with: uint16 registers, every one with limits and a fastest believable change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

LIMITS = {"low": 1, "high": 60_000, "hysteresis": 1, "rate_per_s": 1_000_000}
"""The devices move between 1,000 and 2,040, so nothing is ever wrong by itself."""
BEYOND = 65_000
"""A value over the high limit."""
WIDTHS = {"uint16": 1, "float32": 2}
"""Registers of one point."""


def point(address: int, kind: str = "uint16") -> dict[str, Any]:
    """Return the configuration of one point."""
    what = {} if kind == "uint16" else {"type": kind}
    limits = LIMITS if kind == "uint16" else {**LIMITS, "low": -1}
    return {"name": f"p{address}", "address": f"holding:{address}", **what, "limits": limits}


def device(name: str, port: int, points: int, *, kind: str = "uint16", every_s: float = 1) -> dict[str, Any]:
    """Return the configuration of one device, read every `every_s` seconds."""
    described = [point(number * WIDTHS[kind], kind) for number in range(points)]
    pace = {} if every_s == 1 else {"every_s": every_s}
    return {"name": name, "protocol": "modbus", "url": f"tcp://127.0.0.1:{port}", **pace, "points": described}


def write(
    file: Path, *, ports: list[int], points: int, broker: int, state_dir: Path, more: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write a gateway's configuration of devices of so many points, read once a second.

    `more` are devices beside those at `ports`.
    """
    devices = [*(device(f"d{number}", port, points) for number, port in enumerate(ports)), *more]
    write_devices(file, devices, broker=broker, state_dir=state_dir)


def write_devices(
    file: Path,
    devices: Sequence[Mapping[str, Any]],
    *,
    broker: int,
    state_dir: Path,
    window_s: int = 10,
    keys: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write a gateway's configuration: defaults, but for a status that is renewed every 10 s, and each alarm told.

    `keys` are other sections, and keys of `uplink`.
    """
    window = {} if window_s == 10 else {"window_s": window_s}
    config = {
        "gateway": {"site": "bench", "name": "gw", "state_dir": str(state_dir)},
        "uplink": {"url": f"mqtt://127.0.0.1:{broker}", "status_every_s": 10, **window, **keys.get("uplink", {})},
        "alarms": {"chatter_count": 1000, "fleeting_count": 1000, "flood_count": 10_000},  # each one is timed
        "devices": list(devices),
        **{key: section for key, section in keys.items() if key != "uplink"},
    }
    file.write_text(yaml.dump(config, Dumper=_Short, sort_keys=False, default_flow_style=None, width=200))


class _Short(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes equal mappings out, as people do, instead of as aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the interface of yaml
        return True
