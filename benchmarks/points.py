"""The points that are measured with: uint16 registers, every one with limits and a fastest believable change."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

LIMITS = {"low": 1, "high": 60_000, "hysteresis": 1, "rate_per_s": 1_000_000}
"""The devices move between 1,000 and 2,040, so nothing is ever wrong by itself."""
BEYOND = 65_000
"""A value over the high limit."""


def point(address: int) -> dict[str, Any]:
    """Return the configuration of one point."""
    return {"name": f"p{address}", "address": f"holding:{address}", "limits": LIMITS}


def device(name: str, port: int, points: int) -> dict[str, Any]:
    """Return the configuration of one device, read once a second."""
    url = f"tcp://127.0.0.1:{port}"
    return {"name": name, "protocol": "modbus", "url": url, "points": [point(address) for address in range(points)]}


def write(
    file: Path, *, ports: list[int], points: int, broker: int, state_dir: Path, more: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Write a gateway's configuration: defaults, but for a status that is renewed every window, and each alarm told.

    `more` are devices beside those at `ports`.
    """
    config = {
        "gateway": {"site": "bench", "name": "gw", "state_dir": str(state_dir)},
        "uplink": {"url": f"mqtt://127.0.0.1:{broker}", "status_every_s": 10},
        "alarms": {"chatter_count": 1000, "fleeting_count": 1000, "flood_count": 10_000},  # each one is timed
        "devices": [*(device(f"d{number}", port, points) for number, port in enumerate(ports)), *more],
    }
    file.write_text(yaml.dump(config, Dumper=_Short, sort_keys=False, default_flow_style=None, width=200))


class _Short(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes equal mappings out, as people do, instead of as aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the interface of yaml
        return True
